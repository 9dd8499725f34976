# SPDX-License-Identifier: AGPL-3.0-or-later
"""What has to survive a restart of Synapse: what was hidden, what waits for the service, blocks that it has to hear of.

A SQLite file of our own. Accounts known to be adults stand in it as keyed hashes only.
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
    account TEXT, inviter TEXT, room TEXT, ignored INTEGER, filtered INTEGER, PRIMARY KEY (account, inviter, room)
);
CREATE TABLE IF NOT EXISTS undecided (
    account TEXT, inviter TEXT, room TEXT, direction TEXT, at INTEGER, PRIMARY KEY (account, inviter, room)
);
CREATE TABLE IF NOT EXISTS blocks (account TEXT, other TEXT, sent INTEGER, PRIMARY KEY (account, other));
CREATE TABLE IF NOT EXISTS rooms (decision TEXT PRIMARY KEY, room TEXT);
CREATE TABLE IF NOT EXISTS adults (account BLOB PRIMARY KEY, until INTEGER) WITHOUT ROWID;
"""
_ADULT_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Hidden:
    """One hidden invitation, and in which of the account's lists the inviter stands because of us."""

    account: str
    inviter: str
    room: str
    ignored: bool
    filtered: bool


class State:
    """Every method is short and durable when it returns; call it from a thread."""

    def __init__(self, path: str, secret: str) -> None:
        self._key = hashlib.sha256(secret.encode()).digest()
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_TABLES)

    def add_hidden(self, hidden: Hidden) -> None:
        self._write(
            "INSERT OR REPLACE INTO hidden VALUES (?, ?, ?, ?, ?)",
            (hidden.account, hidden.inviter, hidden.room, hidden.ignored, hidden.filtered),
        )

    def hidden_of(self, account: str, inviter: str) -> list[Hidden]:
        rows = self._read("SELECT * FROM hidden WHERE account = ? AND inviter = ?", (account, inviter))
        return [Hidden(row[0], row[1], row[2], bool(row[3]), bool(row[4])) for row in rows]

    def ignored_by_us(self, account: str) -> set[str]:
        return {row[0] for row in self._read("SELECT inviter FROM hidden WHERE account = ? AND ignored", (account,))}

    def remove_hidden(self, account: str, inviter: str, room: str) -> None:
        self._write("DELETE FROM hidden WHERE account = ? AND inviter = ? AND room = ?", (account, inviter, room))

    def add_undecided(self, account: str, inviter: str, room: str, direction: str) -> None:
        values = (account, inviter, room, direction, int(time.time()))
        self._write("INSERT OR REPLACE INTO undecided VALUES (?, ?, ?, ?, ?)", values)

    def undecided(self, limit: int) -> list[tuple[str, str, str, str]]:
        rows = self._read("SELECT account, inviter, room, direction FROM undecided ORDER BY at LIMIT ?", (limit,))
        return [(str(row[0]), str(row[1]), str(row[2]), str(row[3])) for row in rows]

    def remove_undecided(self, account: str, inviter: str, room: str) -> None:
        self._write("DELETE FROM undecided WHERE account = ? AND inviter = ? AND room = ?", (account, inviter, room))

    def add_blocks(self, account: str, others: set[str]) -> None:
        """Blocks that the account's own list holds; those that were there before stay as they are."""
        with self._lock:
            self._connection.executemany(
                "INSERT OR IGNORE INTO blocks VALUES (?, ?, 0)", [(account, other) for other in sorted(others)]
            )

    def unsent_blocks(self, limit: int) -> list[tuple[str, str]]:
        rows = self._read("SELECT account, other FROM blocks WHERE NOT sent LIMIT ?", (limit,))
        return [(str(account), str(other)) for account, other in rows]

    def note_sent(self, account: str, other: str) -> None:
        self._write("UPDATE blocks SET sent = 1 WHERE account = ? AND other = ?", (account, other))

    def add_room(self, decision: str, room: str) -> None:
        """A decision was made before there was a room; the service has still to hear which it is."""
        self._write("INSERT OR REPLACE INTO rooms VALUES (?, ?)", (decision, room))

    def untold_rooms(self, limit: int) -> list[tuple[str, str]]:
        rows = self._read("SELECT decision, room FROM rooms LIMIT ?", (limit,))
        return [(str(decision), str(room)) for decision, room in rows]

    def remove_room(self, decision: str) -> None:
        self._write("DELETE FROM rooms WHERE decision = ?", (decision,))

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

    def _hash(self, account: str) -> bytes:
        return hashlib.blake2b(account.encode(), key=self._key, digest_size=16).digest()

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock:
            self._connection.execute(statement, values)

    def _read(self, query: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()
