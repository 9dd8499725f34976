"""Who may reach me: requests, blocks, and one tap that blocks, reports and leads to help."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from nightlight.errors import RefusedError
from nightlight.flows.answer_request import RequestAnswer
from nightlight.model.report import Category
from nightlight.prevent.event_reader import account_name
from nightlight.web.console.form import text
from nightlight.web.console.session import Session
from nightlight.web.safe.site import Reader, Site, go, path_of

_CATEGORIES = (
    Category.GROOMING,
    Category.SEXTORTION,
    Category.ABUSE_IMAGERY,
    Category.THREAT,
    Category.HARASSMENT,
    Category.SPAM,
    Category.OTHER,
)


class Contact(Site):
    # Requests

    def request(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        request_id = path_of(request, "request_id")
        waiting = self.rooms.own.waiting_one(session.username, request_id)
        shown = request.query_params.get("who") == "1"
        who = self.rooms.own.who_asks(session.username, request_id) if shown else None
        return self.page("request.html", reader, waiting=waiting, who=who, here=f"/safe/requests/{quote(request_id)}")

    def before_accepting(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        waiting = self.rooms.own.waiting_one(session.username, path_of(request, "request_id"))
        return self.page("accept.html", reader, waiting=waiting, notice=self.notice("before_accepting", reader))

    def answer(self, request: Request, form: FormData, _reader: Reader, session: Session) -> Response:
        try:
            answer = RequestAnswer(text(form, "answer"))
        except ValueError:
            raise RefusedError("form_malformed", "There is no such answer.") from None
        self.rooms.requests.answer(session.username, path_of(request, "request_id"), answer, notice_shown=True)
        ends = {RequestAnswer.ACCEPT: "accepted", RequestAnswer.DECLINE: "declined", RequestAnswer.BLOCK: "blocked"}
        return self.done_with(ends[answer], session)

    def done(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        """What was done, once: only this session can have made the address, so nobody is told what did not happen."""
        what = path_of(request, "what")
        if not session.knows(request.query_params.get("mark", ""), what):
            return go("/safe")
        words = reader.words["done"]
        if what in ("blocked", "reported"):
            notice = self.notice("after_blocking" if what == "blocked" else "after_reporting", reader)
            countries = self.rooms.catalogue
            return self.page("helped.html", reader, notice=notice, what=what, lines=countries.helplines(reader.country))
        if f"{what}_title" not in words:
            return go("/safe")
        return self.page("done.html", reader, title=words[f"{what}_title"], message=words[what])

    # Block, report, help

    def somebody(self, _request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        own = self.rooms.own
        values: dict[str, Any] = {"recent": own.recent(session.username), "waiting": own.waiting(session.username)}
        return self.page("somebody.html", reader, here="/safe/somebody", **values)

    def report(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        query = request.query_params
        request_id, account = query.get("request", ""), query.get("account", "").strip()
        about = self._about(session, request_id, account)
        if about == session.username:
            raise RefusedError("self_contact", "Nobody blocks or reports themselves.")
        values: dict[str, Any] = {
            "request_id": request_id,
            "about": "" if request_id else about,
            "categories": _CATEGORIES,
        }
        return self.page("report.html", reader, **values)

    def send_report(self, _request: Request, form: FormData, reader: Reader, session: Session) -> Response:
        about = self._about(session, text(form, "request"), text(form, "account"))
        wanted = text(form, "category")
        if wanted == "block":
            self.rooms.requests.block(session.username, about, notice_shown=True)
            return self.done_with("blocked", session)
        category = Category(wanted) if wanted in set(Category) else Category.OTHER
        self.rooms.help.seek(session.username, about, category, reader.language)
        return self.done_with("reported", session)

    def _about(self, session: Session, request_id: str, account: str) -> str:
        """Whom it is about: the unnamed one behind a request, or the account that was named."""
        if request_id:
            return self.rooms.own.who_asked(session.username, request_id)
        local = self.rooms.door.account_called(account) if not account.startswith("@") else None
        try:
            name = account_name(local or account)
        except RefusedError:
            name = ""
        if not name.startswith("@") or ":" not in name:
            raise RefusedError("account_malformed", "This is no account id.")
        return name

    # Blocks

    def blocked(self, _request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        names = self.rooms.own.blocked(session.username)
        return self.page("blocked.html", reader, names=names, here="/safe/blocked")

    def before_unblocking(self, request: Request, _form: FormData, reader: Reader, session: Session) -> Response:
        account = request.query_params.get("account", "")
        if account not in [name.account for name in self.rooms.own.blocked(session.username)]:
            return go("/safe/blocked")
        return self.page("unblock.html", reader, account=account)

    def unblock(self, _request: Request, form: FormData, _reader: Reader, session: Session) -> Response:
        account = text(form, "account")
        if account in [name.account for name in self.rooms.own.blocked(session.username)]:
            self.rooms.requests.unblock(session.username, account)
        return self.done_with("unblocked", session)
