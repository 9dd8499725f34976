"""What a record is counted from, row by row, and what the counting comes to.

A store counts inside its database; ``count_rows`` says the same of single rows, plainly. A test holds both together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.insight.record_period import RecordPeriod
from nightlight.insight.waits import step_of


class Other(StrEnum):
    """Single numbers beside the tables. A closed list."""

    EVIDENCE_ERASED = "evidence_erased"
    REPORTS_ERASED = "reports_erased"
    HOLDS_PLACED = "holds_placed"
    HOLDS_RELEASED = "holds_released"
    SIGNALS_LIVE = "signals_live"
    SIGNALS_SHADOW = "signals_shadow"


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts by what they are counted by. ``None`` for a time: not yet.

    ``reports``: received, by category, best verdict (empty where a report names no message) and source. ``looked`` and
    ``decided``: cases opened, by severity, source (``looked`` alone) and minutes until then. ``handed_over``: referrals
    first given to an agency, by the case's severity and minutes since the case was opened. ``decisions``: made, by
    outcome and policy. ``overturned``: by the outcome as it was decided and as it is since. ``actions``: that follow
    from cases, by kind and state, by their last change. ``referrals``: begun, by kind, agency (empty once erased) and
    state.
    """

    reports: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    looked: Mapping[tuple[int, str, int | None], int] = field(default_factory=dict)
    decided: Mapping[tuple[int, int | None], int] = field(default_factory=dict)
    handed_over: Mapping[tuple[int, int], int] = field(default_factory=dict)
    decisions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    overturned: Mapping[tuple[str, str], int] = field(default_factory=dict)
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    referrals: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    others: Mapping[Other, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportRow:
    received_at: int
    category: str
    verdict: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    case_id: str
    opened_at: int
    severity: int
    source: str
    seen_at: int | None = None
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    decided_at: int
    outcome: str
    policy: str
    overturned_at: int | None = None
    overturned_to: str | None = None


@dataclass(frozen=True, slots=True)
class ActionRow:
    """``case_id``: None for what prevention does by itself, which is not counted."""

    case_id: str | None
    kind: str
    state: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class ReferralRow:
    case_id: str
    kind: str
    agency: str
    state: str
    proposed_at: int
    finished_at: int | None = None


@dataclass(frozen=True, slots=True)
class StoreRows:
    """``others``: when each of these happened."""

    reports: Iterable[ReportRow] = ()
    cases: Iterable[CaseRow] = ()
    decisions: Iterable[DecisionRow] = ()
    actions: Iterable[ActionRow] = ()
    referrals: Iterable[ReferralRow] = ()
    others: Iterable[tuple[Other, int]] = ()


def count_rows(period: RecordPeriod, rows: StoreRows) -> Counted:
    """Row by row. Times are milliseconds since 1970, UTC."""

    def within(at: int | None) -> bool:
        return at is not None and period.start <= at < period.end

    cases = {row.case_id: row for row in rows.cases}
    opened = [row for row in cases.values() if within(row.opened_at)]
    return Counted(
        reports=Counter((row.category, row.verdict, row.source) for row in rows.reports if within(row.received_at)),
        looked=Counter((row.severity, row.source, _took(row.opened_at, row.seen_at)) for row in opened),
        decided=Counter((row.severity, _took(row.opened_at, row.decided_at)) for row in opened),
        handed_over=Counter(
            (cases[row.case_id].severity, step_of(row.finished_at - cases[row.case_id].opened_at))
            for row in rows.referrals
            if row.finished_at is not None and within(row.finished_at)
        ),
        decisions=Counter((row.outcome, row.policy) for row in rows.decisions if within(row.decided_at)),
        overturned=Counter(
            (row.outcome, row.overturned_to or row.outcome) for row in rows.decisions if within(row.overturned_at)
        ),
        actions=Counter(
            (row.kind, row.state) for row in rows.actions if row.case_id is not None and within(row.updated_at)
        ),
        referrals=Counter((row.kind, row.agency, row.state) for row in rows.referrals if within(row.proposed_at)),
        others=Counter(what for what, at in rows.others if within(at)),
    )


def _took(since: int, until: int | None) -> int | None:
    return None if until is None else step_of(until - since)
