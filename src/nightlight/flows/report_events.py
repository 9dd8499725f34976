"""What reports and decisions say about accounts, as events: who about whom, and never a word of what was reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nightlight.errors import RefusedError
from nightlight.model.action import BANS, UNDOES, Action
from nightlight.model.case import Case, Decision, Outcome
from nightlight.model.event import Event, EventKind
from nightlight.model.report import Report
from nightlight.prevent.event_reader import account_name

#: Who acts in the event of a decision. Which reviewer it was stands in the log and nowhere else.
REVIEWERS = "nightlight"
OUTCOMES = {
    Outcome.VIOLATION: "violation",
    Outcome.NO_VIOLATION: "no_violation",
    Outcome.INSUFFICIENT: "inconclusive",
}


def of_report(report: Report) -> list[Event]:
    """``report.made`` for everybody whom a checked report is about, ``report.verified`` where a message is proven."""
    reporter = report.reporter
    if reporter is None or not _is_name(reporter):
        return []  # nobody stands by it
    fields = {"category": report.category.value}
    room = report.room_id if report.room_id and _is_name(report.room_id) else ""
    about = sorted({*_senders(report, proven=False), *([report.target_account] if report.target_account else [])})
    made = []
    for kind, accounts in (
        (EventKind.REPORT_MADE, about),
        (EventKind.REPORT_VERIFIED, sorted(_senders(report, proven=True))),
    ):
        for number, account in enumerate(account for account in accounts if account != reporter and _is_name(account)):
            event_id = f"{report.report_id}/{kind}/{number}"
            made.append(Event(event_id, kind, report.received_at, reporter, account, room, fields))
    return made


def of_decision(case: Case, reports: Sequence[Report], decision: Decision) -> list[Event]:
    """``decision.made``; and where no rule was broken, the proven reports no longer count against anybody."""
    made: list[Event] = []
    if case.subject and _is_name(case.subject):
        fields = {"outcome": OUTCOMES[decision.outcome]}
        made.append(
            Event(
                decision.decision_id,
                EventKind.DECISION_MADE,
                decision.decided_at,
                REVIEWERS,
                case.subject,
                fields=fields,
            )
        )
    if decision.outcome is Outcome.NO_VIOLATION:
        made += _dismissed(decision, reports)
    return made


def of_overturn(case: Case, reports: Sequence[Report], decision: Decision, *, elsewhere: bool) -> list[Event]:
    """As ``of_decision``, with what holds since the decision was overturned.

    ``elsewhere``: another violation of the account stands, so that is the last that was decided about it.
    """
    made: list[Event] = []
    if decision.overturn is None:
        return made
    if case.subject and _is_name(case.subject) and not elsewhere:
        fields = {"outcome": OUTCOMES[decision.holds]}
        event_id, at = f"{decision.decision_id}/overturned", decision.overturn.at
        made.append(Event(event_id, EventKind.DECISION_MADE, at, REVIEWERS, case.subject, fields=fields))
    if decision.holds is Outcome.NO_VIOLATION:
        made += _dismissed(decision, reports)
    return made


def _dismissed(decision: Decision, reports: Sequence[Report]) -> Iterator[Event]:
    for report in reports:
        for event in of_report(report):
            if event.kind is EventKind.REPORT_VERIFIED:
                event_id = f"{decision.decision_id}/{event.event_id}"
                yield Event(event_id, EventKind.REPORT_DISMISSED, event.at, event.actor, event.target)


def of_action(action: Action, at: int) -> list[Event]:
    """``account.banned``, when the homeserver has carried it out."""
    if action.kind not in BANS or not _is_name(action.target):
        return []
    return [Event(f"{action.action_id}/banned", EventKind.ACCOUNT_BANNED, at, action.target)]


def of_lifting(action: Action, at: int) -> list[Event]:
    """``account.unbanned``, when nothing keeps the account from being used any more."""
    if UNDOES.get(action.kind) not in BANS or not _is_name(action.target):
        return []
    # Tried again after it was done, it is said again.
    return [Event(f"{action.action_id}/unbanned/{action.attempts}", EventKind.ACCOUNT_UNBANNED, at, action.target)]


def _senders(report: Report, *, proven: bool) -> Iterator[str]:
    for message in report.messages:
        if message.reported and message.sender is not None and (message.verdict.proven or not proven):
            yield message.sender


def _is_name(value: str) -> bool:
    """Servers of the past let accounts have odd ids; the report counts, and there is no event of it."""
    try:
        account_name(value)
    except RefusedError:
        return False
    return True
