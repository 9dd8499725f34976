"""The log in the database."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from nightlight.errors import RefusedError
from nightlight.evidence import log
from nightlight.evidence.log import LogEntry, LogHead, LogKind
from nightlight.store.schema import log_entries, log_head


class LogTable:
    """Appends to and reads the log inside the transaction of ``connection``."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._connection = connection
        self._key = key
        self._head: LogHead | None = None

    def lock(self) -> None:
        """Reads the head and keeps every other writer waiting until this transaction ends."""
        self._head = self._read_head(select(log_head).with_for_update())

    def head(self) -> LogHead:
        return self._head or self._read_head(select(log_head))

    def _read_head(self, statement: Select[Any]) -> LogHead:
        row = self._connection.execute(statement).first()
        if row is None:
            raise RefusedError("log_broken", "The head of the log is missing.")
        head = LogHead(row.number, bytes(row.hash))
        # The migration leaves the empty head without a MAC: it does not know the key.
        if head != log.EMPTY and not hmac.compare_digest(head.mac(self._key), bytes(row.mac)):
            raise RefusedError(
                "log_broken",
                "The head of the log does not carry this installation's authentication: it was edited, "
                "or the key file belongs to another installation.",
            )
        return head

    def append(self, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any]) -> None:
        entry = log.append(self.head(), at, kind, actor, subject, detail)
        head = LogHead(entry.number, entry.hash)
        self._connection.execute(
            insert(log_entries),
            {
                "number": entry.number,
                "at": entry.at,
                "kind": entry.kind,
                "actor": entry.actor,
                "subject": entry.subject,
                "detail": entry.detail,
                "previous": entry.previous,
                "hash": entry.hash,
            },
        )
        self._head = head
        self._connection.execute(
            update(log_head), {"number": head.number, "hash": head.hash, "mac": head.mac(self._key)}
        )

    def entries(self) -> Iterator[LogEntry]:
        rows = self._connection.execution_options(yield_per=1000).execute(
            select(log_entries).order_by(log_entries.c.number)
        )
        for row in rows:
            yield _entry(row)

    def about(self, subjects: list[str]) -> list[LogEntry]:
        rows = self._connection.execute(
            select(log_entries).where(log_entries.c.subject.in_(subjects)).order_by(log_entries.c.number)
        )
        return [_entry(row) for row in rows]


def _entry(row: Row[Any]) -> LogEntry:
    return LogEntry(
        row.number, row.at, row.kind, row.actor, row.subject, row.detail, bytes(row.previous), bytes(row.hash)
    )
