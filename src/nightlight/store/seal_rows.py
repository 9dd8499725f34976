"""Rows from before there were keys of cases: which are still in the clear, and sealing them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, not_, or_, select, update

from nightlight.model.kept_file import ClearCounts
from nightlight.store.referrals import ReferralTables
from nightlight.store.reports import ReportTables
from nightlight.store.schema import evidence, referrals, reported_messages, reports
from nightlight.store.sealed_columns import contents_columns, draft_columns, key_columns, note_columns
from nightlight.store.vault_schema import case_keys


class SealTables(ReportTables, ReferralTables):
    _connection: Connection

    def clear_counts(self) -> ClearCounts:
        return ClearCounts(
            *(
                self._connection.scalar(select(func.count()).select_from(query.subquery())) or 0
                for query in (_clear_reports(), _clear_events(), _clear_referrals())
            )
        )

    def clear_reports(self, after: str, limit: int) -> list[str]:
        return self._ids(_clear_reports().where(reports.c.report_id > after).limit(limit))

    def clear_events(self, after: str, limit: int) -> list[str]:
        return self._ids(_clear_events().where(evidence.c.event_id > after).limit(limit))

    def clear_referrals(self, after: str, limit: int) -> list[str]:
        return self._ids(_clear_referrals().where(referrals.c.referral_id > after).limit(limit))

    def seal_report(self, report_id: str) -> None:
        report = self.report(report_id)
        if report is None:
            return
        this = reports.c.report_id == report_id
        self._connection.execute(update(reports).where(this), note_columns(self._sealing, report))
        for message in report.messages:
            row = and_(reported_messages.c.report_id == report_id, reported_messages.c.position == message.position)
            values = key_columns(self._sealing, report, message)
            self._connection.execute(update(reported_messages).where(row), values)

    def seal_event(self, event_id: str) -> bool:
        """False where no case is left that it could be kept for."""
        event = self.preserved(event_id)
        found = self._connection.scalars(
            select(reports.c.case_id)
            .join(reported_messages, reported_messages.c.report_id == reports.c.report_id)
            .where(
                reported_messages.c.event_id == event_id,
                reports.c.case_id.is_not(None),
                not_(_erased(reports.c.case_id)),
            )
            .distinct()
        )
        case_ids = sorted(found)
        if event is None or not case_ids:
            return False
        for case_id in case_ids:
            self._add_copy(event_id, case_id, event)
        this = evidence.c.event_id == event_id
        self._connection.execute(update(evidence).where(this), {"event": b"", "sealed": True})
        return True

    def seal_referral(self, referral_id: str) -> None:
        referral = self.referral(referral_id)
        if referral is not None:
            values = {**contents_columns(self._sealing, referral), **draft_columns(self._sealing, referral)}
            self._connection.execute(update(referrals).where(referrals.c.referral_id == referral_id), values)

    def _ids(self, query: Select[tuple[str]]) -> list[str]:
        return list(self._connection.scalars(query))


def _erased(case_id: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(case_keys.c.case_id == case_id, case_keys.c.shredded_at.is_not(None))


def _clear_reports() -> Select[tuple[str]]:
    a_key = exists().where(
        reported_messages.c.report_id == reports.c.report_id, reported_messages.c.message_key.is_not(None)
    )
    clear = or_(reports.c.sealed_note.is_(None), a_key)
    scope = func.coalesce(reports.c.case_id, reports.c.report_id)
    return select(reports.c.report_id).where(clear, not_(_erased(scope))).order_by(reports.c.report_id)


def _clear_events() -> Select[tuple[str]]:
    return select(evidence.c.event_id).where(evidence.c.sealed.is_(None)).order_by(evidence.c.event_id)


def _clear_referrals() -> Select[tuple[str]]:
    clear = or_(referrals.c.sealed_contents.is_(None), referrals.c.draft.is_not(None))
    return (
        select(referrals.c.referral_id)
        .where(clear, not_(_erased(referrals.c.case_id)))
        .order_by(referrals.c.referral_id)
    )
