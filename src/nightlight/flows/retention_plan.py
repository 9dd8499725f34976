"""The retention plan of everything that there is, or of one case: what will go, when, and why."""

from __future__ import annotations

from nightlight.errors import RefusedError
from nightlight.ports import Store
from nightlight.respond.retention import Line, Planner
from nightlight.respond.retention_report import Totals
from nightlight.respond.retention_rules import RetentionRules


def retention_plan(store: Store, rules: RetentionRules, at: int, shown: int = 20) -> Totals:
    """Over all cases, as it would be at that time if nothing happened until then. Holds nobody up.

    ``shown``: how many of the records are listed whose turn comes next.
    """
    planner, totals = Planner(rules), Totals(at, shown)
    with store.snapshot() as tx:
        for kept in tx.kept_cases(at):
            totals.add(kept, planner)
    return totals


def case_plan(store: Store, rules: RetentionRules, at: int, case_id: str) -> list[Line]:
    """Of one case; ``RefusedError('case_not_found')``."""
    with store.snapshot() as tx:
        kept = tx.kept_case(case_id, at)
    if kept is None:
        raise RefusedError("case_not_found", "There is no such case.")
    return Planner(rules).plan(kept, at)
