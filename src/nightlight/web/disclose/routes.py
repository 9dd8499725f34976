"""The disclosure page: static files, a strict policy, and a small document of what this installation is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from nightlight.errors import RefusedError
from nightlight.model.report import Category

STATIC = resources.files("nightlight.web.disclose") / "static"
PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class DisclosurePage:
    """``homeserver``: the address that browsers reach it at. ``quick_exit``: where "Leave this page" leads."""

    homeserver: str
    server_name: str
    quick_exit: str
    messages_max: int
    context_max: int
    note_chars_max: int

    def __post_init__(self) -> None:
        for name, address in (("homeserver_public_url", self.homeserver), ("quick_exit_url", self.quick_exit)):
            url = urlsplit(address)
            if url.scheme not in ("http", "https") or not url.hostname or any(c in address for c in " ;,'\"\r\n"):
                raise RefusedError(name, f"{name} is not an address that a browser can open: {address!r}.")

    @property
    def origin(self) -> str:
        url = urlsplit(self.homeserver)
        return f"{url.scheme}://{url.netloc}"

    @property
    def headers(self) -> dict[str, str]:
        """Nothing but our own files, and no other place than this one and the homeserver."""
        return {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; worker-src 'self'; "
                f"connect-src 'self' {self.origin}; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
                "require-trusted-types-for 'script'; trusted-types nightlight-worker"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        }

    def config(self) -> dict[str, Any]:
        return {
            "homeserver": self.homeserver.rstrip("/"),
            "serverName": self.server_name,
            "quickExit": self.quick_exit,
            "messagesMax": self.messages_max,
            "contextMax": self.context_max,
            "noteCharsMax": self.note_chars_max,
            "categories": list(Category),
        }


def disclosure_routes(page: DisclosurePage) -> list[BaseRoute]:
    """The routes of the page. All of it is public: it holds nothing."""
    text = (STATIC / PAGE).read_bytes()

    def report(_request: Request) -> Response:
        return Response(text, 200, page.headers, "text/html")

    def config(_request: Request) -> Response:
        return JSONResponse(page.config(), headers=page.headers)

    return [
        Route("/report", report, methods=["GET"]),
        Route("/report/config.json", config, methods=["GET"]),
        Mount("/report/static", _Files(page.headers), name="report-static"),
    ]


def file_hashes() -> dict[str, str]:
    """SHA-256 of every file of the page, so that anybody can compare what they were served with what was released."""
    found: dict[str, str] = {}

    def walk(folder: Any, prefix: str) -> None:
        for item in sorted(folder.iterdir(), key=lambda entry: str(entry.name)):
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            elif not item.name.startswith("."):
                found[f"{prefix}{item.name}"] = hashlib.sha256(item.read_bytes()).hexdigest()

    walk(STATIC, "")
    return found


class _Files(StaticFiles):
    """Modules name each other without a mark of their content, so browsers ask each time whether they changed."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(directory=str(STATIC))
        self._headers = headers

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        response.headers["Cache-Control"] = "no-cache"
        return response
