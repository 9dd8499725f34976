"""Coming and going: the start page, signing in and out, leaving, language, and what anybody may read."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import anyio
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nightlight.web.console.form import text
from nightlight.web.console.session import Session, check_csrf, check_origin
from nightlight.web.safe.site import Reader, Site, back_to, go, path_of
from nightlight.web.safe.words import chosen

#: Asking for a link takes this long, whatever was typed: nobody learns from it whether there is such an account.
LINK_SECONDS = 0.6


class Coming(Site):
    def home(self, _request: Request, _form: FormData, reader: Reader) -> Response:
        if reader.session is None:
            return self.page("welcome.html", reader, home=False)
        waiting = self.rooms.own.waiting(reader.session.username)
        return self.page("home.html", reader, home=False, waiting=waiting)

    def sign_in(self, request: Request, form: FormData, _reader: Reader) -> Response:
        """For the page's own script: it brings an OpenID token, and loads the page again."""
        check_origin(request)
        response = Response(status_code=204, headers=self.config.headers(signing_in=False))
        self.sessions.start(response, self.rooms.door.sign_in(text(form, "openid_token")))
        return response

    async def ask_for_link(self, request: Request) -> Response:
        began = time.monotonic()

        def ask(request: Request, form: FormData, reader: Reader) -> Response:
            check_origin(request)
            self.rooms.door.ask_for_link(text(form, "name"), reader.language)
            return self.page("link_sent.html", reader)

        response = await self.run(request, ask)
        await anyio.sleep(max(0.0, began + LINK_SECONDS - time.monotonic()))
        return response

    def link(self, request: Request, _form: FormData, reader: Reader) -> Response:
        """Only shows a button: programs that look at links in messages must not use them up."""
        return self.page("link.html", reader, token=path_of(request, "token"))

    def open_link(self, request: Request, _form: FormData, _reader: Reader) -> Response:
        check_origin(request)
        response = go("/safe")
        self.sessions.start(response, self.rooms.door.open_link(path_of(request, "token")))
        return response

    def sign_out(self, request: Request, _form: FormData, _reader: Reader, _session: Session) -> Response:
        response = go("/safe")
        self.sessions.end(request, response)
        return response

    def leave(self, request: Request, _form: FormData, _reader: Reader) -> Response:
        """Also without a form: whoever leaves has no time. The cookie comes from this site alone (SameSite)."""
        response = RedirectResponse(self.config.quick_exit, 303, self.config.headers(signing_in=False))
        self.sessions.end(request, response)
        return response

    def set_language(self, request: Request, form: FormData, reader: Reader) -> Response:
        check_origin(request)
        language = chosen("", text(form, "language")) or reader.language
        response = go(back_to(text(form, "back")))
        if reader.session is not None:
            check_csrf(reader.session, text(form, "csrf"))
            account = reader.session.username
            self.rooms.door.prefer(account, replace(self.rooms.door.preference(account), language=language))
        self.sessions.keep_language(response, language)
        return response

    def helplines(self, request: Request, _form: FormData, reader: Reader) -> Response:
        given = request.query_params.get("country", "").upper()
        countries = self.rooms.catalogue.countries
        code = given if given in countries else reader.country if reader.country in countries else "ZZ"
        if reader.session is not None and given in countries and given != reader.country:
            account = reader.session.username
            self.rooms.door.prefer(account, replace(self.rooms.door.preference(account), country=given))
        values: dict[str, Any] = {"code": code, "countries": sorted(countries), "lines": countries[code]}
        return self.page("help.html", reader, here="/safe/help", **values)

    def about(self, _request: Request, _form: FormData, reader: Reader) -> Response:
        return self.page("about.html", reader, here="/safe/about")
