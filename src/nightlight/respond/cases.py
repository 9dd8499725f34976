"""How reports make up a case."""

from __future__ import annotations

from collections.abc import Sequence

from nightlight.model.case import Case, CaseState
from nightlight.model.report import SEVERITY, Category, Report
from nightlight.model.verdict import Verdict


def case_of(case_id: str, opened_at: int, reports: Sequence[Report]) -> Case:
    """The open case that these reports add up to; ``reports`` is not empty, oldest first.

    Its category is the gravest that anybody named, its subject the account behind the first message that somebody
    else than its sender reported and that the reporter was shown to have received, or the account reported by name.
    """
    gravest = min(reports, key=lambda report: SEVERITY[report.category])
    severity = SEVERITY[gravest.category]
    # What was said around the reported messages is shown, and weighs nothing.
    messages = [message for report in reports for message in report.messages if message.reported]
    verdicts = [message.verdict.verdict for message in messages]
    if verdicts and all(verdict is Verdict.REFUSED for verdict in verdicts):
        # Nothing that was handed in fits what was sent: a forged report must not push others back.
        severity = max(severity, SEVERITY[Category.OTHER])
    proven = {message.event_id for message in messages if message.verdict.proven}
    named = {message.event_id for message in messages}
    if all(report.reporter is None for report in reports):
        # Nobody who could be confirmed asked for this: an outage must not let strangers fill the top of the queue.
        severity = max(severity, SEVERITY[Category.SPAM])
    return Case(
        case_id=case_id,
        opened_at=opened_at,
        state=CaseState.OPEN,
        subject=_subject(reports),
        room_id=next((report.room_id for report in reports if report.room_id), None),
        category=gravest.category,
        severity=severity,
        proven=len(proven),
        messages=len(named),
        reports=len(reports),
    )


def _subject(reports: Sequence[Report]) -> str | None:
    for proven_only in (True, False):
        for report in reports:
            for message in report.messages:
                foreign = message.reported and message.sender is not None and message.sender != report.reporter
                if foreign and (message.verdict.proven or not proven_only):
                    return message.sender
    return next((report.target_account for report in reports if report.target_account), None)
