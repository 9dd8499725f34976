"""Attachments of proven messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, not_, select, update

from nightlight.errors import RefusedError
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, Digests
from nightlight.model.report import ReportedMessage
from nightlight.model.verdict import Code, Verdict, verdict_for
from nightlight.store.erasure import evidence_erased
from nightlight.store.schema import attachments, reported_messages, reports
from nightlight.store.sealed_columns import key_in
from nightlight.store.sealing import Sealing

_PROVEN = reported_messages.c.verdict == Verdict.VERIFIED
#: Not in a case whose evidence was erased: a proof that can be repeated no more.
_THERE = not_(evidence_erased(reports.c.case_id))


class AttachmentTables:
    _connection: Connection
    _sealing: Sealing

    def proven_message(self, event_id: str) -> ReportedMessage | None:
        rows = self._connection.execute(
            select(reported_messages, reports.c.case_id)
            .join(reports, reports.c.report_id == reported_messages.c.report_id)
            .where(reported_messages.c.event_id == event_id, _PROVEN, _THERE)
            .order_by(reports.c.received_at, reports.c.report_id, reported_messages.c.position)
        ).all()
        erased: RefusedError | None = None
        for row in rows:
            try:
                key = key_in(self._sealing, row, row.case_id or row.report_id)
            except RefusedError as e:
                if e.code != "erased":
                    raise
                erased = e  # another case may have its key still
                continue
            return ReportedMessage(
                row.position, row.event_id, verdict_for(Code(row.code)), row.sender, row.sent_at, key
            )
        if erased is not None:
            raise erased
        return None

    def add_attachment(self, attachment: Attachment) -> None:
        self._connection.execute(insert(attachments), _values(attachment))

    def attachment(self, attachment_id: str) -> Attachment | None:
        row = self._connection.execute(select(attachments).where(attachments.c.attachment_id == attachment_id)).first()
        return _attachment(row) if row else None

    def attachments_of(self, event_ids: Sequence[str]) -> list[Attachment]:
        if not event_ids:
            return []
        rows = self._connection.execute(
            select(attachments)
            .where(attachments.c.event_id.in_(event_ids))
            .order_by(attachments.c.event_id, attachments.c.position)
        )
        return [_attachment(row) for row in rows]

    def due_attachment(self, now: int) -> Attachment | None:
        """The pending attachment that has waited longest past its time."""
        row = self._connection.execute(
            select(attachments)
            .where(attachments.c.state == AttachmentState.PENDING, attachments.c.next_attempt_at <= now)
            .order_by(attachments.c.next_attempt_at, attachments.c.attachment_id)
            .limit(1)
        ).first()
        return _attachment(row) if row else None

    def save_attachment(self, attachment: Attachment) -> None:
        self._connection.execute(
            update(attachments).where(attachments.c.attachment_id == attachment.attachment_id), _values(attachment)
        )

    def same_files(self, sha256: bytes) -> list[tuple[str, str]]:
        rows = self._connection.execute(
            select(attachments.c.event_id, reports.c.case_id)
            .join(reported_messages, reported_messages.c.event_id == attachments.c.event_id)
            .join(reports, reports.c.report_id == reported_messages.c.report_id)
            .where(attachments.c.sha256 == sha256, _PROVEN, _THERE, reports.c.case_id.is_not(None))
            .distinct()
            .order_by(reports.c.case_id, attachments.c.event_id)
        )
        return [(row.event_id, row.case_id) for row in rows]

    def cases_of(self, event_id: str) -> list[str]:
        found = self._connection.scalars(
            select(reports.c.case_id)
            .join(reported_messages, reported_messages.c.report_id == reports.c.report_id)
            .where(reported_messages.c.event_id == event_id, _PROVEN, _THERE, reports.c.case_id.is_not(None))
            .order_by(reports.c.received_at, reports.c.report_id)
        )
        return list(dict.fromkeys(str(case_id) for case_id in found))


def _values(attachment: Attachment) -> dict[str, Any]:
    digests = attachment.digests
    return {
        "attachment_id": attachment.attachment_id,
        "event_id": attachment.event_id,
        "reference": attachment.reference,
        "position": attachment.position,
        "state": attachment.state,
        "code": attachment.code,
        "attempts": attachment.attempts,
        "next_attempt_at": attachment.next_attempt_at,
        "updated_at": attachment.updated_at,
        "error": attachment.error,
        "size": digests.size if digests else None,
        "sha256": digests.sha256 if digests else None,
        "sha1": digests.sha1 if digests else None,
        "md5": digests.md5 if digests else None,
        "blob": attachment.blob,
        "kept_at": attachment.kept_at,
    }


def _attachment(row: Row[Any]) -> Attachment:
    digests = None
    if row.sha256 is not None:
        digests = Digests(row.size, bytes(row.sha256), bytes(row.sha1), bytes(row.md5))
    return Attachment(
        attachment_id=row.attachment_id,
        event_id=row.event_id,
        reference=row.reference,
        position=row.position,
        state=AttachmentState(row.state),
        code=AttachmentCode(row.code),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        updated_at=row.updated_at,
        digests=digests,
        error=row.error,
        blob=None if row.blob is None else bytes(row.blob),
        kept_at=row.kept_at,
    )
