"""A second look at a decision: another reviewer overturns it, and what can be undone is undone. One transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.alerts import Alerts
from nightlight.flows.enforce import LEASE_MS
from nightlight.flows.outbox import named, put
from nightlight.flows.record_report import NewId
from nightlight.flows.report_events import of_overturn
from nightlight.flows.standing import ordered_elsewhere, other_violation
from nightlight.flows.take_events import EventIntake
from nightlight.model.action import CHOOSABLE, UNDOES, Action, ActionKind, ActionState, PlannedAction
from nightlight.model.case import Case, Decision, Outcome, Overturn
from nightlight.ports import Clock, Store, Transaction
from nightlight.respond.enforcement import reason_in_words
from nightlight.respond.second_look import (
    Ordered,
    Undoing,
    check_outcome_after,
    check_second_look,
    overturn_notice,
    undoing,
)


@dataclass(frozen=True, slots=True)
class SecondLook:
    """``alerts``: None where nothing is detected."""

    store: Store
    clock: Clock
    new_id: NewId
    events: EventIntake
    alerts: Alerts | None = None

    def overturn(self, case_id: str, reviewer: str, outcome: Outcome, reason: str) -> Decision:
        """Takes another reviewer's violation back, once. ``outcome``: what holds from now on.

        What was ordered and not begun is cancelled; what was, or may have been, carried out and can be undone is put
        into the outbox to be undone, unless another decision that stands ordered the same. ``RefusedError``:
        ``case_not_found``, ``reason_missing``, ``outcome_unfit`` and what ``check_second_look`` raises.
        """
        words = reason_in_words(reason)
        check_outcome_after(outcome)
        with self.store.write() as tx:
            # The time is taken when nobody else writes: it is after the decision, and after every try that began.
            now = self.clock.now()
            case = tx.case(case_id)
            if case is None:
                raise RefusedError("case_not_found", "There is no such case.")
            gone = {one.record for one in tx.erasures_of(case_id) if one.erased_at is not None}
            decision = check_second_look(tx.decision_of(case_id), reviewer, gone)
            overturned = replace(decision, overturn=Overturn(now, reviewer, words, outcome))
            ordered = tx.actions_of(case_id)
            others = ordered_elsewhere(tx, case_id, ordered)
            tx.overturn_decision(overturned)
            detail = {"outcome": outcome, "before": decision.outcome, "reason": words}
            tx.log(now, LogKind.DECISION_OVERTURNED, reviewer, case_id, detail)
            self._tell_detection(tx, case, overturned, now)
            self._undo(tx, case, reviewer, undoing(ordered, others), ordered, others, now)
        return overturned

    def _tell_detection(self, tx: Transaction, case: Case, decision: Decision, now: int) -> None:
        """Takes back what the decision said about the account, unless another violation of it stands."""
        elsewhere = other_violation(tx, case)
        own = of_overturn(case, tx.reports_of(case.case_id), decision, elsewhere=elsewhere)
        if self.alerts is not None and not elsewhere:
            own += self.alerts.overturned(tx, case, decision)
        self.events.record(tx, own, now)

    def _undo(
        self,
        tx: Transaction,
        case: Case,
        reviewer: str,
        result: Undoing,
        ordered: Iterable[Action],
        others: Iterable[Ordered],
        now: int,
    ) -> None:
        for action in ordered:
            if action.kind in CHOOSABLE and action.state is ActionState.PENDING:
                tx.save_action(replace(action, state=ActionState.CANCELLED, updated_at=now))
                detail = {**named(action), "why": "overturned"}
                tx.log(now, LogKind.ACTION_CANCELLED, reviewer, case.case_id, detail)
        tried = [*ordered, *(other.action for other in others)]
        for planned in result.undo:
            put(tx, self.new_id, case.case_id, reviewer, planned, now, _not_before(planned, tried, now))
        if result.reached_the_account and case.subject is not None:
            text = {"text": overturn_notice(result)}
            told = PlannedAction(ActionKind.NOTIFY_ACCOUNT, case.subject, text)
            put(tx, self.new_id, case.case_id, reviewer, told, now)


def _not_before(undo: PlannedAction, tried: Iterable[Action], now: int) -> int:
    """When a try of what is undone that may be under way just now is over: its lease ends by then."""
    under_way = [
        min(action.next_attempt_at, now + LEASE_MS)
        for action in tried
        if action.attempts
        and action.state in (ActionState.PENDING, ActionState.CANCELLED)
        and (action.kind, action.target) == (UNDOES[undo.kind], undo.target)
    ]
    return max(under_way, default=now)
