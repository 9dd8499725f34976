"""Reports, their messages and the preserved events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, or_, select, update

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import StoredEvent
from nightlight.model.report import (
    Category,
    MessageRole,
    Relation,
    RelationKind,
    Report,
    ReportedMessage,
    ReportSource,
    ReportState,
)
from nightlight.model.verdict import Code, best_verdict, verdict_for
from nightlight.ports import NewReport, PendingReport
from nightlight.store.case_keys import CaseKeyTables
from nightlight.store.schema import cases, evidence, reported_messages, reports
from nightlight.store.sealed_columns import event_in, event_sealed, key_columns, key_in, note_columns, note_in
from nightlight.store.sealing import Sealing
from nightlight.store.vault_schema import sealed_events


class ReportTables(CaseKeyTables):
    """Notes, message keys and events are sealed under the data key of their case, where the transaction has a seal.

    A report that waits without a case has a key of its own until it joins one.
    """

    _connection: Connection
    _sealing: Sealing

    def same_report(self, claimants: Sequence[str], digest: bytes, idempotency_key: str | None) -> Report | None:
        same = reports.c.digest == digest
        if idempotency_key is not None:
            same = or_(same, reports.c.idempotency_key == idempotency_key)
        rows = self._connection.execute(
            select(reports).where(reports.c.claimant.in_(claimants), same).order_by(reports.c.received_at)
        ).all()
        if any(
            row.idempotency_key == idempotency_key and bytes(row.digest) != digest
            for row in rows
            if row.idempotency_key
        ):
            raise RefusedError(
                "idempotency_key_reused",
                "This Idempotency-Key came with a different report before.",
                "Use a new key for a new report.",
            )
        return self._report(rows[0]) if rows else None

    def has_source(self, source_ref: str) -> bool:
        return bool(self._connection.scalar(select(exists().where(reports.c.source_ref == source_ref))))

    def add_report(self, new: NewReport) -> None:
        report = new.report
        self._connection.execute(
            insert(reports),
            {
                "report_id": report.report_id,
                "received_at": report.received_at,
                "claimant": new.claimant,
                "digest": new.digest,
                "idempotency_key": new.idempotency_key,
                "source": report.source,
                "source_ref": new.source_ref,
                "reporter": report.reporter,
                "room_id": report.room_id,
                "category": report.category,
                **note_columns(self._sealing, report),
                "language": report.language,
                "target_account": report.target_account,
                "state": report.state,
                "case_id": report.case_id,
                "openid_token": new.openid_token,
                "attempts": 0,
                "next_attempt_at": new.next_attempt_at,
                "verdict": _verdict(report),
            },
        )
        self._add_messages(report)
        self._note_report(report)

    def _note_report(self, report: Report) -> None:
        """In its case, where retention looks for it."""
        if report.case_id is not None:
            newer = or_(cases.c.reported_at.is_(None), cases.c.reported_at < report.received_at)
            those = and_(cases.c.case_id == report.case_id, newer)
            self._connection.execute(update(cases).where(those), {"reported_at": report.received_at})

    def _add_messages(self, report: Report) -> None:
        if report.messages:
            self._connection.execute(
                insert(reported_messages),
                [
                    {
                        "report_id": report.report_id,
                        "position": message.position,
                        "event_id": message.event_id,
                        **key_columns(self._sealing, report, message),
                        "verdict": message.verdict.verdict,
                        "code": message.verdict.code,
                        "sender": message.sender,
                        "sent_at": message.sent_at,
                        "role": message.role,
                        "depth": message.depth,
                        "omitted": message.omitted,
                        "relation": message.relation.kind if message.relation else None,
                        "relates_to": message.relation.event_id if message.relation else None,
                    }
                    for message in report.messages
                ],
            )

    def report(self, report_id: str) -> Report | None:
        row = self._connection.execute(select(reports).where(reports.c.report_id == report_id)).first()
        return self._report(row) if row else None

    def reports_of(self, case_id: str) -> list[Report]:
        rows = self._connection.execute(
            select(reports).where(reports.c.case_id == case_id).order_by(reports.c.received_at)
        ).all()
        # A case may have hundreds of reports: their messages come at once, and not each with a query of its own.
        messages: dict[str, list[Row[Any]]] = defaultdict(list)
        of_case = select(reports.c.report_id).where(reports.c.case_id == case_id)
        for message in self._connection.execute(
            select(reported_messages)
            .where(reported_messages.c.report_id.in_(of_case))
            .order_by(reported_messages.c.report_id, reported_messages.c.position)
        ):
            messages[message.report_id].append(message)
        return [self._report(row, messages[row.report_id]) for row in rows]

    def reports_since(self, claimant: str, since: int) -> int:
        return (
            self._connection.scalar(
                select(func.count()).where(reports.c.claimant == claimant, reports.c.received_at >= since)
            )
            or 0
        )

    def pending_count(self) -> int:
        return self._connection.scalar(select(func.count()).where(reports.c.state == ReportState.PENDING)) or 0

    def pending_due(self, now: int, limit: int) -> list[PendingReport]:
        rows = self._connection.execute(
            select(reports)
            .where(reports.c.state == ReportState.PENDING, reports.c.next_attempt_at <= now)
            .order_by(reports.c.next_attempt_at)
            .limit(limit)
        ).all()
        return [
            PendingReport(self._report(row), row.claimant, bytes(row.digest), row.openid_token, row.attempts)
            for row in rows
        ]

    def postpone(self, report_id: str, next_attempt_at: int) -> None:
        self._connection.execute(
            update(reports)
            .where(reports.c.report_id == report_id)
            .values(next_attempt_at=next_attempt_at, attempts=reports.c.attempts + 1)
        )

    def may_claim(self, report_id: str, claimant: str) -> bool:
        other = reports.alias()
        taken = exists().where(
            other.c.claimant == claimant,
            other.c.report_id != reports.c.report_id,
            or_(other.c.digest == reports.c.digest, other.c.idempotency_key == reports.c.idempotency_key),
        )
        return not self._connection.scalar(select(taken).where(reports.c.report_id == report_id))

    def settle_report(self, report: Report, claimant: str) -> None:
        """Stores what the check of a pending report found; the sign-in proof is forgotten."""
        self._connection.execute(
            update(reports).where(reports.c.report_id == report.report_id),
            {
                "claimant": claimant,
                "reporter": report.reporter,
                "state": report.state,
                "case_id": report.case_id,
                "openid_token": None,
                "verdict": _verdict(report),
                **note_columns(self._sealing, report),
            },
        )
        self._connection.execute(delete(reported_messages).where(reported_messages.c.report_id == report.report_id))
        self._add_messages(report)
        if report.case_id is not None:
            # From here on everything of it is sealed under its case's key.
            self.remove_case_key(report.report_id)
        self._note_report(report)

    def preserve(self, event: StoredEvent, at: int, case_id: str) -> None:
        """Keeps the event for the case, as it is now; what was preserved first stays.

        Each case has a copy under its own key: to erase one case takes nothing from another.
        """
        this = evidence.c.event_id == event.event_id
        known = self._connection.execute(select(evidence.c.sealed).where(this)).first()
        if known is None:
            values = {
                "event_id": event.event_id,
                "room_id": event.room_id,
                "sender": event.sender,
                "event": b"" if self._sealing.on else event.encoded,
                "sealed": True if self._sealing.on else None,
                "sha256": event.sha256,
                "preserved_at": at,
            }
            self._connection.execute(insert(evidence), values)
            if self._sealing.on:
                self._add_copy(event.event_id, case_id, event.encoded)
        elif known.sealed and case_id not in {copy.case_id for copy in self._copies(event.event_id)}:
            try:
                first = self.preserved(event.event_id)
            except RefusedError as e:
                if e.code != "erased":
                    raise
                # Every case that it was kept for is erased. It is preserved as if it had never been.
                self._connection.execute(delete(sealed_events).where(sealed_events.c.event_id == event.event_id))
                self._connection.execute(update(evidence).where(this), {"sha256": event.sha256, "preserved_at": at})
                first = event.encoded
            self._add_copy(event.event_id, case_id, event.encoded if first is None else first)

    def _add_copy(self, event_id: str, case_id: str, event: bytes) -> None:
        sealed = event_sealed(self._sealing, event_id, case_id, event)
        self._connection.execute(insert(sealed_events), {"event_id": event_id, "case_id": case_id, "sealed": sealed})

    def _copies(self, event_id: str) -> Sequence[Row[Any]]:
        """The sealed copies of a preserved event, one for each case."""
        query = select(sealed_events).where(sealed_events.c.event_id == event_id).order_by(sealed_events.c.case_id)
        return self._connection.execute(query).all()

    def preserved(self, event_id: str) -> bytes | None:
        query = select(evidence.c.event, evidence.c.sealed).where(evidence.c.event_id == event_id)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        if not row.sealed:
            return bytes(row.event)
        erased: RefusedError | None = None
        for copy in self._copies(event_id):
            try:
                return event_in(self._sealing, copy)
            except RefusedError as e:
                if e.code != "erased":
                    raise
                erased = e  # another case may have its copy still
        if erased is not None:
            raise erased
        return None

    def accepted_before(self, reporter: str, event_id: str) -> bool:
        """Whether an earlier report of this account established that it was in the room when the event was sent."""
        found = exists().where(
            and_(
                reports.c.report_id == reported_messages.c.report_id,
                reports.c.reporter == reporter,
                reported_messages.c.event_id == event_id,
                reported_messages.c.sender.is_not(None),
            )
        )
        return bool(self._connection.scalar(select(found)))

    def _report(self, row: Row[Any], messages: Iterable[Row[Any]] | None = None) -> Report:
        """``messages``: its rows in their order, where they were read already."""
        scope = row.case_id or row.report_id
        if messages is None:
            messages = self._connection.execute(
                select(reported_messages)
                .where(reported_messages.c.report_id == row.report_id)
                .order_by(reported_messages.c.position)
            )
        return Report(
            report_id=row.report_id,
            received_at=row.received_at,
            reporter=row.reporter,
            room_id=row.room_id,
            category=Category(row.category),
            note=note_in(self._sealing, row),
            language=row.language,
            source=ReportSource(row.source),
            state=ReportState(row.state),
            case_id=row.case_id,
            target_account=row.target_account,
            messages=tuple(_message(message, key_in(self._sealing, message, scope)) for message in messages),
        )


def _verdict(report: Report) -> str:
    return best_verdict(message.verdict.verdict for message in report.messages if message.reported) or ""


def _message(row: Row[Any], message_key: bytes | None) -> ReportedMessage:
    return ReportedMessage(
        position=row.position,
        event_id=row.event_id,
        verdict=verdict_for(Code(row.code)),
        sender=row.sender,
        sent_at=row.sent_at,
        message_key=message_key,
        role=MessageRole(row.role),
        depth=row.depth,
        omitted=row.omitted,
        relation=Relation(RelationKind(row.relation), row.relates_to) if row.relation else None,
    )
