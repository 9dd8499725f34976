"""Files in the evidence vault: which is kept for which case, and when each was last checked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, exists, func, insert, not_, or_, select, update

from nightlight.model.kept_file import KeptFile, VaultCounts
from nightlight.model.verdict import Verdict
from nightlight.store.schema import attachments, reported_messages, reports
from nightlight.store.vault_schema import case_keys, kept_files


class KeptFileTables:
    _connection: Connection

    def put_kept_file(self, file: KeptFile) -> None:
        values = {
            "kept_at": file.kept_at,
            "checked_at": file.checked_at,
            "next_check_at": file.next_check_at,
            "damage": file.damage,
        }
        this = (kept_files.c.case_id == file.case_id, kept_files.c.sha256 == file.sha256)
        changed = self._connection.execute(update(kept_files).where(*this), values)
        if changed.rowcount == 0:
            self._connection.execute(insert(kept_files), {**values, "case_id": file.case_id, "sha256": file.sha256})

    def kept_file(self, case_id: str, sha256: bytes) -> KeptFile | None:
        query = select(kept_files).where(kept_files.c.case_id == case_id, kept_files.c.sha256 == sha256)
        row = self._connection.execute(query).first()
        return _kept(row) if row else None

    def due_kept_file(self, now: int) -> KeptFile | None:
        query = (
            select(kept_files)
            .where(kept_files.c.next_check_at <= now)
            .order_by(kept_files.c.next_check_at, kept_files.c.case_id, kept_files.c.sha256)
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return _kept(row) if row else None

    def kept_files_after(self, last: KeptFile | None, limit: int) -> list[KeptFile]:
        """In the order of cases and files, those that come after ``last``."""
        query = select(kept_files).order_by(kept_files.c.case_id, kept_files.c.sha256).limit(limit)
        if last is not None:
            query = query.where(
                or_(
                    kept_files.c.case_id > last.case_id,
                    and_(kept_files.c.case_id == last.case_id, kept_files.c.sha256 > last.sha256),
                )
            )
        return [_kept(row) for row in self._connection.execute(query)]

    def damaged_files(self, limit: int) -> list[KeptFile]:
        query = (
            select(kept_files)
            .where(kept_files.c.damage.is_not(None))
            .order_by(kept_files.c.case_id, kept_files.c.sha256)
            .limit(limit)
        )
        return [_kept(row) for row in self._connection.execute(query)]

    def vault_counts(self) -> VaultCounts:
        query = select(
            func.count(),
            func.count(case((kept_files.c.checked_at.is_(None), 1))),
            func.count(kept_files.c.damage),
            func.min(kept_files.c.checked_at),
        ).select_from(kept_files)
        files, unchecked, damaged, oldest = self._connection.execute(query).one()
        return VaultCounts(files, unchecked, damaged, oldest)

    def not_kept_for(self, limit: int) -> list[tuple[str, bytes]]:
        """Cases with a message whose file is kept, but not for them."""
        pairs = _wanted()
        there = exists().where(kept_files.c.case_id == reports.c.case_id, kept_files.c.sha256 == attachments.c.blob)
        return _pairs(self._connection, pairs.where(not_(there)).limit(limit))

    def cases_needing(self, sha256: bytes) -> list[str]:
        """The cases, not erased, with a message whose kept file this is."""
        return [case_id for case_id, _ in _pairs(self._connection, _wanted().where(attachments.c.blob == sha256))]


def _wanted() -> Select[Any]:
    erased = exists().where(case_keys.c.case_id == reports.c.case_id, case_keys.c.shredded_at.is_not(None))
    return (
        select(reports.c.case_id, attachments.c.blob)
        .join(reported_messages, reported_messages.c.report_id == reports.c.report_id)
        .join(attachments, attachments.c.event_id == reported_messages.c.event_id)
        .where(
            reports.c.case_id.is_not(None),
            reported_messages.c.verdict == Verdict.VERIFIED,
            attachments.c.blob.is_not(None),
            attachments.c.kept_at.is_not(None),
            not_(erased),
        )
        .distinct()
        .order_by(reports.c.case_id, attachments.c.blob)
    )


def _pairs(connection: Connection, query: Select[Any]) -> list[tuple[str, bytes]]:
    return [(str(row[0]), bytes(row[1])) for row in connection.execute(query)]


def _kept(row: Row[Any]) -> KeptFile:
    return KeptFile(row.case_id, bytes(row.sha256), row.kept_at, row.next_check_at, row.checked_at, row.damage)
