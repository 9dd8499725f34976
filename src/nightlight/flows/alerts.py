"""Alerts: what detection brings before people. Two independent families make an account one to watch, never one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nightlight.evidence.log import LogKind
from nightlight.flows.report_events import OUTCOMES
from nightlight.model.case import Case, CaseSource, CaseState, Decision, Outcome
from nightlight.model.contact import WATCH_FAMILIES
from nightlight.model.event import Event, EventKind
from nightlight.model.report import SEVERITY, Category
from nightlight.model.signal import Alert, AlertKind, AlertState, RuleMode, Signal
from nightlight.ports import Transaction

#: How far back a decision speaks about an account's signals.
OUTCOME_MS = 90 * 86_400_000
#: Who brings cases up that nobody reported.
DETECTION = "nightlight"
_REASONS_MAX = 40


@dataclass(frozen=True, slots=True)
class Alerts:
    """``cases``: whether alerts become cases in the reviewers' queue, or wait on the engineers' page alone."""

    new_id: Callable[[str], str]
    number: Callable[[str], int]
    cases: bool = True

    def consider(self, tx: Transaction, about: int, active: Sequence[Signal], now: int) -> Alert | None:
        """Raises or renews the alert about an account whose ``active`` signals call for one.

        Signals that reviewers have looked at already (with an outcome) do not count again.
        """
        counted = [one for one in active if one.mode is RuleMode.LIVE and not one.outcome and one.until > now]
        if len({one.family for one in counted}) < WATCH_FAMILIES:
            return None
        account = counted[-1].account
        reasons = tuple(dict.fromkeys(f"{one.family}: {one.reason}" for one in counted))[:_REASONS_MAX]
        rules = sorted({one.rule for one in counted})
        return self.raise_alert(tx, AlertKind.WATCH, about, (account,), reasons, {"rules": rules}, now)

    def raise_alert(
        self,
        tx: Transaction,
        kind: AlertKind,
        identity: int,
        accounts: tuple[str, ...],
        reasons: tuple[str, ...],
        detail: dict[str, object],
        now: int,
    ) -> Alert:
        """Renews an open alert of the same identity; else a new one, with its case. ``accounts``: the first leads.

        One that has no case yet gets one now, if alerts become cases.
        """
        before = tx.open_alert(kind, identity)
        if before is not None:
            case_id = before.case_id or (self._case(tx, accounts[0], now) if self.cases else None)
            renewed = replace(
                before, accounts=accounts, reasons=reasons, detail=detail, case_id=case_id, changed_at=before.changed_at
            )
            if renewed == before:
                return before
            renewed = replace(renewed, changed_at=now)
            tx.save_alert(renewed)
            return renewed
        case_id = self._case(tx, accounts[0], now) if self.cases else None
        alert = Alert(
            self.new_id("alert"), kind, identity, accounts, now, now, AlertState.OPEN, case_id, reasons, detail
        )
        tx.add_alert(alert)
        # Which rules, and no account's name: the log is for strangers, too.
        tx.log(now, LogKind.ALERT_RAISED, DETECTION, case_id or alert.alert_id, {"alert": alert.alert_id, "kind": kind})
        return alert

    def decided(self, tx: Transaction, case: Case, decision: Decision, outcome: str) -> list[Event]:
        """What a reviewer found flows back: to the signals about the account, and to the alerts of the case.

        Where no rule was broken, signals no longer count against anybody: the events that say so are returned.
        """
        now = decision.decided_at
        accounts = {case.subject} if case.subject else set()
        for alert in tx.alerts_of(case.case_id):
            tx.save_alert(replace(alert, state=AlertState.CLOSED, changed_at=now))
        cleared: list[Event] = []
        for account in sorted(accounts):
            about = self.number(account)
            if decision.outcome is Outcome.NO_VIOLATION:
                live = [one for one in tx.active_signals(about, now) if one.mode is RuleMode.LIVE]
                cleared += [_cleared(decision, family, live, now) for family in sorted({one.family for one in live})]
            tx.settle_signals(about, now - OUTCOME_MS, outcome)
        return cleared

    def overturned(self, tx: Transaction, case: Case, decision: Decision) -> list[Event]:
        """What ``decided`` wrote beside the signals becomes what holds now; newer signals nobody has looked at yet.

        Where no rule was broken, families of which nothing newer was raised no longer count: the events that say so
        are returned.
        """
        overturn = decision.overturn
        if case.subject is None or overturn is None:
            return []
        about, until = self.number(case.subject), decision.decided_at
        since, was, now_holds = until - OUTCOME_MS, OUTCOMES[decision.outcome], OUTCOMES[decision.holds]
        tx.overturn_signals(about, since, until, was, now_holds)
        if decision.holds is not Outcome.NO_VIOLATION:
            return []
        live = [one for one in tx.active_signals(about, overturn.at) if one.mode is RuleMode.LIVE]
        newer = {one.family for one in live if one.raised_at > until}
        families = sorted({one.family for one in live} - newer)
        return [_cleared(decision, family, live, overturn.at) for family in families]

    def _case(self, tx: Transaction, subject: str, now: int) -> str:
        """The open case about the account, or a new one: without content, and nothing in it is proven."""
        before = tx.open_case_about(subject)
        if before is not None:
            return before.case_id
        case = Case(
            case_id=self.new_id("case"),
            opened_at=now,
            state=CaseState.OPEN,
            subject=subject,
            room_id=None,
            category=Category.OTHER,
            # After everything that somebody asked help for, but for spam.
            severity=SEVERITY[Category.HARASSMENT],
            proven=0,
            messages=0,
            reports=0,
            source=CaseSource.DETECTION,
        )
        tx.add_case(case)
        return case.case_id


def _cleared(decision: Decision, family: str, live: Sequence[Signal], at: int) -> Event:
    signal = next(one for one in live if one.family == family)
    fields = {"family": str(family), "rule": signal.rule}
    return Event(
        f"{decision.decision_id}/cleared/{family}",
        EventKind.SIGNAL_CLEARED,
        at,
        signal.account,
        fields=fields,
    )
