# SPDX-License-Identifier: AGPL-3.0-or-later
"""What has to survive a restart of Synapse: what was hidden, what waits for the service, blocks that it has to hear of.

A SQLite file of our own. Accounts known to be adults stand in it as keyed hashes only. Every table is bounded: hidden
invitations by those that are pending (and ``HIDDEN_MAX``), the others by their own limits.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS hidden (
    account TEXT, inviter TEXT, room TEXT, at INTEGER, PRIMARY KEY (account, inviter, room)
);
CREATE TABLE IF NOT EXISTS listed (
    account TEXT, other TEXT, ignored INTEGER, filtered INTEGER, PRIMARY KEY (account, other)
);
CREATE TABLE IF NOT EXISTS undecided (
    account TEXT, inviter TEXT, room TEXT, direction TEXT, at INTEGER, PRIMARY KEY (account, inviter, room)
);
CREATE TABLE IF NOT EXISTS blocks (account TEXT, other TEXT, sent INTEGER, PRIMARY KEY (account, other));
CREATE INDEX IF NOT EXISTS blocks_unsent ON blocks (account) WHERE NOT sent;
CREATE TABLE IF NOT EXISTS rooms (decision TEXT PRIMARY KEY, room TEXT, at INTEGER);
CREATE TABLE IF NOT EXISTS adults (account BLOB PRIMARY KEY, until INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER);
"""
_Values = tuple[object, ...]
_DAY_SECONDS = 86_400
_ADULT_SECONDS = 30 * _DAY_SECONDS
#: Hidden invitations in all, and accounts that one account has hidden invitations from. Beyond it they are refused.
HIDDEN_MAX = 500_000
HIDDEN_FROM_MAX = 1_000
#: Names of one account's own list that are taken for blocks.
BLOCKS_MAX = 2_000
#: Rooms that the service has not heard of yet: what is older matters no more.
_ROOM_SECONDS = _DAY_SECONDS


class FullError(Exception):
    """More is hidden than this file takes."""


@dataclass(frozen=True)
class Hidden:
    """One hidden invitation. ``at``: when it was hidden, seconds since 1970."""

    number: int
    account: str
    inviter: str
    room: str
    at: int


@dataclass(frozen=True)
class Listed:
    """In which of an account's lists another one stands because of us."""

    ignored: bool = False
    filtered: bool = False


