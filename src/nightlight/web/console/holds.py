"""Holds in the console: placed from a case, and let go by two people who both sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.holds import HoldDesk, NewHold
from nightlight.flows.review import Desk
from nightlight.flows.sign_in import Door
from nightlight.model.hold import HoldKind, HoldScope
from nightlight.web.console.form import text
from nightlight.web.console.guard import Guard, go, guarded, path
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.retention_words import NOTHING_TYPED, retention_values
from nightlight.web.console.session import Session, Sessions


def hold_routes(
    desk: Desk, holds: HoldDesk, door: Door, *, cookie_secure: bool, session_seconds: int
) -> list[BaseRoute]:
    """Every route about holds. All need a session and its form token."""
    pages, signed_in = HoldPages(desk, holds), Guard(Sessions(door, cookie_secure, session_seconds)).signed_in
    return [
        Route("/cases/{case_id}/hold", guarded(signed_in(pages.place)), methods=["POST"]),
        Route("/holds/{hold_id}/propose", guarded(signed_in(pages.propose)), methods=["POST"]),
        Route("/holds/{hold_id}/confirm", guarded(signed_in(pages.confirm)), methods=["POST"]),
        Route("/holds/{hold_id}/reject", guarded(signed_in(pages.reject)), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class HoldPages:
    desk: Desk
    holds: HoldDesk

    def place(self, request: Request, form: FormData, session: Session) -> Response:
        case_id = path(request, "case_id")
        typed = {name: text(form, name) for name in NOTHING_TYPED}
        file = self.desk.case(case_id, session.username)
        try:
            scope = HoldScope.ACCOUNT if typed["scope"] == HoldScope.ACCOUNT else HoldScope.CASE
            kind = HoldKind.PRESERVATION if typed["kind"] == HoldKind.PRESERVATION else HoldKind.LEGAL
            target = case_id if scope is HoldScope.CASE else file.case.subject or ""
            said = (typed["why"], typed["legal_basis"], typed["agency"], typed["reference"])
            self.holds.place(NewHold(kind, scope, target, *said, _end_of(typed["until"])), session.username)
        except RefusedError as e:
            return self._again(case_id, session, e, typed)
        return _back(case_id)

    def propose(self, request: Request, form: FormData, session: Session) -> Response:
        hold_id, case_id = path(request, "hold_id"), text(form, "case_id")
        try:
            self.holds.propose_release(hold_id, session.username, text(form, "reason"))
        except RefusedError as e:
            return self._again(case_id, session, e)
        return _back(case_id)

    def confirm(self, request: Request, form: FormData, session: Session) -> Response:
        hold_id, case_id = path(request, "hold_id"), text(form, "case_id")
        try:
            self.holds.release(hold_id, session.username)
        except RefusedError as e:
            return self._again(case_id, session, e)
        return _back(case_id)

    def reject(self, request: Request, form: FormData, session: Session) -> Response:
        hold_id, case_id = path(request, "hold_id"), text(form, "case_id")
        try:
            self.holds.reject_release(hold_id, session.username)
        except RefusedError as e:
            return self._again(case_id, session, e)
        return _back(case_id)

    def _again(
        self, case_id: str, session: Session, error: RefusedError, typed: dict[str, str] | None = None
    ) -> Response:
        """The section about holds, with what was refused and what was typed."""
        file = self.desk.case(case_id, session.username)
        values = {**retention_values(file), "hold_error": error, "hold_typed": typed or NOTHING_TYPED}
        now = self.desk.clock.now()
        return page("hold.html", status_of(error), file=file, case=file.case, session=session, now=now, **values)


def _back(case_id: str) -> Response:
    return go(f"/cases/{quote(case_id, safe='')}#retention")


def _end_of(day: str) -> int | None:
    """The end of a day, as browsers write it; ``RefusedError('hold_malformed')``."""
    if not day.strip():
        return None
    try:
        last = datetime.strptime(day.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise RefusedError("hold_malformed", "The last day is not a date.", "Write it as 2027-01-31.") from None
    return int(last.timestamp() * 1000)
