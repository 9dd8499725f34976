"""The console's pages for the rules of detection: read, propose, approve, put in shadow, pause, roll back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.detect.pack_words import feature_words, rule_words
from nightlight.detect.time_words import duration_words
from nightlight.errors import RefusedError
from nightlight.flows.change_rules import RuleDesk
from nightlight.flows.rule_report import RuleReport
from nightlight.flows.sign_in import Door
from nightlight.web.console.form import text
from nightlight.web.console.guard import Guard, go, guarded, path
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.session import Session, Sessions

NOTE_CHARS_MAX = 500


def rule_routes(report: RuleReport, door: Door, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """Every route about rules. All need a session; every change needs its form token."""
    pages, signed_in = RulePages(report), Guard(Sessions(door, cookie_secure, session_seconds)).signed_in
    return [
        Route("/rules", guarded(signed_in(pages.overview)), methods=["GET"]),
        Route("/rules/roll-back", guarded(signed_in(pages.roll_back)), methods=["POST"]),
        Route("/rules/{rule}", guarded(signed_in(pages.rule)), methods=["GET"]),
        Route("/rules/{rule}/propose", guarded(signed_in(pages.propose)), methods=["POST"]),
        Route("/rules/{rule}/approve", guarded(signed_in(pages.approve)), methods=["POST"]),
        Route("/rules/{rule}/shadow", guarded(signed_in(pages.shadow)), methods=["POST"]),
        Route("/rules/{rule}/pause", guarded(signed_in(pages.pause)), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class RulePages:
    report: RuleReport

    def overview(self, _request: Request, _form: FormData, session: Session) -> Response:
        return self._overview(session)

    def rule(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._rule(path(request, "rule"), session)

    def propose(self, request: Request, form: FormData, session: Session) -> Response:
        return self._changed(request, form, session, self._desk.propose_live)

    def approve(self, request: Request, form: FormData, session: Session) -> Response:
        def approve(rule_id: str, by: str, _note: str) -> object:
            return self._desk.approve(rule_id, by)

        return self._changed(request, form, session, approve)

    def shadow(self, request: Request, form: FormData, session: Session) -> Response:
        return self._changed(request, form, session, self._desk.to_shadow)

    def pause(self, request: Request, form: FormData, session: Session) -> Response:
        return self._changed(request, form, session, self._desk.pause)

    def roll_back(self, _request: Request, form: FormData, session: Session) -> Response:
        note = text(form, "note")
        try:
            # What is taken back is what the person saw, never a change that came in between.
            if text(form, "change") != str(self._desk.book.in_force().change.number):
                raise RefusedError("rules_meanwhile", "The rules were changed meanwhile.", "Look at the newest change.")
            self._desk.roll_back(session.username, _bounded(note))
        except RefusedError as e:
            return self._overview(session, e, note)
        return go("/rules")

    @property
    def _desk(self) -> RuleDesk:
        return self.report.desk

    def _changed(
        self, request: Request, form: FormData, session: Session, change: Callable[[str, str, str], object]
    ) -> Response:
        rule_id, note = path(request, "rule"), text(form, "note")
        try:
            change(rule_id, session.username, _bounded(note))
        except RefusedError as e:
            if e.code == "rule_unknown":
                raise
            return self._rule(rule_id, session, e, note)
        return go(f"/rules/{rule_id}")

    def _overview(self, session: Session, error: RefusedError | None = None, note: str = "") -> Response:
        seen = self.report.overview()
        return page(
            "rules.html",
            status_of(error) if error else 200,
            session=session,
            seen=seen,
            pack=seen.in_force.pack,
            error=error,
            note=note,
            note_max=NOTE_CHARS_MAX,
            now=self._desk.clock.now(),
        )

    def _rule(self, rule_id: str, session: Session, error: RefusedError | None = None, note: str = "") -> Response:
        file = self.report.rule(rule_id)
        pack = file.in_force.pack
        return page(
            "rule.html",
            status_of(error) if error else 200,
            session=session,
            file=file,
            rule=file.line.rule,
            pack=pack,
            said=rule_words(pack, file.line.rule),
            expires=duration_words(file.line.rule.expires_ms),
            features=[(feature, feature_words(pack, feature)) for feature in file.features],
            most=max(count for _, count in file.by_day),
            may_approve=file.line.proposed_by not in ("", session.username),
            error=error,
            note=note,
            note_max=NOTE_CHARS_MAX,
            now=self._desk.clock.now(),
        )


def _bounded(note: str) -> str:
    if len(note) > NOTE_CHARS_MAX:
        raise RefusedError("note_too_long", f"The reason has more than {NOTE_CHARS_MAX} characters.")
    return note
