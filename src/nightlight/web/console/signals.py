"""The console's pages for one account's signals, and for alerts. Every look at an account is in the log."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.sign_in import Door
from nightlight.flows.signal_report import SignalReport
from nightlight.model.signal import AlertState
from nightlight.web.console.guard import Guard, guarded, path
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.session import Session, Sessions


def signal_routes(report: SignalReport, door: Door, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """Every route about signals and alerts. All need a session."""
    pages, signed_in = SignalPages(report), Guard(Sessions(door, cookie_secure, session_seconds)).signed_in
    return [
        Route("/signals", guarded(signed_in(pages.account)), methods=["GET"]),
        Route("/alerts", guarded(signed_in(pages.alerts)), methods=["GET"]),
        Route("/alerts/{alert_id}", guarded(signed_in(pages.alert)), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class SignalPages:
    report: SignalReport

    def account(self, request: Request, _form: FormData, session: Session) -> Response:
        """Without an account: the form that asks for one."""
        typed = request.query_params.get("account", "").replace("\x00", "")[:1_000]
        if request.method == "HEAD" or not typed.strip():  # a look that shows nothing is none
            return self._account(session, typed)
        try:
            file = self.report.account(typed, session.username)
        except RefusedError as e:
            if e.code != "account_malformed":
                raise
            return self._account(session, typed, e)
        return page(
            "signals.html", session=session, file=file, typed=file.account, error=None, now=self.report.clock.now()
        )

    def alerts(self, request: Request, _form: FormData, session: Session) -> Response:
        state = AlertState.CLOSED if request.query_params.get("state") == "closed" else AlertState.OPEN
        alerts, now = self.report.alerts(state), self.report.clock.now()
        return page("alerts.html", session=session, alerts=alerts, shown=state, now=now)

    def alert(self, request: Request, _form: FormData, session: Session) -> Response:
        file = self.report.alert(path(request, "alert_id"), session.username)
        return page("alert.html", session=session, file=file, alert=file.alert, now=self.report.clock.now())

    def _account(self, session: Session, typed: str, error: RefusedError | None = None) -> Response:
        status = status_of(error) if error else 200
        return page(
            "signals.html", status, session=session, file=None, typed=typed, error=error, now=self.report.clock.now()
        )
