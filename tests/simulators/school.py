"""A school's single sign-on: CAS Protocol 2.0, "/login" and "/proxyValidate"; everybody who asks is let in by name."""

from __future__ import annotations

import html
import secrets
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route


class School:
    """Tickets are good once, and for the service that they were made for (CAS 2.0, §3.1.1)."""

    def __init__(self) -> None:
        self._tickets: dict[str, tuple[str, str]] = {}
        routes = [Route("/login", self._login), Route("/proxyValidate", self._validate)]
        self.app = Starlette(routes=routes)

    def _login(self, request: Request) -> Response:
        service, name = request.query_params["service"], request.query_params.get("name")
        if name is None:
            hidden = f'<input type="hidden" name="service" value="{html.escape(service)}">'
            form = f'<form>{hidden}<label>Name <input name="name"></label><button>Enter</button></form>'
            return HTMLResponse(f"<!doctype html><title>School</title>{form}")
        ticket = f"ST-{secrets.token_urlsafe(12)}"
        self._tickets[ticket] = (service, name)
        return RedirectResponse(f"{service}{'&' if '?' in service else '?'}{urlencode({'ticket': ticket})}", 302)

    def _validate(self, request: Request) -> Response:
        service, name = self._tickets.pop(request.query_params["ticket"], ("", ""))
        if not name or service != request.query_params["service"]:
            inner = '<cas:authenticationFailure code="INVALID_TICKET">not known</cas:authenticationFailure>'
        else:
            user = f"<cas:user>{html.escape(name)}</cas:user>"
            inner = f"<cas:authenticationSuccess>{user}</cas:authenticationSuccess>"
        text = f'<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">{inner}</cas:serviceResponse>'
        return Response(text, media_type="application/xml")