class State:
    """What changes something is durable when it returns: call it from a thread.

    What only reads takes microseconds, waits for no writer, and may be called from the reactor.
    """

    def __init__(self, path: str, secret: str) -> None:
        self._key = hashlib.sha256(secret.encode()).digest()
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._connection = _connect(path)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_TABLES)
        # A connection of its own, so that reading never waits while something is made durable.
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only=ON")

    # What is hidden

    def add_hidden(self, account: str, inviter: str, room: str, listed: Listed) -> None:
        """Hides an invitation. ``listed``: in which lists the inviter will stand because of us.

        ``FullError`` if too much is hidden.
        """
        if not self.hidden_of(account, inviter) and self._is_full(account):
            raise FullError
        self._write_all(
            ("INSERT OR REPLACE INTO hidden VALUES (?, ?, ?, ?)", (account, inviter, room, int(time.time()))),
            _listing(account, inviter, listed),
        )

    def _is_full(self, account: str) -> bool:
        ((first, last),) = self._read("SELECT (SELECT min(rowid) FROM hidden), (SELECT max(rowid) FROM hidden)", ())
        # Counting half a million rows takes a while, so it is left until there can be as many.
        if first is not None and last - first + 1 >= HIDDEN_MAX:
            ((everywhere,),) = self._read("SELECT count(*) FROM hidden", ())
            if everywhere >= HIDDEN_MAX:
                return True
        return len(self.inviters_hidden(account)) >= HIDDEN_FROM_MAX

    def hidden_of(self, account: str, inviter: str) -> list[str]:
        """The rooms into which the one hiddenly invites the other."""
        rows = self._read("SELECT room FROM hidden WHERE account = ? AND inviter = ?", (account, inviter))
        return [str(row[0]) for row in rows]

    def inviters_hidden(self, account: str) -> set[str]:
        return {str(row[0]) for row in self._read("SELECT inviter FROM hidden WHERE account = ?", (account,))}

    def hidden_after(self, number: int, limit: int) -> list[Hidden]:
        query = "SELECT rowid, account, inviter, room, at FROM hidden WHERE rowid > ? ORDER BY rowid LIMIT ?"
        return [Hidden(*row) for row in self._read(query, (number, limit))]

    def hidden_in(self, account: str, room: str) -> list[Hidden]:
        query = "SELECT rowid, account, inviter, room, at FROM hidden WHERE account = ? AND room = ?"
        return [Hidden(*row) for row in self._read(query, (account, room))]

    def remove_hidden(self, account: str, inviter: str, room: str | None = None) -> None:
        """``room``: only the invitation into that room."""
        values = (account, inviter, room)
        self._write_all(
            ("DELETE FROM hidden WHERE account = ? AND inviter = ? AND room = ifnull(?3, room)", values),
            ("DELETE FROM undecided WHERE account = ? AND inviter = ? AND room = ifnull(?3, room)", values),
        )

    def listed(self, account: str, other: str) -> Listed:
        query = "SELECT ignored, filtered FROM listed WHERE account = ? AND other = ?"
        rows = self._read(query, (account, other))
        return Listed(bool(rows[0][0]), bool(rows[0][1])) if rows else Listed()

    def note_listed(self, account: str, other: str, listed: Listed) -> None:
        self._write_all(_listing(account, other, listed))

    def ignored_by_us(self, account: str) -> set[str]:
        return {row[0] for row in self._read("SELECT other FROM listed WHERE account = ? AND ignored", (account,))}

    # What the service has still to hear

    def add_undecided(self, account: str, inviter: str, room: str, direction: str) -> None:
        values = (account, inviter, room, direction, int(time.time()))
        self._write("INSERT OR REPLACE INTO undecided VALUES (?, ?, ?, ?, ?)", values)

    def undecided(self, limit: int) -> list[tuple[str, str, str, str]]:
        rows = self._read("SELECT account, inviter, room, direction FROM undecided ORDER BY at LIMIT ?", (limit,))
        return [(str(row[0]), str(row[1]), str(row[2]), str(row[3])) for row in rows]

    def remove_undecided(self, account: str, inviter: str, room: str) -> None:
        self._write("DELETE FROM undecided WHERE account = ? AND inviter = ? AND room = ?", (account, inviter, room))

    def add_blocks(self, account: str, others: set[str]) -> None:
        """Blocks that the account's own list holds; those that were there before stay as they are.

        What is in the list no more is forgotten here, and nowhere else: the service keeps every block.
        """
        kept = set(sorted(others)[:BLOCKS_MAX])
        with self._lock:
            known = {
                row[0] for row in self._connection.execute("SELECT other FROM blocks WHERE account = ?", (account,))
            }
            gone = [(account, other) for other in known - kept]
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("DELETE FROM blocks WHERE account = ? AND other = ? AND sent", gone)
                new = [(account, other) for other in sorted(kept - known)]
                self._connection.executemany("INSERT OR IGNORE INTO blocks VALUES (?, ?, 0)", new)
            finally:
                self._connection.execute("COMMIT")

    def add_block(self, account: str, other: str, *, sent: bool) -> None:
        self._write("INSERT OR IGNORE INTO blocks VALUES (?, ?, 0)", (account, other))
        if sent:
            self.note_sent(account, other)

    def knows_block(self, account: str, other: str) -> bool:
        query = "SELECT 1 FROM blocks WHERE account = ? AND other = ? AND sent"
        return bool(self._read(query, (account, other)))

    def unsent_blocks(self, limit: int) -> list[tuple[str, str]]:
        rows = self._read("SELECT account, other FROM blocks WHERE NOT sent LIMIT ?", (limit,))
        return [(str(account), str(other)) for account, other in rows]

    def note_sent(self, account: str, other: str) -> None:
        self._write("UPDATE blocks SET sent = 1 WHERE account = ? AND other = ?", (account, other))

    def add_room(self, decision: str, room: str) -> None:
        """A decision was made before there was a room; the service has still to hear which it is."""
        self._write("INSERT OR REPLACE INTO rooms VALUES (?, ?, ?)", (decision, room, int(time.time())))

    def untold_rooms(self, limit: int) -> list[tuple[str, str]]:
        rows = self._read("SELECT decision, room FROM rooms LIMIT ?", (limit,))
        return [(str(decision), str(room)) for decision, room in rows]

    def remove_room(self, decision: str) -> None:
        self._write("DELETE FROM rooms WHERE decision = ?", (decision,))

    # Up to where room history has reached the service

    def history_position(self) -> int | None:
        """A position in Synapse's stream of events; None before the first one was noted."""
        rows = self._read("SELECT position FROM history", ())
        return int(rows[0][0]) if rows else None

    def note_history_position(self, position: int) -> None:
        self._write("INSERT OR REPLACE INTO history VALUES (1, ?)", (position,))

    # Who is an adult, for the time when the service does not answer

    def note_adults(self, accounts: list[str]) -> None:
        until = int(time.time()) + _ADULT_SECONDS
        with self._lock:
            self._connection.executemany(
                "INSERT OR REPLACE INTO adults VALUES (?, ?)", [(self._hash(account), until) for account in accounts]
            )

    def forget_adult(self, account: str) -> None:
        self._write("DELETE FROM adults WHERE account = ?", (self._hash(account),))

    def are_adults(self, *accounts: str) -> bool:
        """Whether the service said of every one of them, not long ago, that it is an adult's."""
        now = int(time.time())
        query = "SELECT 1 FROM adults WHERE account = ? AND until > ?"
        return all(self._read(query, (self._hash(account), now)) for account in accounts)

    # Housekeeping

    def tidy(self) -> None:
        """Removes what has run out."""
        now = int(time.time())
        self._write("DELETE FROM adults WHERE until <= ?", (now,))
        self._write("DELETE FROM rooms WHERE at <= ?", (now - _ROOM_SECONDS,))

    def counts(self) -> dict[str, int]:
        """How much waits, for ``nightlight doctor``."""
        query = (
            "SELECT (SELECT count(*) FROM hidden), (SELECT count(*) FROM undecided), "
            "(SELECT count(*) FROM blocks WHERE NOT sent), (SELECT count(*) FROM rooms)"
        )
        (row,) = self._read(query, ())
        return dict(zip(("hidden", "undecided", "unsent_blocks", "untold_rooms"), row, strict=True))

    def _hash(self, account: str) -> bytes:
        return hashlib.blake2b(account.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()

    def _write(self, statement: str, values: _Values) -> None:
        with self._lock:
            self._connection.execute(statement, values)

    def _write_all(self, *statements: tuple[str, _Values]) -> None:
        """All of them or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    self._connection.execute(statement, values)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _read(self, query: str, values: _Values) -> list[Any]:
        with self._reading:
            return self._reader.execute(query, values).fetchall()


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)


def _listing(account: str, other: str, listed: Listed) -> tuple[str, _Values]:
    if listed == Listed():
        return "DELETE FROM listed WHERE account = ? AND other = ?", (account, other)
    values = (account, other, listed.ignored, listed.filtered)
    return "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)", values
