"""The console's routes. Every one but signing in needs a session; every change needs its form token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from nightlight.errors import NightlightError, RefusedError, UnavailableError
from nightlight.flows.review import CaseFile, Desk, RevealedMessage
from nightlight.flows.sign_in import Door
from nightlight.model.action import ActionKind, ActionState
from nightlight.model.case import CaseState, Outcome, Policy
from nightlight.web.body import read_bytes
from nightlight.web.console.pages import HEADERS, STATIC, page
from nightlight.web.console.session import Session, Sessions, check_csrf, check_origin, local_path

FORM_BYTES_MAX = 65_536
FORM_FIELDS_MAX = 50

_STATUS = {
    "case_not_found": 404,
    "message_not_found": 404,
    "already_decided": 409,
    "not_failed": 409,
    "csrf": 403,
    "body_too_large": 413,
    "form_malformed": 400,
    "sign_in_failed": 401,
    "sign_in_blocked": 429,
}

T = TypeVar("T", Outcome, Policy, ActionKind)
Handler = Callable[[Request, FormData], Response]
SignedIn = Callable[[Request, FormData, Session], Response]


def console_routes(desk: Desk, door: Door, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """Every route of the console. ``session_seconds``: how long the cookie lasts."""
    console = Console(desk, Sessions(door, cookie_secure, session_seconds))
    signed_in = console.signed_in
    return [
        Route("/login", _guarded(console.login_page), methods=["GET"]),
        Route("/login", _guarded(console.login), methods=["POST"]),
        Route("/logout", _guarded(signed_in(console.logout)), methods=["POST"]),
        Route("/", _guarded(signed_in(console.queue)), methods=["GET"]),
        Route("/cases/{case_id}", _guarded(signed_in(console.case)), methods=["GET"]),
        Route("/cases/{case_id}/actions", _guarded(signed_in(console.actions)), methods=["GET"]),
        Route("/cases/{case_id}/reveal", _guarded(signed_in(console.reveal)), methods=["POST"]),
        Route("/cases/{case_id}/decide", _guarded(signed_in(console.decide)), methods=["POST"]),
        Route("/actions/{action_id}/retry", _guarded(signed_in(console.retry)), methods=["POST"]),
        Mount("/static", StaticFiles(directory=str(STATIC)), name="static"),
    ]


@dataclass(frozen=True, slots=True)
class Console:
    desk: Desk
    sessions: Sessions

    def signed_in(self, handler: SignedIn) -> Handler:
        """Only for reviewers; forms must carry the token of their session."""

        def handle(request: Request, form: FormData) -> Response:
            session = self.sessions.of(request)
            if session is None:
                # A form cannot be taken up again after signing in; a page can.
                back = request.url.path if request.method == "GET" else "/"
                target = f"/login?next={quote(back)}"
                if _is_htmx(request):  # a part of a page cannot sign in; the whole page must
                    return Response(status_code=204, headers={**HEADERS, "HX-Redirect": "/login"})
                return RedirectResponse(target, 303, HEADERS)
            if request.method != "GET":
                check_csrf(session, _text(form, "csrf"))
            return handler(request, form, session)

        return handle

    def login_page(self, request: Request, _form: FormData) -> Response:
        return page("login.html", next=local_path(request.query_params.get("next", "/")), username="", error=None)

    def login(self, request: Request, form: FormData) -> Response:
        check_origin(request)
        target = local_path(_text(form, "next") or "/")
        response = RedirectResponse(target, 303, HEADERS)
        try:
            self.sessions.start(response, _text(form, "username"), _text(form, "password"))
        except RefusedError as e:
            return page("login.html", _STATUS[e.code], next=target, username=_text(form, "username"), error=e)
        return response

    def logout(self, request: Request, _form: FormData, _session: Session) -> Response:
        response = RedirectResponse("/login", 303, HEADERS)
        self.sessions.end(request, response)
        return response

    def queue(self, request: Request, _form: FormData, session: Session) -> Response:
        state = CaseState.DECIDED if request.query_params.get("state") == "decided" else CaseState.OPEN
        template = "queue_part.html" if _is_htmx(request) else "queue.html"
        queue = self.desk.queue(state)
        return page(template, queue=queue, state=state, now=self.desk.clock.now(), session=session)

    def case(self, request: Request, _form: FormData, session: Session) -> Response:
        file = self.desk.case(_path(request, "case_id"), session.username)
        return self._case_page(file, session, decided=request.query_params.get("decided"))

    def actions(self, request: Request, _form: FormData, session: Session) -> Response:
        file = self.desk.case(_path(request, "case_id"), session.username)
        return page("actions_part.html", **self._values(file, session))

    def reveal(self, request: Request, form: FormData, session: Session) -> Response:
        case_id, event_id = _path(request, "case_id"), _text(form, "event_id")
        revealed = self.desk.reveal(case_id, event_id, session.username)
        file = self.desk.case(case_id, session.username)
        if _is_htmx(request):
            message = next(m for m in file.messages if m.event_id == event_id)
            shown = {event_id: revealed}
            return page("message.html", **self._values(file, session), message=message, revealed=shown)
        return self._case_page(file, session, revealed={event_id: revealed})

    def decide(self, request: Request, form: FormData, session: Session) -> Response:
        case_id = _path(request, "case_id")
        try:
            self.desk.decide(
                case_id,
                session.username,
                _choice(Outcome, _text(form, "outcome"), "outcome"),
                _choice(Policy, _text(form, "policy") or Policy.NONE, "policy"),
                _text(form, "reason"),
                [_choice(ActionKind, str(kind), "action") for kind in form.getlist("actions")],
            )
        except RefusedError as e:
            if e.code == "case_not_found":
                raise
            file = self.desk.case(case_id, session.username)
            return self._case_page(file, session, _STATUS.get(e.code, 422), typed=form, error=e)
        following = self.desk.queue().cases if _text(form, "then") == "next" else []
        target = f"/cases/{following[0].case_id}?decided={case_id}" if following else f"/cases/{case_id}?decided=1"
        return RedirectResponse(target, 303, HEADERS)

    def retry(self, request: Request, _form: FormData, session: Session) -> Response:
        action = self.desk.retry(_path(request, "action_id"), session.username)
        return RedirectResponse(f"/cases/{action.case_id}" if action.case_id else "/", 303, HEADERS)

    def _case_page(
        self,
        file: CaseFile,
        session: Session,
        status: int = 200,
        *,
        revealed: dict[str, RevealedMessage] | None = None,
        typed: FormData | None = None,
        error: RefusedError | None = None,
        decided: str | None = None,
    ) -> Response:
        typed = typed or FormData()
        return page(
            "case.html",
            status,
            **self._values(file, session),
            revealed=revealed or {},
            typed={key: _text(typed, key) for key in ("outcome", "policy", "reason")},
            typed_actions=[str(kind) for kind in typed.getlist("actions")],
            error=error,
            decided=decided,
        )

    def _values(self, file: CaseFile, session: Session) -> dict[str, Any]:
        working = any(action.state is ActionState.PENDING for action in file.actions)
        return {"file": file, "case": file.case, "session": session, "now": self.desk.clock.now(), "working": working}


def _guarded(handler: Handler) -> Callable[[Request], Any]:
    """Reads a bounded form, runs the handler on a thread, and turns every refusal into a page."""

    async def endpoint(request: Request) -> Response:
        try:
            form = await _form(request) if request.method == "POST" else FormData()
            return await run_in_threadpool(handler, request, form)
        except NightlightError as e:
            unavailable = isinstance(e, UnavailableError)
            status = 503 if unavailable else _STATUS.get(e.code, 422)
            hint = "Try again in a moment." if isinstance(e, UnavailableError) else getattr(e, "hint", "")
            template = "problem_part.html" if _is_htmx(request) else "problem.html"
            return page(template, status, message=e.message, hint=hint, session=None)

    return endpoint


async def _form(request: Request) -> FormData:
    """A form body, bounded before it is parsed. Files are not taken."""
    try:
        data = await read_bytes(request, FORM_BYTES_MAX)
    except ClientDisconnect:
        raise RefusedError("form_malformed", "The form did not arrive whole.") from None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError("form_malformed", "The form has a kind that is not taken here.")
    replay = Request({**request.scope}, _once(data))
    try:
        return await replay.form(max_files=0, max_fields=FORM_FIELDS_MAX)
    except (HTTPException, UnicodeDecodeError, ValueError):
        raise RefusedError("form_malformed", "The form cannot be read.") from None


def _once(data: bytes) -> Callable[[], Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    return receive


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    # PostgreSQL stores no NUL, and nobody means one.
    return value.replace("\x00", "") if isinstance(value, str) else ""


def _path(request: Request, name: str) -> str:
    return str(request.path_params[name]).replace("\x00", "")


def _is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _choice(kind: type[T], value: str, what: str) -> T:
    try:
        return kind(value)
    except ValueError:
        raise RefusedError(f"{what}_unknown", f"Choose one of the listed values for {what}.") from None
