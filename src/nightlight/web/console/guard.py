"""What stands before every handler of the console: a session, a form token, a bounded form, refusals as pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nightlight.errors import RefusedError, UnavailableError
from nightlight.web.console.form import FORM_BYTES_MAX, read_form, text
from nightlight.web.console.pages import HEADERS
from nightlight.web.console.problem import problem
from nightlight.web.console.session import Session, Sessions, check_csrf

Handler = Callable[[Request, FormData], Response]
SignedIn = Callable[[Request, FormData, Session], Response]


@dataclass(frozen=True, slots=True)
class Guard:
    sessions: Sessions

    def signed_in(self, handler: SignedIn) -> Handler:
        """Only for reviewers; forms must carry the token of their session."""

        def handle(request: Request, form: FormData) -> Response:
            session = self.sessions.of(request)
            if session is None:
                return _to_the_door(request)
            request.state.session = session
            if request.method == "POST":
                check_csrf(session, text(form, "csrf"))
            return handler(request, form, session)

        return handle


def _to_the_door(request: Request) -> Response:
    if is_htmx(request):
        if request.method == "POST":  # what was typed stays on the page
            raise RefusedError("signed_out", "You are signed out. Nothing was sent.", "Sign in again.")
        return go("/login", htmx=True)
    # A form cannot be taken up again after signing in; a page can.
    query = f"?{request.url.query}" if request.url.query else ""
    back = request.url.path + query if request.method in ("GET", "HEAD") else "/"
    return go(f"/login?next={quote(back)}")


def guarded(handler: Handler, form_bytes_max: int = FORM_BYTES_MAX) -> Callable[[Request], Any]:
    """Reads a bounded form, runs the handler on a thread, and turns every refusal into a page."""

    async def endpoint(request: Request) -> Response:
        try:
            form = await read_form(request, form_bytes_max) if request.method == "POST" else FormData()
            return await run_in_threadpool(handler, request, form)
        except (RefusedError, UnavailableError) as e:
            return problem(e, getattr(request.state, "session", None), part=is_htmx(request))

    return endpoint


def go(target: str, *, htmx: bool = False) -> Response:
    if htmx:  # htmx would put the next page into a part of this one
        return Response(status_code=204, headers={**HEADERS, "HX-Redirect": target})
    return RedirectResponse(target, 303, HEADERS)


def path(request: Request, name: str) -> str:
    return str(request.path_params[name]).replace("\x00", "")


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"
