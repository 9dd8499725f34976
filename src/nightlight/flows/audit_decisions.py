"""Auditing decisions: what was decided, what was overturned since, and what was cancelled, as the log has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.audit_erasures import ErasureClaims
from nightlight.model.action import ActionState
from nightlight.model.case import Decision
from nightlight.model.retention import Record
from nightlight.ports import Transaction

_CANCELLED_AFTER = {
    LogKind.ACTION_PLANNED: False,
    LogKind.ACTION_CANCELLED: True,
    # A try that was under way when it was cancelled got through after all.
    LogKind.ACTION_DONE: False,
}


@dataclass(slots=True)
class DecisionClaims:
    """What the log says of decisions, by case."""

    decided: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: When, by whom, for what reason, and what holds since.
    overturned: dict[str, tuple[int, str, str, str]] = field(default_factory=dict)

    def note(self, entry: LogEntry, detail: dict[str, Any]) -> None:
        if entry.kind == LogKind.CASE_DECIDED:
            self.decided[entry.subject] = detail
        elif entry.kind == LogKind.DECISION_OVERTURNED:
            said = (entry.at, entry.actor, detail["reason"], detail["outcome"])
            # A decision is overturned once: a second entry would not hide the first.
            self.overturned.setdefault(entry.subject, said)

    def broken(self, tx: Transaction, gone: ErasureClaims) -> str | None:
        """The first case whose decision is not what the log says."""
        for case_id, said in self.decided.items():
            decision, erased = tx.decision_of(case_id), gone.of(case_id, Record.DECISION)
            reason = "" if erased else said.get("reason")
            kept = decision and (decision.outcome, decision.policy, decision.reason)
            if kept != (said.get("outcome"), said.get("policy"), reason):
                return case_id
            if decision is not None and _overturned(decision) != self._claim(case_id, erased=erased):
                return case_id
        return next(iter(self.overturned.keys() - self.decided.keys()), None)

    def _claim(self, case_id: str, *, erased: bool) -> tuple[int, str, str, str] | None:
        claim = self.overturned.get(case_id)
        return (claim[0], "", "", claim[3]) if claim is not None and erased else claim


@dataclass(slots=True)
class ActionClaims:
    """What the log says of actions: what each is, and whether it was cancelled."""

    planned: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    cancelled: dict[str, bool] = field(default_factory=dict)

    def note(self, entry: LogEntry, detail: dict[str, Any]) -> None:
        if entry.kind == LogKind.ACTION_PLANNED:
            self.planned[detail["action"]] = (entry.subject, detail["kind"], detail["target"])
        if entry.kind in _CANCELLED_AFTER:
            self.cancelled[detail["action"]] = _CANCELLED_AFTER[LogKind(entry.kind)]

    def broken(self, tx: Transaction, gone: ErasureClaims) -> str | None:
        """The first action that is another than the log says, or was cancelled, or put back, without it."""
        for action_id, (case_id, kind, target) in self.planned.items():
            action = tx.action(action_id)
            there = "" if gone.of(case_id, Record.REPORT) else target
            if action is None or (action.kind, action.target) != (kind, there):
                return action_id
            if (action.state is ActionState.CANCELLED) is not self.cancelled.get(action_id, False):
                return action_id
        return None


def _overturned(decision: Decision) -> tuple[int, str, str, str] | None:
    overturn = decision.overturn
    return None if overturn is None else (overturn.at, overturn.by, overturn.reason, overturn.outcome)
