"""Putting an action into the outbox, and saying so in the log, in the transaction of what it follows from."""

from __future__ import annotations

from nightlight.evidence.log import LogKind
from nightlight.flows.record_report import NewId
from nightlight.model.action import Action, ActionState, PlannedAction
from nightlight.ports import Transaction


def put(
    tx: Transaction, new_id: NewId, case_id: str, by: str, planned: PlannedAction, now: int, not_before: int = 0
) -> Action:
    """``not_before``: when it is tried first, if that is later than now."""
    action = Action(
        action_id=new_id("action"),
        case_id=case_id,
        kind=planned.kind,
        target=planned.target,
        detail=planned.detail,
        state=ActionState.PENDING,
        attempts=0,
        next_attempt_at=max(now, not_before),
        error=None,
        updated_at=now,
    )
    tx.add_action(action)
    tx.log(now, LogKind.ACTION_PLANNED, by, case_id, named(action))
    return action


def named(action: Action) -> dict[str, str]:
    """How the log names an action."""
    return {"action": action.action_id, "kind": action.kind, "target": action.target}
