"""Templates of pages that stand alone: nothing is loaded from anywhere, they can be opened from a disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2


def page_template(name: str, finalize: Callable[[Any], Any] | None = None) -> jinja2.Template:
    """``finalize``: what becomes of every value before it is written and escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nightlight.cli", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    return environment.get_template(name)
