"""The console's own files: addresses that change with their content, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = resources.files("nightlight.web.console") / "static"
NAMES = (
    "vendor/pico/pico.min.css",
    "vendor/htmx/htmx.min.js",
    "console.css",
    "policies.css",
    "detection.css",
    "rings.css",
    "referrals.css",
    "record.css",
    "console.js",
    "logo.svg",
)
_MARKS = {name: hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12] for name in NAMES}

ADDRESSES = {name: f"/static/{name}?v={mark}" for name, mark in _MARKS.items()}


class Assets(StaticFiles):
    """Static files with the headers of the pages; kept by browsers only under the mark of their content."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(directory=str(STATIC))
        self._headers = headers

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        marked = _mark(scope) == _MARKS.get(path.replace("\\", "/"), "")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if marked else "no-cache"
        return response


def _mark(scope: Scope | dict[str, Any]) -> str | None:
    values = parse_qs(scope["query_string"].decode("latin-1")).get("v")
    return values[0] if values else None
