"""Counting for the record that is published: by the database, in groups. Every query reads an index in its order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Table,
    and_,
    func,
    literal_column,
    select,
    update,
)

from nightlight.evidence.log import LogKind
from nightlight.insight.record_period import RecordPeriod
from nightlight.insight.record_rows import Counted, Other
from nightlight.model.retention import Record
from nightlight.model.signal import RuleMode
from nightlight.store.detection_schema import signals
from nightlight.store.retention_schema import erasures, holds
from nightlight.store.schema import actions, cases, decisions, log_entries, referrals, reports, steps_sql

#: What counts as a first look at a case.
SEEN = frozenset({LogKind.CASE_VIEWED, LogKind.EVIDENCE_VIEWED})
_COUNT = func.count()


def first_view(case_id: ColumnElement[str]) -> ScalarSelect[Any]:
    """When somebody first looked at the case, as the log says."""
    those = and_(log_entries.c.subject == case_id, log_entries.c.kind.in_(sorted(SEEN)))
    return select(log_entries.c.at).where(those).order_by(log_entries.c.number).limit(1).scalar_subquery()


class RecordTables:
    _connection: Connection

    def note_seen(self, case_id: str, at: int) -> None:
        """Writes down beside the case when somebody first looked: unlike the log it can be counted quickly."""
        first = and_(cases.c.case_id == case_id, cases.c.seen_at.is_(None))
        self._connection.execute(update(cases).where(first), {"seen_at": at})

    def counted(self, period: RecordPeriod) -> Counted:
        """What happened in the period; for a reading transaction that sees one instant."""

        def within(column: ColumnElement[Any]) -> ColumnElement[bool]:
            return and_(column >= period.start, column < period.end)

        of_case, of_referral = cases.c, referrals.c
        handed = within(of_referral.finished_at)
        after: ColumnElement[int] = literal_column(steps_sql("cases.opened_at", "referrals.finished_at"))
        joined = referrals.join(cases, of_case.case_id == of_referral.case_id)
        over = within(decisions.c.overturned_at)
        to = func.coalesce(decisions.c.overturned_to, decisions.c.outcome)
        on_case = and_(actions.c.case_id.is_not(None), within(actions.c.updated_at))
        return Counted(
            reports=self._groups(
                _by(reports.c.category, reports.c.verdict, reports.c.source).where(within(reports.c.received_at)),
                (reports, "ix_reports_record"),
            ),
            looked=self._groups(
                _by(of_case.severity, of_case.source, of_case.looked_after).where(within(of_case.opened_at)),
                (cases, "ix_cases_looked"),
            ),
            decided=self._groups(
                _by(of_case.severity, of_case.decided_after).where(within(of_case.opened_at)),
                (cases, "ix_cases_decided"),
            ),
            handed_over=self._groups(_by(of_case.severity, after).select_from(joined).where(handed)),
            decisions=self._groups(
                _by(decisions.c.outcome, decisions.c.policy).where(within(decisions.c.decided_at)),
                (decisions, "ix_decisions_record"),
            ),
            overturned=self._groups(_by(decisions.c.outcome, to).where(over)),
            actions=self._groups(_by(actions.c.kind, actions.c.state).where(on_case)),
            referrals=self._groups(
                _by(of_referral.kind, of_referral.agency, of_referral.state).where(within(of_referral.proposed_at))
            ),
            others={other: self._connection.scalar(_OTHERS[other].where(within(_AT[other]))) or 0 for other in Other},
        )

    def _groups(self, query: Select[Any], index: tuple[Table, str] | None = None) -> Any:
        if index is not None:
            # SQLite would rather find the few rows of a day than read a whole index in order, and sort a year of rows.
            table, name = index
            query = query.with_hint(table, f"INDEXED BY {name}", "sqlite")
        return {tuple(row[:-1]): row[-1] for row in self._connection.execute(query)}


def _by(*columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns, _COUNT).group_by(*columns)


_OTHERS: dict[Other, Select[Any]] = {
    Other.EVIDENCE_ERASED: select(_COUNT).where(erasures.c.record == Record.CASE_EVIDENCE),
    Other.REPORTS_ERASED: select(_COUNT).where(erasures.c.record == Record.REPORT),
    Other.HOLDS_PLACED: select(_COUNT).select_from(holds),
    Other.HOLDS_RELEASED: select(_COUNT).select_from(holds),
    Other.SIGNALS_LIVE: select(_COUNT).where(signals.c.mode == RuleMode.LIVE),
    Other.SIGNALS_SHADOW: select(_COUNT).where(signals.c.mode == RuleMode.SHADOW),
}
_AT: dict[Other, ColumnElement[Any]] = {
    Other.EVIDENCE_ERASED: erasures.c.erased_at,
    Other.REPORTS_ERASED: erasures.c.erased_at,
    Other.HOLDS_PLACED: holds.c.placed_at,
    Other.HOLDS_RELEASED: holds.c.released_at,
    Other.SIGNALS_LIVE: signals.c.raised_at,
    Other.SIGNALS_SHADOW: signals.c.raised_at,
}
