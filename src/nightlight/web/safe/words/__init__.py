"""Every word of the page, a file for each language; all of them say the same things."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

LANGUAGES = ("en", "de", "fr")


def _read(language: str) -> dict[str, Any]:
    return tomllib.loads((resources.files(__name__) / f"{language}.toml").read_text(encoding="utf-8"))


WORDS: dict[str, dict[str, Any]] = {language: _read(language) for language in LANGUAGES}


def chosen(accepted: str, *wanted: str | None) -> str:
    """The first of ``wanted`` that there is, else the best of an ``Accept-Language`` header (RFC 9110 §12.5.4)."""
    for language in wanted:
        if language in WORDS:
            return language
    weighed: list[tuple[float, int, str]] = []
    for place, item in enumerate(accepted[:500].split(",")):
        tag, _, weight = item.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        if primary in WORDS and quality > 0:
            weighed.append((-quality, place, primary))
    return min(weighed)[2] if weighed else ""
