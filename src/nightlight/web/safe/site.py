"""What every page of a person's own has around it: session, form token, language, and refusals in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nightlight.errors import NightlightError, RefusedError, UnavailableError
from nightlight.flows.answer_request import RequestDesk
from nightlight.flows.birth_month import BirthMonths
from nightlight.flows.own_door import OwnDoor
from nightlight.flows.own_page import OwnPage
from nightlight.flows.protections import ProtectionDesk
from nightlight.flows.seek_help import Help
from nightlight.prevent.notices import Catalogue
from nightlight.web.console.form import read_form, text
from nightlight.web.console.session import Session, check_csrf
from nightlight.web.safe.pages import SafePage
from nightlight.web.safe.pages import page as rendered
from nightlight.web.safe.session import OwnSessions
from nightlight.web.safe.words import WORDS, chosen

_STATUS = {
    "request_not_found": 404,
    "protection_not_found": 404,
    "not_found": 404,
    "request_answered": 409,
    "nothing_to_confirm": 409,
    "too_early": 409,
    "protection_fixed": 409,
    "invalid_token": 401,
    "token_used": 401,
    "link_expired": 410,
    "csrf": 403,
    "body_too_large": 413,
    "too_many_reports": 429,
}

Handler = Callable[[Request, FormData, "Reader"], Response]
SignedIn = Callable[[Request, FormData, "Reader", Session], Response]


@dataclass(frozen=True, slots=True)
class Rooms:
    """The stories behind the page."""

    door: OwnDoor
    own: OwnPage
    requests: RequestDesk
    months: BirthMonths
    protections: ProtectionDesk
    help: Help
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: in which language, with helplines of which country, and signed in as whom."""

    language: str
    country: str
    session: Session | None

    @property
    def words(self) -> Mapping[str, Any]:
        return WORDS[self.language]


@dataclass(frozen=True, slots=True)
class Site:
    rooms: Rooms
    config: SafePage
    sessions: OwnSessions

    # Around every page

    def open(self, handler: Handler) -> Callable[[Request], Any]:
        """Reads a bounded form, runs the handler on a thread, and turns every refusal into a page."""

        async def endpoint(request: Request) -> Response:
            return await self.run(request, handler)

        return endpoint

    def signed_in(self, handler: SignedIn) -> Callable[[Request], Any]:
        """Only for somebody who is signed in; forms must carry the token of their session."""

        def handle(request: Request, form: FormData, reader: Reader) -> Response:
            if reader.session is None:
                if request.method == "POST":
                    raise RefusedError("signed_out", "The session has ended.")
                return go("/safe")
            if request.method == "POST":
                check_csrf(reader.session, text(form, "csrf"))
            return handler(request, form, reader, reader.session)

        return self.open(handle)

    async def run(self, request: Request, handler: Handler) -> Response:
        def run() -> Response:
            reader = self._reader(request)
            try:
                return handler(request, form, reader)
            except (RefusedError, UnavailableError) as e:
                return self.problem(e, reader)

        try:
            form = await read_form(request) if request.method == "POST" else FormData()
        except RefusedError as error:
            malformed = error
            return await run_in_threadpool(lambda: self.problem(malformed, self._reader(request)))
        try:
            return await run_in_threadpool(run)
        except UnavailableError as e:  # the store is down: not even the session can be read
            return self.problem(e, Reader(self._language(request), self.config.country, None))

    def _reader(self, request: Request) -> Reader:
        session = self.sessions.of(request)
        preference = self.rooms.door.preference(session.username) if session else None
        country = (preference.country if preference else "") or self.config.country
        language = self._language(request, preference.language if preference else None)
        return Reader(language, country, session)

    def _language(self, request: Request, preferred: str | None = None) -> str:
        wanted = (preferred, request.cookies.get(self.sessions.language_cookie))
        accepted = chosen(request.headers.get("accept-language", ""), *wanted)
        return accepted or chosen("", self.config.language) or "en"

    def page(self, template: str, reader: Reader, status: int = 200, **values: Any) -> Response:
        given = {"session": reader.session, "here": "/safe", "home": True}
        return rendered(self.config, template, reader.language, status, **{**given, **values})

    def problem(self, error: NightlightError, reader: Reader) -> Response:
        known = reader.words["problem"]
        message = known.get(error.code, known["other"]).format(server=self.config.server_name)
        status = 503 if isinstance(error, UnavailableError) else _STATUS.get(error.code, 422)
        if error.code == "signed_out":
            status = 401
        return self.page("problem.html", reader, status, message=message)

    def notice(self, notice_id: str, reader: Reader) -> dict[str, str]:
        notice = self.rooms.catalogue.notice(notice_id, reader.language)
        band = self.rooms.own.band(reader.session.username) if reader.session else None
        return {"title": notice.title, "text": notice.text_for(band) if band else notice.teen}

    def done_with(self, what: str, session: Session) -> Response:
        return go(f"/safe/done/{what}?{urlencode({'mark': session.mark(what)})}")


def go(target: str) -> Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    return RedirectResponse(target, 303, headers)


def back_to(target: str) -> str:
    """A page of ours, and no other place."""
    plain = target == "/safe" or target.startswith("/safe/")
    return target if plain and target.isprintable() and "\\" not in target and "//" not in target else "/safe"


def path_of(request: Request, name: str) -> str:
    return str(request.path_params[name]).replace("\x00", "")
