"""Which decisions stand: what may still be enforced on them, and what may still go out to an agency."""

from __future__ import annotations

from collections.abc import Iterable

from nightlight.errors import RefusedError
from nightlight.model.action import Action
from nightlight.model.case import Case, Decision, Outcome
from nightlight.ports import Transaction
from nightlight.respond.second_look import Ordered

#: Cases about one account that another violation is looked for in.
_CASES = 1_000


def stands(decision: Decision | None) -> bool:
    """Whether it found a violation, and nobody took that back."""
    return decision is not None and decision.holds is Outcome.VIOLATION


def require_standing(decision: Decision) -> None:
    """``RefusedError``: ``no_violation``, or ``overturned`` where it was one."""
    if decision.overturn is not None:
        raise RefusedError(
            "overturned",
            "The decision on this case was overturned: nothing more goes out on it.",
            "Take back what is on its way. Of what an agency has already, tell the agency.",
        )
    if decision.outcome is not Outcome.VIOLATION:
        raise RefusedError("no_violation", "Only what was found to be a violation can be referred.")


def require_not_overturned(tx: Transaction, case_id: str) -> None:
    """``RefusedError('overturned')``: what was begun on a decision that does not stand any more goes no further."""
    decision = tx.decision_of(case_id)
    if decision is not None and decision.overturn is not None:
        require_standing(decision)


def ordered_elsewhere(tx: Transaction, case_id: str | None, actions: Iterable[Action]) -> list[Ordered]:
    """What other cases ordered on the targets of these actions."""
    found = []
    standing: dict[str, bool] = {}
    for target in sorted({action.target for action in actions if action.target}):
        for other in tx.actions_on(target):
            if other.case_id is None or other.case_id == case_id:
                continue
            if other.case_id not in standing:
                standing[other.case_id] = stands(tx.decision_of(other.case_id))
            found.append(Ordered(other, standing[other.case_id]))
    return found


def other_violation(tx: Transaction, case: Case) -> bool:
    """Whether another case about the same account was found to be a violation, and that stands."""
    if case.subject is None:
        return False
    others = (other.case_id for other in tx.cases_about(case.subject, _CASES) if other.case_id != case.case_id)
    return any(stands(tx.decision_of(other)) for other in others)
