"""The console's routes. Every one but signing in needs a session; every change needs its form token."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from nightlight.errors import RefusedError
from nightlight.flows.refer import Referrer
from nightlight.flows.review import CaseFile, Desk, RevealedMessage
from nightlight.flows.sign_in import Door
from nightlight.flows.signal_report import ring_sheet
from nightlight.model.action import ActionKind, ActionState
from nightlight.model.case import CaseState, Outcome, Policy
from nightlight.model.retention import Record
from nightlight.web.console.assets import Assets
from nightlight.web.console.form import choice, text
from nightlight.web.console.guard import Guard, go, guarded, is_htmx, path
from nightlight.web.console.pages import HEADERS, page
from nightlight.web.console.problem import status_of
from nightlight.web.console.proof import can_be_opened, own_servers
from nightlight.web.console.retention_words import retention_values
from nightlight.web.console.second_look_words import second_look_values
from nightlight.web.console.session import Session, Sessions, check_origin, local_path


def console_routes(
    desk: Desk, door: Door, referrer: Referrer, *, cookie_secure: bool, session_seconds: int
) -> list[BaseRoute]:
    """Every route of the console. ``session_seconds``: how long the cookie lasts."""
    sessions = Sessions(door, cookie_secure, session_seconds)
    console, signed_in = Console(desk, referrer, sessions), Guard(sessions).signed_in
    return [
        Route("/login", guarded(console.login_page), methods=["GET"]),
        Route("/login", guarded(console.login), methods=["POST"]),
        Route("/logout", guarded(signed_in(console.logout)), methods=["POST"]),
        Route("/", guarded(signed_in(console.queue)), methods=["GET"]),
        Route("/cases/{case_id}", guarded(signed_in(console.case)), methods=["GET"]),
        Route("/cases/{case_id}/actions", guarded(signed_in(console.actions)), methods=["GET"]),
        Route("/cases/{case_id}/reveal", guarded(signed_in(console.reveal)), methods=["POST"]),
        Route("/cases/{case_id}/reveal-all", guarded(signed_in(console.reveal_all)), methods=["POST"]),
        Route("/cases/{case_id}/decide", guarded(signed_in(console.decide)), methods=["POST"]),
        Route("/cases/{case_id}/refer", guarded(signed_in(console.refer)), methods=["POST"]),
        Route("/referrals/{referral_id}/attestation", guarded(signed_in(console.attestation)), methods=["GET"]),
        Route("/referrals/{referral_id}/approve", guarded(signed_in(console.approve)), methods=["POST"]),
        Route("/referrals/{referral_id}/export", guarded(signed_in(console.export)), methods=["POST"]),
        Route("/cases/{case_id}/keep", guarded(signed_in(console.keep)), methods=["POST"]),
        Route("/cases/{case_id}/check", guarded(signed_in(console.check)), methods=["POST"]),
        Route("/actions/{action_id}/retry", guarded(signed_in(console.retry)), methods=["POST"]),
        Mount("/static", Assets(HEADERS), name="static"),
    ]


@dataclass(frozen=True, slots=True)
class Console:
    desk: Desk
    referrer: Referrer
    sessions: Sessions

    def login_page(self, request: Request, _form: FormData) -> Response:
        target = local_path(request.query_params.get("next", "/"))
        return page("login.html", next=target, username="", error=None, session=None)

    def login(self, request: Request, form: FormData) -> Response:
        check_origin(request)
        target = local_path(text(form, "next") or "/")
        response = RedirectResponse(target, 303, HEADERS)
        try:
            self.sessions.start(response, text(form, "username"), text(form, "password"))
        except RefusedError as e:
            username = text(form, "username")[:64]
            return page("login.html", status_of(e), next=target, username=username, error=e, session=None)
        return response

    def logout(self, request: Request, _form: FormData, _session: Session) -> Response:
        response = RedirectResponse("/login", 303, HEADERS)
        self.sessions.end(request, response)
        return response

    def queue(self, request: Request, _form: FormData, session: Session) -> Response:
        state = CaseState.DECIDED if request.query_params.get("state") == "decided" else CaseState.OPEN
        template = "queue_part.html" if is_htmx(request) else "queue.html"
        queue = self.desk.queue(state)
        return page(template, queue=queue, state=state, now=self.desk.clock.now(), session=session)

    def case(self, request: Request, _form: FormData, session: Session) -> Response:
        file = self.desk.case(path(request, "case_id"), session.username)
        query = request.query_params
        # Only what this session decided is announced; a made-up address announces nothing.
        decided, actions = query.get("decided", ""), query.get("actions", "")
        said = session.knows(query.get("mark", ""), decided, actions) and actions.isdecimal()
        feedback = {"case_id": decided, "actions": int(actions)} if said else None
        return self._case_page(file, session, feedback=feedback)

    def actions(self, request: Request, _form: FormData, session: Session) -> Response:
        file = self.desk.case(path(request, "case_id"), session.username)
        return page("actions_part.html", **self._values(file, session))

    def reveal(self, request: Request, form: FormData, session: Session) -> Response:
        case_id, event_id = path(request, "case_id"), text(form, "event_id")
        revealed = self.desk.reveal(case_id, event_id, session.username)
        file = self.desk.case(case_id, session.username)
        shown = {event_id: revealed}
        if not is_htmx(request):
            return self._case_page(file, session, revealed=shown)
        number, line = next((n, li) for n, li in enumerate(file.lines, 1) if li.message.event_id == event_id)
        return page("message.html", **self._values(file, session), number=number, line=line, revealed=shown)

    def reveal_all(self, request: Request, _form: FormData, session: Session) -> Response:
        case_id = path(request, "case_id")
        revealed = self.desk.reveal_all(case_id, session.username)
        return self._case_page(self.desk.case(case_id, session.username), session, revealed=revealed)

    def decide(self, request: Request, form: FormData, session: Session) -> Response:
        case_id, htmx = path(request, "case_id"), is_htmx(request)
        try:
            self.desk.decide(
                case_id,
                session.username,
                choice(Outcome, text(form, "outcome"), "outcome"),
                choice(Policy, text(form, "policy") or Policy.NONE, "policy"),
                text(form, "reason"),
                [choice(ActionKind, str(kind), "action") for kind in form.getlist("actions")],
            )
        except RefusedError as e:
            if e.code == "case_not_found":
                raise
            file = self.desk.case(case_id, session.username)
            if not htmx:
                return self._case_page(file, session, status_of(e), typed=form, error=e)
            part = "too_late.html" if file.decision else "decide.html"
            return page(part, status_of(e), **self._values(file, session), **_typed(form), error=e)
        ordered = self.desk.case(case_id, session.username).actions
        count = str(sum(1 for action in ordered if action.kind is not ActionKind.NOTIFY_REPORTER))
        following = self.desk.queue().cases if text(form, "then") == "next" else []
        here = following[0].case_id if following else case_id
        mark = session.mark(case_id, count)
        return go(f"/cases/{here}?{urlencode({'decided': case_id, 'actions': count, 'mark': mark})}", htmx=htmx)

    def refer(self, request: Request, form: FormData, session: Session) -> Response:
        case_id = path(request, "case_id")
        agency, basis = text(form, "agency"), text(form, "legal_basis")
        chosen = [str(event_id) for event_id in form.getlist("chosen")]
        try:
            self.referrer.propose(case_id, session.username, agency, basis, chosen)
        except RefusedError as e:
            if e.code == "case_not_found":
                raise
            file = self.desk.case(case_id, session.username)
            typed = {"agency": agency, "legal_basis": basis}
            return self._case_page(file, session, status_of(e), refer_error=e, refer_typed=typed)
        return go(f"/cases/{case_id}#referrals")

    def attestation(self, request: Request, _form: FormData, _session: Session) -> Response:
        referral = self.referrer.referral(path(request, "referral_id"))
        return _download(f"{referral.referral_id}.attestation", referral.attestation)

    def approve(self, request: Request, form: FormData, session: Session) -> Response:
        referral = self.referrer.referral(path(request, "referral_id"))
        try:
            self.referrer.approve(referral.referral_id, _base64(text(form, "approval")))
        except RefusedError as e:
            file = self.desk.case(referral.case_id, session.username)
            return self._case_page(file, session, status_of(e), refer_error=e)
        return go(f"/cases/{referral.case_id}#referrals")

    def export(self, request: Request, _form: FormData, session: Session) -> Response:
        handed = self.referrer.export(path(request, "referral_id"), session.username)
        return _download(handed.name, handed.data)

    def retry(self, request: Request, _form: FormData, session: Session) -> Response:
        action = self.desk.retry(path(request, "action_id"), session.username)
        return go(f"/cases/{action.case_id}" if action.case_id else "/")

    def keep(self, request: Request, form: FormData, session: Session) -> Response:
        case_id, event_id, attachment_id = _attachment(request, form)
        self.desk.keep_attachment(case_id, event_id, attachment_id, session.username, text(form, "reason"))
        return go(f"/cases/{case_id}#{attachment_id}")

    def check(self, request: Request, form: FormData, session: Session) -> Response:
        case_id, event_id, attachment_id = _attachment(request, form)
        self.desk.check_attachment_again(case_id, event_id, attachment_id, session.username)
        return go(f"/cases/{case_id}#{attachment_id}")

    def _case_page(
        self,
        file: CaseFile,
        session: Session,
        status: int = 200,
        *,
        revealed: dict[str, RevealedMessage] | None = None,
        typed: FormData | None = None,
        error: RefusedError | None = None,
        feedback: dict[str, Any] | None = None,
        refer_error: RefusedError | None = None,
        refer_typed: dict[str, str] | None = None,
    ) -> Response:
        values = {**self._values(file, session), **_typed(typed or FormData())}
        values |= {"refer_error": refer_error, "refer_typed": refer_typed or {"agency": "", "legal_basis": ""}}
        return page("case.html", status, **values, revealed=revealed or {}, error=error, feedback=feedback)

    def _values(self, file: CaseFile, session: Session) -> dict[str, Any]:
        return {
            "file": file,
            "case": file.case,
            "session": session,
            "now": self.desk.clock.now(),
            "working": any(action.state is ActionState.PENDING for action in file.actions),
            "own_servers": own_servers(file.reports),
            "line_numbers": {m.event_id: n for n, m in enumerate(file.messages, 1)},
            "openable": 0 if Record.CASE_EVIDENCE in file.erased else sum(map(can_be_opened, file.messages)),
            **retention_values(file),
            **second_look_values(file, session.username),
            "rings": {one.alert_id: ring_sheet(one, self.desk.events.number) for one in file.alerts},
            "first_reported": next((n for n, m in enumerate(file.messages, 1) if m.reported), 1),
        }


def _typed(form: FormData) -> dict[str, Any]:
    """What the reviewer typed, to show it again."""
    return {
        "typed": {key: text(form, key) for key in ("outcome", "policy", "reason")},
        "typed_actions": [str(kind) for kind in form.getlist("actions")],
    }


def _download(name: str, data: bytes) -> Response:
    disposition = f'attachment; filename="{name}"'
    return Response(data, 200, {**HEADERS, "Content-Disposition": disposition}, "application/octet-stream")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("signature_malformed", "The approval is not base64.", "Copy all of it.") from None


def _attachment(request: Request, form: FormData) -> tuple[str, str, str]:
    return path(request, "case_id"), text(form, "event_id"), text(form, "attachment_id")
