"""The console's page for what young people ask the safety team: to count as older, or to end a protection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.decide_ask import AskDesk
from nightlight.flows.sign_in import Door
from nightlight.model.account import AgeBand
from nightlight.model.ask import AskKind
from nightlight.web.console.form import text
from nightlight.web.console.guard import Guard, go, guarded, path
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.session import Session, Sessions

KINDS = {
    AskKind.AGE: "To correct a birth month",
    AskKind.PROTECTION: "To take a protection off",
    AskKind.YOUNGER: "Says to be younger than known",
}
BANDS = {
    AgeBand.UNDER_13: "under 13",
    AgeBand.AGE_13_15: "13 to 15",
    AgeBand.AGE_16_17: "16 or 17",
    AgeBand.ADULT: "adult",
    AgeBand.UNKNOWN: "unknown",
}
_ANSWERS = {"approve": True, "decline": False}


def ask_routes(desk: AskDesk, door: Door, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """Every route about asks. All need a session; an answer needs its form token."""
    pages, signed_in = AskPages(desk), Guard(Sessions(door, cookie_secure, session_seconds)).signed_in
    return [
        Route("/asks", guarded(signed_in(pages.waiting)), methods=["GET"]),
        Route("/asks/{ask_id}", guarded(signed_in(pages.ask)), methods=["GET"]),
        Route("/asks/{ask_id}", guarded(signed_in(pages.decide)), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class AskPages:
    desk: AskDesk

    def waiting(self, _request: Request, _form: FormData, session: Session) -> Response:
        """Without names and ages: those are for who opens one, and that is logged."""
        waiting = self.desk.waiting()
        return page("asks.html", session=session, here="asks", waiting=waiting, kinds=KINDS, now=self.desk.clock.now())

    def ask(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._page(path(request, "ask_id"), session)

    def decide(self, request: Request, form: FormData, session: Session) -> Response:
        ask_id, reason = path(request, "ask_id"), text(form, "reason")
        try:
            if text(form, "answer") not in _ANSWERS:
                raise RefusedError("answer_unknown", "Choose yes or no.")
            approve = _ANSWERS[text(form, "answer")]
            self.desk.decide(ask_id, session.username, approve=approve, reason=reason)
        except RefusedError as e:
            if e.code == "ask_not_found":
                raise
            return self._page(ask_id, session, status_of(e), reason, e)
        return go("/asks")

    def _page(
        self, ask_id: str, session: Session, status: int = 200, reason: str = "", error: RefusedError | None = None
    ) -> Response:
        file = self.desk.look(ask_id, session.username)
        values: dict[str, Any] = {
            "file": file,
            "ask": file.ask,
            "kinds": KINDS,
            "bands": BANDS,
            "now": self.desk.clock.now(),
        }
        return page("ask.html", status, session=session, here="asks", reason=reason, error=error, **values)
