"""Templates to answers, with the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from nightlight.model.action import CHOOSABLE
from nightlight.model.case import POLICY_TITLES, Outcome, Policy
from nightlight.web.console import words

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}

STATIC = resources.files("nightlight.web.console") / "static"


def _fingerprint(path: str) -> str:
    """The address of a static file with a mark of its content, so that browsers may keep it."""
    return f"/static/{path}?v={hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nightlight.web.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=words.visible, short=words.short, clock=words.clock, ago=words.ago, log_words=words.log_words
    )
    environment.globals.update(
        words=words,
        static={
            name: _fingerprint(name)
            for name in ("vendor/pico/pico.min.css", "vendor/htmx/htmx.min.js", "console.css", "console.js", "logo.svg")
        },
        policies=[(policy, POLICY_TITLES[policy]) for policy in Policy],
        outcomes=list(Outcome),
        choosable=CHOOSABLE,
    )
    return environment


_templates = _environment()


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A rendered template. Everything in ``values`` is escaped."""
    return HTMLResponse(_templates.get_template(template).render(**values), status, HEADERS)
