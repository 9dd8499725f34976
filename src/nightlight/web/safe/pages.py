"""Templates to answers, in the person's language, with the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from nightlight.errors import RefusedError
from nightlight.respond.visible import visible
from nightlight.web.disclose.routes import STATIC as DISCLOSE
from nightlight.web.safe.words import LANGUAGES, WORDS

STATIC = resources.files("nightlight.web.safe") / "static"
#: Served here under our own address, so that there is one client of the homeserver and not two.
MATRIX = DISCLOSE / "app" / "matrix.js"
_FILES = ("safe.css", "safe.js", "sign-in.js", "icon.svg")
_MARKS = {name: hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12] for name in _FILES}


@dataclass(frozen=True, slots=True)
class SafePage:
    """``homeserver``: the address that browsers reach it at. ``quick_exit``: where "Leave this page" leads."""

    homeserver: str
    server_name: str
    quick_exit: str
    language: str
    country: str

    def __post_init__(self) -> None:
        for name, address in (("homeserver_public_url", self.homeserver), ("quick_exit_url", self.quick_exit)):
            url = urlsplit(address)
            if url.scheme not in ("http", "https") or not url.hostname or any(c in address for c in " ;,'\"\r\n"):
                raise RefusedError(name, f"{name} is not an address that a browser can open: {address!r}.")

    def headers(self, *, signing_in: bool) -> dict[str, str]:
        """Nothing but our own files; only where somebody signs in, scripts may also talk to the homeserver."""
        url = urlsplit(self.homeserver)
        places = f"'self' {url.scheme}://{url.netloc}" if signing_in else "'none'"
        return {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                f"connect-src {places}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
                "require-trusted-types-for 'script'; trusted-types 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            # "same-origin" where a form goes out: else browsers say "Origin: null" of it.
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
            "Vary": "Accept-Language, Cookie",
        }


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nightlight.web.safe"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(visible=visible, fill=lambda text, **values: text.format(**values))
    environment.globals.update(
        static={name: f"/safe/static/{name}?v={mark}" for name, mark in _MARKS.items()},
        languages=[(code, WORDS[code]["language"]) for code in LANGUAGES],
    )
    return environment


_templates = _environment()


def page(
    config: SafePage,
    template: str,
    language: str,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A rendered template. Everything in ``values`` is escaped; ``t`` has the words."""
    words = WORDS[language]
    text = _templates.get_template(template).render(
        t=words, lang=language, config=config, day=lambda at: day(at, language), **values
    )
    own = config.headers(signing_in=template == "welcome.html")
    return HTMLResponse(text, status, {**own, **(headers or {}), "Content-Language": language})


def day(at: int, language: str) -> str:
    """A day in UTC as people write it."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    name = WORDS[language]["month"]["names"][moment.month - 1]
    return f"{moment.day}. {name}" if language == "de" else f"{moment.day} {name}"


class Files(StaticFiles):
    """Our files; browsers keep them only under the mark of their content."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(directory=str(STATIC))
        self._headers = headers

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("v", [""])[0]
        kept = given != "" and given == _MARKS.get(path)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response
