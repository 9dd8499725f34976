"""What a reporter may know about a report, and the address to ask at."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from shlex import quote
from urllib.parse import urlencode

from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.model.case import Decision, Outcome
from nightlight.model.report import Report, ReportState
from nightlight.model.retention import Record
from nightlight.model.verdict import Verdict
from nightlight.ports import Store
from nightlight.respond.calendar import date_words
from nightlight.web.api.report_body import MessageVerdictBody, OutcomeBody, ReceiptBody, StatusBody

_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class StatusLinks:
    """Makes and checks status addresses: unguessable, and derived from a secret so that none of them is stored.

    ``disclosure_page``: whether ``/report`` is there.
    """

    public_url: str
    secret: bytes = field(repr=False)
    disclosure_page: bool = False

    def url(self, report_id: str) -> str:
        return f"{self.public_url}/v1/reports/{report_id}/{self._token(report_id)}"

    def page(self, report: Report) -> str:
        """The disclosure page with the report's first message picked. Behind the ``#``: browsers do not send that."""
        picked = {"room": report.room_id or "", "event": report.messages[0].event_id}
        return f"{self.public_url}/report#{urlencode(picked)}"

    def check(self, report_id: str, token: str) -> None:
        """``RefusedError('report_not_found')`` unless the token belongs to the report."""
        if not hmac.compare_digest(self._token(report_id).encode(), token.encode("utf-8", "replace")):
            raise report_not_found()

    def _token(self, report_id: str) -> str:
        mac = hmac.digest(self.secret, b"nightlight/status/1\n" + report_id.encode("utf-8", "replace"), "sha256")
        return base64url.encode_urlsafe(mac[:_TOKEN_BYTES])


def report_not_found() -> RefusedError:
    return RefusedError("report_not_found", "There is no such report, or this address is incomplete.")


def how_to_prove(report: Report, links: StatusLinks) -> str:
    """What a reporter can do so that what they reported can be read."""
    text = (
        "The message is end-to-end encrypted: nobody but the people in the conversation can read it. You can open "
        "exactly the reported message for the safety team, and no other. "
    )
    if links.disclosure_page:
        return text + f"Go to {links.page(report)} and follow the steps. Your keys stay on your device."
    # Other servers choose ids, and people paste this into a shell.
    room_id, event_id = quote(report.room_id or ""), quote(report.messages[0].event_id)
    return text + (
        "In your app, export your room keys to a file (usually Settings, Encryption or Security, Export keys), then "
        f"run on your own computer: nightlight disclose --keys FILE --room {room_id} --event {event_id}. "
        "Your keys stay on your computer."
    )


_OUTCOMES = {
    Outcome.VIOLATION: "A person reviewed your report and found that the rules were broken. They have acted on it.",
    Outcome.NO_VIOLATION: "A person reviewed your report and did not find that a rule was broken.",
    Outcome.INSUFFICIENT: (
        "A person reviewed your report. What could be shown was not enough to decide. Your report is kept, and you can "
        "send a new one with proof at any time."
    ),
}

#: Once another person looked again.
_AGAIN = {
    Outcome.NO_VIOLATION: (
        "A person reviewed your report, and another person looked at it again. In the end they did not find that a "
        "rule was broken."
    ),
    Outcome.INSUFFICIENT: (
        "A person reviewed your report, and another person looked at it again. What could be shown was not enough to "
        "decide. You can send a new report with proof at any time."
    ),
}

_ERASED = (
    " What you sent with it was erased on {}, because it is not kept longer than it is needed. If it happens again, "
    "please report it again."
)


def receipt(report: Report, links: StatusLinks) -> ReceiptBody:
    return ReceiptBody(
        report_id=report.report_id,
        status_url=links.url(report.report_id),
        messages=[
            MessageVerdictBody(
                event_id=message.event_id,
                role=message.role,
                verdict=message.verdict.verdict,
                code=message.verdict.code,
                explanation=message.verdict.explanation,
            )
            for message in report.messages
        ],
    )


def status(store: Store, report_id: str, links: StatusLinks) -> StatusBody:
    """What became of the report, for the person who made it: never who decided, or what others reported."""
    with store.read() as tx:
        report = tx.report(report_id)
        if report is None:
            raise report_not_found()
        decision = tx.decision_of(report.case_id) if report.case_id else None
        erasures = tx.erasures_of(report.case_id) if report.case_id else []
    gone = [one.erased_at for one in erasures if one.record is Record.CASE_EVIDENCE and one.erased_at is not None]
    if decision is not None:
        overturned = decision.overturn is not None
        state, explanation = "decided", _AGAIN[decision.holds] if overturned else _OUTCOMES[decision.outcome]
    elif report.state is ReportState.PENDING:
        state, explanation = "pending_verification", "Your report is safely stored and is checked as soon as possible."
    else:
        state, explanation = "in_review", "Your report is waiting for a person on the safety team."
    if gone:
        explanation += _ERASED.format(date_words(gone[0]))
        # Of messages that nobody holds any more nothing can be said or proven.
        report = replace(report, messages=())
    unproven = any(message.verdict.verdict is Verdict.UNVERIFIABLE for message in report.messages)
    return StatusBody(
        **receipt(report, links).model_dump(),
        state=state,
        received_at=report.received_at,
        explanation=explanation,
        how_to_prove=how_to_prove(report, links) if unproven and decision is None else None,
        outcome=_outcome(decision, explanation) if decision else None,
        erased_at=gone[0] if gone else None,
    )


def _outcome(decision: Decision, explanation: str) -> OutcomeBody:
    """What holds now, and since when."""
    since = decision.decided_at if decision.overturn is None else decision.overturn.at
    return OutcomeBody(outcome=decision.holds, decided_at=since, explanation=explanation)
