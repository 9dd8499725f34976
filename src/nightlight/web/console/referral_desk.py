"""The console's referral desk: drafts field by field, two people's signatures, and the way to the agency."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.draft_referral import DraftSheet, ReferralDesk
from nightlight.flows.hand_over import HandOverDesk
from nightlight.flows.preview_referral import Previewer
from nightlight.flows.send_referral import Alarm
from nightlight.flows.sign_in import Door
from nightlight.flows.submit import Submitter
from nightlight.model.draft import DraftFile, FileRelevance
from nightlight.model.referral import Referral, ReferralState
from nightlight.respond.draft_check import CLASSIFICATIONS
from nightlight.respond.draft_edit import Edit, NewFact
from nightlight.web.console import referral_words
from nightlight.web.console.form import text
from nightlight.web.console.guard import Guard, go, guarded, path
from nightlight.web.console.pages import HEADERS, page
from nightlight.web.console.problem import status_of
from nightlight.web.console.session import Session, Sessions

#: A draft has some hundred fields, and texts among them.
_FORM_BYTES_MAX = 2_000_000
_ADDED_MAX = 10
_PIECE_BYTES = 262_144


def referral_desk_routes(
    pages: ReferralPages, door: Door, *, cookie_secure: bool, session_seconds: int
) -> list[BaseRoute]:
    """Every route of the desk. All need a session; what changes something needs its form token."""
    signed_in = Guard(Sessions(door, cookie_secure, session_seconds)).signed_in

    def route(address: str, handler: Any, method: str) -> Route:
        return Route(address, guarded(signed_in(handler), _FORM_BYTES_MAX), methods=[method])

    one = "/referrals/{referral_id}"
    return [
        route("/referrals", pages.all, "GET"),
        route("/cases/{case_id}/draft", pages.begin, "POST"),
        route(one, pages.draft, "GET"),
        route(f"{one}/save", pages.save, "POST"),
        route(f"{one}/preview", pages.preview, "POST"),
        route(f"{one}/propose", pages.propose, "POST"),
        route(f"{one}/sign", pages.sign, "POST"),
        route(f"{one}/return", pages.send_back, "POST"),
        route(f"{one}/withdraw", pages.withdraw, "POST"),
        route(f"{one}/review", pages.review, "POST"),
        route(f"{one}/progress", pages.progress, "GET"),
        route(f"{one}/package", pages.package, "POST"),
        route(f"{one}/arrived", pages.arrived, "POST"),
        route(f"{one}/retry", pages.retry, "POST"),
        route(f"{one}/confirm", pages.confirm, "POST"),
        route(f"{one}/retract", pages.retract, "POST"),
    ]


@dataclass(frozen=True, slots=True)
class ReferralPages:
    """``all_referrals``: every referral with a draft, the newest first. ``alarms``: what must not wait.

    ``submitter``: None where this installation is not connected to an agency's service.
    """

    desk: ReferralDesk
    previewer: Previewer
    all_referrals: Callable[[], Sequence[Referral]]
    alarms: Callable[[], Sequence[Alarm]]
    submitter: Submitter | None
    hand_over: HandOverDesk

    def all(self, _request: Request, _form: FormData, session: Session) -> Response:
        return page(
            "referral_list.html",
            session=session,
            here="referrals",
            referrals=self.all_referrals(),
            alarms=self.alarms(),
            now=self.desk.clock.now(),
        )

    def begin(self, request: Request, form: FormData, session: Session) -> Response:
        referral = self.desk.begin(path(request, "case_id"), session.username, text(form, "agency"))
        return go(f"/referrals/{referral.referral_id}")

    def draft(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._page(path(request, "referral_id"), session)

    def save(self, request: Request, form: FormData, session: Session) -> Response:
        referral_id = path(request, "referral_id")
        try:
            sheet = self.desk.sheet(referral_id)
            self.desk.save(referral_id, session.username, _edit(sheet, form), text(form, "seen"))
            if text(form, "then") == "propose":
                self.desk.propose(referral_id, session.username, self.desk.sheet(referral_id).digest)
        except RefusedError as e:
            return self._page(referral_id, session, status_of(e), error=e, typed=form)
        return go(f"/referrals/{referral_id}")

    def preview(self, request: Request, _form: FormData, session: Session) -> Response:
        referral_id = path(request, "referral_id")
        sheet = self.desk.sheet(referral_id)
        try:
            rows = self.previewer.look(referral_id, session.username)
        except RefusedError as e:
            return self._page(referral_id, session, status_of(e), error=e)
        return page("referral_preview.html", session=session, here="referrals", sheet=sheet, rows=rows)

    def propose(self, request: Request, form: FormData, session: Session) -> Response:
        return self._step(request, session, lambda one: self.desk.propose(one, session.username, text(form, "seen")))

    def sign(self, request: Request, form: FormData, session: Session) -> Response:
        return self._step(request, session, lambda one: self.desk.approve(one, session.username, text(form, "seen")))

    def send_back(self, request: Request, form: FormData, session: Session) -> Response:
        return self._step(
            request, session, lambda one: self.desk.send_back(one, session.username, text(form, "reason"))
        )

    def withdraw(self, request: Request, form: FormData, session: Session) -> Response:
        reason = text(form, "reason")
        return self._step(request, session, lambda one: self.desk.withdraw(one, session.username, reason))

    def review(self, request: Request, form: FormData, session: Session) -> Response:
        return self._step(request, session, lambda one: self.desk.review(one, session.username, text(form, "reason")))

    def progress(self, request: Request, _form: FormData, session: Session) -> Response:
        sheet = self.desk.sheet(path(request, "referral_id"))
        return page("referral_progress.html", session=session, sheet=sheet, now=self.desk.clock.now())

    def retry(self, request: Request, form: FormData, session: Session) -> Response:
        sure = "not_filed" in form
        return self._submission(request, session, lambda on, id_: on.retry(id_, session.username, not_filed=sure))

    def confirm(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._submission(request, session, lambda on, id_: on.confirm(id_, session.username))

    def package(self, request: Request, _form: FormData, session: Session) -> Response:
        referral_id = path(request, "referral_id")
        # Sealed already; it may be as large as its files.
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was sent
        try:
            handed = self.hand_over.take(referral_id, session.username, file)
        except BaseException as e:
            file.close()
            if not isinstance(e, RefusedError) or e.code == "referral_not_found":
                raise
            return self._page(referral_id, session, status_of(e), error=e)
        size = file.tell()
        file.seek(0)
        headers = {
            **HEADERS,
            "Content-Disposition": f'attachment; filename="{handed.name}"',
            "Content-Length": str(size),
        }
        pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
        return StreamingResponse(
            pieces, 200, headers, "application/octet-stream", background=BackgroundTask(file.close)
        )

    def arrived(self, request: Request, form: FormData, session: Session) -> Response:
        reference = text(form, "reference")
        return self._step(request, session, lambda one: self.hand_over.arrived(one, session.username, reference))

    def retract(self, request: Request, form: FormData, session: Session) -> Response:
        reason = text(form, "reason")
        submission = self.desk.sheet(path(request, "referral_id")).submission
        if submission is not None and submission.by_hand:
            return self._step(request, session, lambda one: self.hand_over.retract(one, session.username, reason))
        return self._submission(request, session, lambda on, id_: on.retract(id_, session.username, reason))

    def _submission(self, request: Request, session: Session, step: Callable[[Submitter, str], object]) -> Response:
        def taken(referral_id: str) -> None:
            submission = self.desk.sheet(referral_id).submission
            if submission is None or self.submitter is None:
                raise RefusedError("submission_not_found", "This referral is not on its way to a service.")
            step(self.submitter, submission.submission_id)

        return self._step(request, session, taken)

    def _step(self, request: Request, session: Session, step: Callable[[str], object]) -> Response:
        referral_id = path(request, "referral_id")
        try:
            step(referral_id)
        except RefusedError as e:
            if e.code == "referral_not_found":
                raise
            return self._page(referral_id, session, status_of(e), error=e)
        return go(f"/referrals/{referral_id}")

    def _page(
        self,
        referral_id: str,
        session: Session,
        status: int = 200,
        *,
        error: RefusedError | None = None,
        typed: FormData | None = None,
    ) -> Response:
        sheet = self.desk.sheet(referral_id)
        referral = sheet.referral
        own = referral.proposed_by == session.username
        return page(
            "referral_draft.html",
            status,
            session=session,
            here="referrals",
            sheet=sheet,
            referral=referral,
            sections=referral_words.sections(sheet),
            addable=list(referral_words.addable(referral.agency.kind)),
            missing=referral_words.missing_words(sheet),
            classifications=CLASSIFICATIONS,
            writing=referral.state is ReferralState.DRAFT,
            own=own,
            waits_for_review=bool(
                sheet.draft.urgent
                and not referral.reviewed_by
                and referral.state not in (ReferralState.DRAFT, ReferralState.WITHDRAWN)
            ),
            error=error,
            bundle=self.hand_over.bundle(referral) if sheet.submission and sheet.submission.by_hand else None,
            typed={name: str(value) for name, value in (typed or FormData()).items()},
            now=self.desk.clock.now(),
        )


def _edit(sheet: DraftSheet, form: FormData) -> Edit:
    """The form's own names: ``go-N`` and ``value-N`` for facts, ``message`` and ``file`` for what is chosen."""
    places = range(len(sheet.draft.facts))
    values = {place: text(form, f"value-{place}") for place in places if f"value-{place}" in form}
    included = {place for place in places if f"go-{place}" in form}
    added = [
        NewFact(name, value, _number(text(form, f"new-person-{n}")))
        for n in range(_ADDED_MAX)
        if (name := text(form, f"new-name-{n}")) and (value := text(form, f"new-value-{n}").strip())
    ]
    files = [_file(file, form) for file in sheet.draft.files]
    chosen = [str(event_id) for event_id in form.getlist("message")]
    return Edit(included, values, added, chosen, files, "urgent" in form)


def _file(file: DraftFile, form: FormData) -> DraftFile:
    name = file.attachment_id
    supplemental = text(form, f"relevance-{name}") == FileRelevance.SUPPLEMENTAL
    return replace(
        file,
        included=name in form.getlist("file"),
        relevance=FileRelevance.SUPPLEMENTAL if supplemental else FileRelevance.REPORTED,
        classification=text(form, f"class-{name}"),
    )


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 4 else 1
