"""Looking at a decision again in the console: another reviewer overturns it, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.review import Desk
from nightlight.flows.second_look import SecondLook
from nightlight.flows.sign_in import Door
from nightlight.model.case import Outcome
from nightlight.web.console.form import choice, text
from nightlight.web.console.guard import Guard, go, guarded, path
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.second_look_words import second_look_values
from nightlight.web.console.session import Session, Sessions


def second_look_routes(
    desk: Desk, second_look: SecondLook, door: Door, *, cookie_secure: bool, session_seconds: int
) -> list[BaseRoute]:
    """The one route about second looks. It needs a session and its form token."""
    pages, signed_in = SecondLookPages(desk, second_look), Guard(Sessions(door, cookie_secure, session_seconds))
    return [Route("/cases/{case_id}/overturn", guarded(signed_in.signed_in(pages.overturn)), methods=["POST"])]


@dataclass(frozen=True, slots=True)
class SecondLookPages:
    desk: Desk
    second_look: SecondLook

    def overturn(self, request: Request, form: FormData, session: Session) -> Response:
        case_id = path(request, "case_id")
        typed = {"outcome": text(form, "outcome"), "reason": text(form, "reason")}
        try:
            outcome = choice(Outcome, typed["outcome"], "outcome")
            self.second_look.overturn(case_id, session.username, outcome, typed["reason"])
        except RefusedError as e:
            if e.code == "case_not_found":
                raise
            return self._again(case_id, session, e, typed)
        return go(f"/cases/{quote(case_id, safe='')}#decision")

    def _again(self, case_id: str, session: Session, error: RefusedError, typed: dict[str, str]) -> Response:
        """The section by itself, with what was refused and what was typed."""
        file = self.desk.case(case_id, session.username)
        values = {**second_look_values(file, session.username), "look_error": error, "look_typed": typed}
        now = self.desk.clock.now()
        status = status_of(error)
        return page("second_look_page.html", status, file=file, case=file.case, session=session, now=now, **values)
