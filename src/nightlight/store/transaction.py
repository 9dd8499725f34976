"""One transaction: the tables' nouns put together behind the port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from nightlight.evidence.log import LogEntry, LogHead, LogKind
from nightlight.store.actions import ActionTables
from nightlight.store.attachments import AttachmentTables
from nightlight.store.cases import CaseTables
from nightlight.store.log import LogTable
from nightlight.store.reports import ReportTables
from nightlight.store.reviewers import ReviewerTables
from nightlight.store.schema import cursors, decisions, evidence, reports


class SqlTransaction(ReportTables, CaseTables, ActionTables, AttachmentTables, ReviewerTables):
    """Implements ``nightlight.ports.Transaction`` on one connection."""

    def __init__(self, connection: Connection, log_key: bytes, *, writes: bool = False) -> None:
        super().__init__(connection)
        self._log = LogTable(connection, log_key)
        if writes:
            # Every writing transaction appends to one log, so they queue for its head, in every process.
            self._log.lock()

    def log(self, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any]) -> None:
        self._log.append(at, kind, actor, subject, detail)

    def log_entries(self) -> Iterator[LogEntry]:
        return self._log.entries()

    def log_head(self) -> LogHead:
        return self._log.head()

    def log_of(self, case_id: str) -> list[LogEntry]:
        of_case = self._connection.scalars(select(reports.c.report_id).where(reports.c.case_id == case_id))
        return self._log.about([case_id, *of_case])

    def counts(self) -> tuple[int, int, int]:
        reports_, evidence_, decisions_ = (
            self._connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (reports, evidence, decisions)
        )
        return reports_, evidence_, decisions_

    def cursor(self, name: str) -> int:
        return self._connection.scalar(select(cursors.c.value).where(cursors.c.name == name)) or 0

    def move_cursor(self, name: str, value: int) -> None:
        moved = self._connection.execute(update(cursors).where(cursors.c.name == name), {"value": value})
        if moved.rowcount == 0:
            self._connection.execute(insert(cursors), {"name": name, "value": value})
