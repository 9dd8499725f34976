"""The log in the database: entries with their salts, the nodes of the tree over them, and the authenticated head."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from nightlight.errors import RefusedError
from nightlight.evidence import log
from nightlight.evidence.log import SALT_BYTES, LogEntry, LogHead, LogKind
from nightlight.hazmat.merkle import (
    HASH_BYTES,
    Frontier,
    Node,
    consistency_ranges,
    inclusion_ranges,
    nodes_of,
    proof_from,
)
from nightlight.store.schema import log_entries, log_head, log_nodes

#: SQLite takes 32,766 values in one statement.
_IDS_MAX = 5_000
_INDEX_BITS = 56
_HEAD = select(log_head)
_HEAD_LOCKED = _HEAD.with_for_update()


def node_id(node: Node) -> int:
    """One number for a node. Levels of up to 2^56 entries fit."""
    level, index = node
    return level << _INDEX_BITS | index


class LogTable:
    """Appends to and reads the log inside the transaction of ``connection``.

    What is appended is written by ``flush``, in one go for the whole transaction.
    """

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._connection = connection
        self._key = key
        self._frontier: Frontier | None = None
        self._entries: list[dict[str, Any]] = []
        self._nodes: list[dict[str, Any]] = []

    def lock(self) -> None:
        """Reads the head and keeps every other writer waiting until this transaction ends."""
        self._frontier = self._read(_HEAD_LOCKED)

    def head(self) -> LogHead:
        return log.head_of(self._known())

    def carried(self) -> int:
        """How many entries come from the chain that was the log before."""
        return self._connection.scalar(select(log_head.c.carried)) or 0

    def append(self, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any]) -> LogEntry:
        frontier = self._known()
        salt = secrets.token_bytes(SALT_BYTES)
        entry = log.next_entry(frontier.size, at, kind, actor, subject, detail, salt)
        self._frontier, completed = frontier.append(entry.leaf)
        self._entries.append(
            {
                "number": entry.number,
                "at": entry.at,
                "kind": entry.kind,
                "actor": entry.actor,
                "subject": entry.subject,
                "detail": entry.detail,
                "salt": entry.salt,
            }
        )
        self._nodes += [{"id": node_id(node), "hash": value} for node, value in completed]
        return entry

    def flush(self) -> None:
        """Writes what was appended, and the head over it."""
        if not self._entries:
            return
        frontier = self._known()
        self._connection.execute(insert(log_entries), self._entries)
        self._connection.execute(insert(log_nodes), self._nodes)
        head = log.head_of(frontier)
        values = {"number": head.number, "hash": head.hash, "mac": head.mac(self._key)}
        self._connection.execute(update(log_head), {**values, "peaks": b"".join(frontier.peaks)})
        self._entries, self._nodes = [], []

    def entries(self) -> Iterator[LogEntry]:
        self.flush()
        rows = self._connection.execute(
            select(log_entries).order_by(log_entries.c.number), execution_options={"yield_per": 1000}
        )
        for row in rows:
            yield _entry(row)

    def about(self, subjects: list[str]) -> list[LogEntry]:
        self.flush()
        rows = self._connection.execute(
            select(log_entries).where(log_entries.c.subject.in_(subjects)).order_by(log_entries.c.number)
        )
        return [_entry(row) for row in rows]

    def nodes(self, wanted: Sequence[Node]) -> dict[Node, bytes]:
        """The stored hashes of these nodes, as far as there are any."""
        self.flush()
        by_id = {node_id(node): node for node in wanted}
        ids = list(by_id)
        found: dict[Node, bytes] = {}
        for at in range(0, len(ids), _IDS_MAX):
            rows = self._connection.execute(
                select(log_nodes.c.id, log_nodes.c.hash).where(log_nodes.c.id.in_(ids[at : at + _IDS_MAX]))
            )
            found.update((by_id[number], bytes(value)) for number, value in rows)
        return found

    def inclusion(self, number: int, size: int) -> tuple[bytes, list[bytes]]:
        """The leaf of entry ``number``, and its inclusion proof in the tree over the first ``size`` entries."""
        if not 1 <= number <= size <= self._known().size:
            raise _out_of_range(self._known().size)
        ranges = inclusion_ranges(number - 1, size)
        nodes = self.nodes([(0, number - 1), *(node for start, end in ranges for node in nodes_of(start, end))])
        return nodes[0, number - 1], proof_from(ranges, nodes)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree over ``new`` entries only adds to the one over ``old``."""
        if not 0 <= old <= new <= self._known().size:
            raise _out_of_range(self._known().size)
        ranges = consistency_ranges(old, new) if old else []
        return proof_from(ranges, self.nodes([node for start, end in ranges for node in nodes_of(start, end)]))

    def _known(self) -> Frontier:
        if self._frontier is None:
            return self._read(_HEAD)
        return self._frontier

    def _read(self, statement: Select[Any]) -> Frontier:
        row = self._connection.execute(statement).first()
        if row is None:
            raise RefusedError("log_broken", "The head of the log is missing.")
        peaks = bytes(row.peaks)
        frontier = Frontier(row.number, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))
        head = LogHead(row.number, bytes(row.hash))
        # The migration leaves the empty head without a MAC: it does not know the key.
        authentic = head == log.EMPTY or hmac.compare_digest(head.mac(self._key), bytes(row.mac))
        whole = len(frontier.peaks) == row.number.bit_count() and hmac.compare_digest(frontier.root(), head.hash)
        if not (authentic and whole):
            raise RefusedError(
                "log_broken",
                "The head of the log does not carry this installation's authentication: it was edited, "
                "or the key file belongs to another installation.",
            )
        return frontier


def _out_of_range(size: int) -> RefusedError:
    return RefusedError(
        "log_range",
        f"The log has {size} entries; the numbers asked for lie outside, or in the wrong order.",
        "Ask for the checkpoint first: it says how many entries there are.",
    )


def _entry(row: Row[Any]) -> LogEntry:
    return LogEntry(row.number, row.at, row.kind, row.actor, row.subject, row.detail, bytes(row.salt))
