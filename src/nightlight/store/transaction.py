"""One transaction: the tables' nouns put together behind the port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from nightlight.evidence.log import LogEntry, LogHead, LogKind
from nightlight.hazmat.merkle import Node
from nightlight.model.case_key import CaseKey
from nightlight.ports import CaseSeal
from nightlight.store.actions import ActionTables
from nightlight.store.asks import AskTables
from nightlight.store.attachments import AttachmentTables
from nightlight.store.cases import CaseTables
from nightlight.store.contacts import ContactTables
from nightlight.store.day_counts import DayCountTables
from nightlight.store.detection import DetectionTables
from nightlight.store.erasure import ErasureTables
from nightlight.store.events import EventTables
from nightlight.store.kept_files import KeptFileTables
from nightlight.store.log import LogTable
from nightlight.store.numbering import Numbering
from nightlight.store.own_page import OwnPageTables
from nightlight.store.policies import PolicyTables
from nightlight.store.record import SEEN, RecordTables
from nightlight.store.relations import RelationTables
from nightlight.store.retention import RetentionTables
from nightlight.store.reviewers import ReviewerTables
from nightlight.store.schema import cursors, decisions, evidence, reports
from nightlight.store.seal_rows import SealTables
from nightlight.store.sealing import Sealing
from nightlight.store.submissions import SubmissionTables


class SqlTransaction(
    SealTables,
    CaseTables,
    ActionTables,
    AttachmentTables,
    KeptFileTables,
    ReviewerTables,
    EventTables,
    RelationTables,
    ContactTables,
    PolicyTables,
    OwnPageTables,
    AskTables,
    DetectionTables,
    DayCountTables,
    SubmissionTables,
    RetentionTables,
    ErasureTables,
    RecordTables,
):
    """Implements ``nightlight.ports.Transaction`` on one connection."""

    def __init__(
        self, connection: Connection, log_key: bytes, seal: CaseSeal | None = None, *, writes: bool = False
    ) -> None:
        self._connection = connection
        self._case_keys: dict[str, CaseKey | None] = {}
        self._sealing = Sealing(seal, self)
        self._log = LogTable(connection, log_key)
        self._numbering = Numbering(connection, writes=writes)
        self._if_undone: list[Callable[[], None]] = []
        if writes:
            # Every writing transaction appends to one log, so they queue for its head, in every process.
            self._log.lock()

    def log(self, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any]) -> LogEntry:
        if kind in SEEN:
            self.note_seen(subject, at)
        return self._log.append(at, kind, actor, subject, detail)

    def if_undone(self, call: Callable[[], None]) -> None:
        """Calls it should nothing of this transaction have happened, or nobody know whether it has."""
        self._if_undone.append(call)

    def undone(self) -> None:
        for call in self._if_undone:
            call()

    def flush(self) -> None:
        """Writes what is written once for the whole transaction; the database does it before it commits."""
        self._log.flush()
        self._numbering.flush()

    def log_entries(self) -> Iterator[LogEntry]:
        return self._log.entries()

    def log_head(self) -> LogHead:
        return self._log.head()

    def log_carried(self) -> int:
        return self._log.carried()

    def log_nodes(self, nodes: Sequence[Node]) -> dict[Node, bytes]:
        return self._log.nodes(nodes)

    def log_inclusion(self, number: int, size: int) -> tuple[bytes, list[bytes]]:
        return self._log.inclusion(number, size)

    def log_consistency(self, old: int, new: int) -> list[bytes]:
        return self._log.consistency(old, new)

    def log_of(self, case_id: str) -> list[LogEntry]:
        of_case = self._connection.scalars(select(reports.c.report_id).where(reports.c.case_id == case_id))
        return self._log.about([case_id, *of_case])

    def log_about(self, subjects: Sequence[str]) -> list[LogEntry]:
        return self._log.about(list(subjects))

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
