"""What protects me: the birth month, and the protections of the policy in force."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from nightlight.errors import RefusedError
from nightlight.flows.birth_month import NOTE_CHARS_MAX, Declared
from nightlight.web.console.form import text
from nightlight.web.console.session import Session
from nightlight.web.safe.site import Reader, Site, go, path_of


class Protecting(Site):
    # Birth month

    def birth_month(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        rooms = self.rooms
        now = rooms.own.clock.now()
        this_year = time.gmtime(now / 1000).tm_year
        said = request.query_params.get("said", "")
        told = said if said in tuple(Declared) and session.knows(request.query_params.get("mark", ""), said) else ""
        values: dict[str, Any] = {
            "age": rooms.months.age(session.username),
            "ask": rooms.months.last_ask(session.username),
            "shown": request.query_params.get("show") == "1",
            "years": range(this_year, this_year - 100, -1),
            "told": told,
            "band_unknown": rooms.own.band(session.username) == "unknown",
        }
        return self.page("month.html", reader, here="/safe/birth-month", **values)

    def declare(self, _request: Request, form: FormData, _reader: Reader, session: Session) -> Response:
        month = f"{text(form, 'year')}-{text(form, 'month').rjust(2, '0')}"
        said = self.rooms.months.declare(session.username, month, text(form, "note").strip()[:NOTE_CHARS_MAX])
        return go(f"/safe/birth-month?{urlencode({'said': said, 'mark': session.mark(said)})}")

    # Protections

    def protections(self, _request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        states = self.rooms.protections.states(session.username)
        return self.page("protections.html", reader, states=states, here="/safe/protections")

    def protection(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        state = self.rooms.protections.state(session.username, path_of(request, "protection_id"))
        notice = self.notice("loosening", reader)
        values: dict[str, Any] = {"now": self.rooms.own.clock.now(), "here": f"/safe/protections/{quote(state.id)}"}
        return self.page("protection.html", reader, state=state, notice=notice, **values)

    def change_protection(self, request: Request, form: FormData, _reader: Reader, session: Session) -> Response:
        protection_id, desk = path_of(request, "protection_id"), self.rooms.protections
        match text(form, "do"):
            case "loosen":
                desk.loosen(session.username, protection_id, text(form, "note").strip()[:NOTE_CHARS_MAX])
            case "confirm":
                desk.confirm(session.username, protection_id)
            case "restore":
                desk.restore(session.username, protection_id)
            case _:
                raise RefusedError("form_malformed", "There is no such change.")
        return go(f"/safe/protections/{quote(protection_id)}")
