"""Cases and decisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, select, update

from nightlight.model.case import Case, CaseSource, CaseState, Decision, Outcome, Overturn, Policy
from nightlight.model.report import Category, MessageRole
from nightlight.store.schema import cases, decisions, reported_messages, reports


class CaseTables:
    _connection: Connection

    def open_case_with(self, event_ids: Sequence[str], subject: str) -> str | None:
        """The open case about ``subject`` that an accepted report of one of these events belongs to, if any."""
        if not event_ids:
            return None
        return self._connection.scalar(
            select(cases.c.case_id)
            .join(reports, reports.c.case_id == cases.c.case_id)
            .join(reported_messages, reported_messages.c.report_id == reports.c.report_id)
            .where(
                reported_messages.c.event_id.in_(event_ids),
                reported_messages.c.sender.is_not(None),
                reported_messages.c.role == MessageRole.REPORTED,
                cases.c.state == CaseState.OPEN,
                cases.c.subject == subject,
            )
            .order_by(cases.c.opened_at)
            .limit(1)
        )

    def open_case_about(self, subject: str) -> Case | None:
        """The oldest open case about the account, whatever brought it up."""
        row = self._connection.execute(
            select(cases)
            .where(cases.c.subject == subject, cases.c.state == CaseState.OPEN)
            .order_by(cases.c.opened_at)
            .limit(1)
        ).first()
        return _case(row) if row else None

    def cases_about(self, subject: str, limit: int) -> list[Case]:
        """The newest first, of any state."""
        query = select(cases).where(cases.c.subject == subject).order_by(cases.c.opened_at.desc()).limit(limit)
        return [_case(row) for row in self._connection.execute(query)]

    def add_case(self, case: Case) -> None:
        self._connection.execute(insert(cases), asdict(case))

    def save_case(self, case: Case) -> None:
        self._connection.execute(update(cases).where(cases.c.case_id == case.case_id), asdict(case))

    def case(self, case_id: str) -> Case | None:
        row = self._connection.execute(select(cases).where(cases.c.case_id == case_id)).first()
        return _case(row) if row else None

    def cases(self, state: CaseState, limit: int) -> list[Case]:
        """Open: severe first, what is unproven two grades lower, then oldest. Decided: newest first."""
        grade = cases.c.severity + case((cases.c.proven > 0, 0), else_=2)
        order = (
            (grade, (cases.c.proven > 0).desc(), cases.c.opened_at)
            if state is CaseState.OPEN
            else (cases.c.opened_at.desc(),)
        )
        rows = self._connection.execute(select(cases).where(cases.c.state == state).order_by(*order).limit(limit))
        return [_case(row) for row in rows]

    def count_cases(self, state: CaseState) -> int:
        return self._connection.scalar(select(func.count()).where(cases.c.state == state)) or 0

    def add_decision(self, decision: Decision) -> None:
        values = asdict(decision)
        del values["overturn"]
        self._connection.execute(insert(decisions), values)
        copies = {"decided_at": decision.decided_at, "outcome": decision.outcome}
        self._connection.execute(update(cases).where(cases.c.case_id == decision.case_id), copies)

    def overturn_decision(self, decision: Decision) -> None:
        """Writes down that it was overturned, and what the case's outcome is since then."""
        overturn = decision.overturn
        if overturn is None:
            raise ValueError("this decision stands")
        values = {
            "overturned_at": overturn.at,
            "overturned_by": overturn.by,
            "overturn_reason": overturn.reason,
            "overturned_to": overturn.outcome,
        }
        self._connection.execute(update(decisions).where(decisions.c.case_id == decision.case_id), values)
        self._connection.execute(update(cases).where(cases.c.case_id == decision.case_id), {"outcome": decision.holds})

    def overturned_among(self, case_ids: Collection[str]) -> set[str]:
        """Those of these cases whose decision was overturned."""
        those = decisions.c.case_id.in_(list(case_ids))
        query = select(decisions.c.case_id).where(decisions.c.overturned_at.is_not(None), those)
        return set(self._connection.scalars(query))

    def decision_of(self, case_id: str) -> Decision | None:
        row = self._connection.execute(select(decisions).where(decisions.c.case_id == case_id)).first()
        if row is None:
            return None
        return Decision(
            row.decision_id,
            row.case_id,
            row.decided_at,
            row.reviewer,
            Outcome(row.outcome),
            Policy(row.policy),
            row.reason,
            _overturn(row),
        )


def _overturn(row: Row[Any]) -> Overturn | None:
    if row.overturned_at is None and row.overturned_to is None:
        return None
    said = (row.overturned_at or 0, row.overturned_by or "", row.overturn_reason or "")
    return Overturn(*said, Outcome(row.overturned_to or row.outcome))


def _case(row: Row[Any]) -> Case:
    return Case(
        case_id=row.case_id,
        opened_at=row.opened_at,
        state=CaseState(row.state),
        subject=row.subject,
        room_id=row.room_id,
        category=Category(row.category),
        severity=row.severity,
        proven=row.proven,
        messages=row.messages,
        reports=row.reports,
        source=CaseSource(row.source),
    )
