"""Relations in memory, for decisions in microseconds: a copy of the tables, rebuilt at every start, that follows them.

SQLite in memory holds a relation in about 30 bytes and answers in microseconds (docs/adr/0012-relations-in-memory.md).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable

from nightlight.model.account import UNKNOWN_AGE, Age
from nightlight.model.relation import LIFETIME, Tie
from nightlight.prevent.ages import pack_age, unpack_age
from nightlight.prevent.facts import COUNTED_MAX, ROOM_MEMBERS_MAX, Seen
from nightlight.store.database import Database

#: However much somebody has done, a decision looks at no more of it than this.
_ABOUT_MAX = 1_000
_ROOMS_MAX = 500
_CHUNK = 50_000


def _ties(*ties: Tie) -> str:
    return ", ".join(str(int(tie)) for tie in ties)


_TABLES = """
CREATE TABLE ties (one INTEGER, tie INTEGER, other INTEGER, at INTEGER, PRIMARY KEY (one, tie, other)) WITHOUT ROWID;
CREATE TABLE ages (one INTEGER PRIMARY KEY, age INTEGER);
"""
#: Everything about a pair in one statement: most of the time of a small query goes into starting it.
_LOOK = f"""
SELECT 0, tie, other, at FROM ties WHERE one = :one AND other = :other
    AND tie IN ({_ties(Tie.CONNECTED, Tie.REFUSED_BY, Tie.BLOCKED_BY)})
UNION ALL SELECT 1, tie, other, at FROM ties WHERE one = :one AND tie IN ({_ties(Tie.KNOWN_SINCE, Tie.SIGNAL)})
UNION ALL SELECT * FROM (SELECT 1, tie, other, at FROM ties WHERE one = :one
    AND tie IN ({_ties(Tie.REFUSED_BY, Tie.BLOCKED_BY, Tie.PROVEN_BY)}) LIMIT {_ABOUT_MAX})
UNION ALL SELECT * FROM (SELECT 1, tie, other, at FROM ties WHERE one = :one
    AND tie BETWEEN {int(Tie.DECIDED_ALLOW)} AND {int(Tie.DECIDED_DENY)} LIMIT {_ABOUT_MAX})
UNION ALL SELECT 2, 0, one, age FROM ages WHERE one IN (:one, :other)
UNION ALL SELECT 3, 0, count(*), 0 FROM (SELECT 1 FROM ties x JOIN ties y
    ON y.one = :one AND y.tie = {int(Tie.CONNECTED)} AND y.other = x.other
    WHERE x.one = :other AND x.tie = {int(Tie.CONNECTED)} LIMIT {COUNTED_MAX})
UNION ALL SELECT * FROM (SELECT 4, 0, x.other, 0 FROM
    (SELECT other FROM ties WHERE one = :other AND tie = {int(Tie.IN_ROOM)} LIMIT {_ROOMS_MAX}) x
    JOIN ties y ON y.one = :one AND y.tie = {int(Tie.IN_ROOM)} AND y.other = x.other LIMIT {_ROOMS_MAX})
UNION ALL SELECT * FROM (SELECT 5, 0, 0, 0 FROM ties x JOIN ties y
    ON y.one = :other AND y.tie = {int(Tie.HAS_NUMBER_OF)} AND y.other = x.other
    WHERE x.one = :one AND x.tie = {int(Tie.NUMBER_IS)} LIMIT 1)
UNION ALL SELECT 6, 0, other, 0 FROM ties WHERE one = :other AND tie = {int(Tie.LOOSENED)}
"""  # noqa: S608 - numbers of ours
_SMALL_PRIVATE = f"""
SELECT EXISTS (SELECT 1 FROM ties WHERE one = :room AND tie = {int(Tie.PRIVATE)} AND other = :room)
    AND (SELECT count(*) FROM (SELECT 1 FROM ties WHERE one = :room AND tie = {int(Tie.MEMBER)}
         LIMIT {ROOM_MEMBERS_MAX + 1})) <= {ROOM_MEMBERS_MAX}
"""  # noqa: S608 - numbers of ours


class MemoryRelations:
    """Implements ``nightlight.ports.RelationView``."""

    def __init__(self, store: Database, open_age: Callable[[int, bytes], Age]) -> None:
        self._store = store
        self._open_age = open_age
        self._lock = threading.Lock()
        self._change = -1
        self._connection = self._empty()

    def follow(self) -> None:
        """Takes over what changed in the store since the last time; everything at the first time."""
        with self._lock, self._store.snapshot() as tx:
            last, settled = tx.change_marks()
            if last == self._change:
                return
            # Who has slept for long may have missed what ended, or was forgotten, and is no longer there to be read.
            if self._change < settled or self._change < 0:
                self._connection = self._empty()
                self._load(tx.relations_at_start(), tx.changed_ages(-1))
            else:
                self._apply(tx.changed_relations(self._change))
                self._put_ages(tx.changed_ages(self._change))
            self._change = last

    def look(self, one: int, other: int) -> Seen:
        """What is known about ``one`` coming towards ``other``."""
        with self._lock:
            return self._look(one, other)

    def age(self, one: int) -> Age:
        with self._lock:
            row = self._connection.execute("SELECT age FROM ages WHERE one = ?", (one,)).fetchone()
        return unpack_age(row[0]) if row else UNKNOWN_AGE

    def others(self, one: int, tie: Tie, most: int) -> list[int]:
        """With whom ``one`` has this tie."""
        with self._lock:
            query = "SELECT other FROM ties WHERE one = ? AND tie = ? LIMIT ?"
            return [other for (other,) in self._connection.execute(query, (one, int(tie), most))]

    def expire(self, now: int) -> None:
        """Removes what is older than its kind is kept, as the store does."""
        with self._lock:
            for tie, life in LIFETIME.items():
                if life is not None:
                    self._connection.execute("DELETE FROM ties WHERE tie = ? AND at < ?", (int(tie), now - life))

    @property
    def change(self) -> int:
        """Up to which change of the store it has followed."""
        return self._change

    def counts(self) -> tuple[int, int]:
        """How many relations there are, and how many bytes of memory they take."""
        with self._lock:
            (number,) = self._connection.execute("SELECT count(*) FROM ties").fetchone()
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (size,) = self._connection.execute("PRAGMA page_size").fetchone()
        return number, pages * size

    def close(self) -> None:
        self._connection.close()

    def _look(self, one: int, other: int) -> Seen:
        between: dict[Tie, int] = {}
        about: list[tuple[int, int, int]] = []
        known: dict[int, Age] = {}
        loosened: list[int] = []
        rooms: list[int] = []
        mutual, book = 0, False
        for part, tie, whom, at in self._connection.execute(_LOOK, {"one": one, "other": other}):
            if part == 1:
                about.append((tie, whom, at))
            elif part == 0:
                between[Tie(tie)] = at
            elif part == 2:
                known[whom] = unpack_age(at)
            elif part == 3:
                mutual = whom
            elif part == 4:
                rooms.append(whom)
            elif part == 5:
                book = True
            else:
                loosened.append(whom)
        shared = 0
        for room in rooms:
            shared += self._connection.execute(_SMALL_PRIVATE, {"room": room}).fetchone()[0]
            if shared == COUNTED_MAX:
                break
        return Seen(
            between,
            about,
            self._ages({whom for _, whom, _ in about if whom != one}) if len(about) > 1 else {},
            known.get(one, UNKNOWN_AGE),
            known.get(other, UNKNOWN_AGE),
            mutual,
            shared,
            book,
            frozenset(loosened),
        )

    def _ages(self, whom: Iterable[int]) -> dict[int, Age]:
        found: dict[int, Age] = {}
        for one in whom:
            row = self._connection.execute("SELECT age FROM ages WHERE one = ?", (one,)).fetchone()
            if row:
                found[one] = unpack_age(row[0])
        return found

    def _empty(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.executescript(_TABLES)
        return connection

    def _load(self, rows: Iterable[tuple[int, int, int, int]], ages: Iterable[tuple[int, bytes]]) -> None:
        self._connection.execute("BEGIN")
        # In the order of the key, so the tree is filled from one side and its pages are full.
        self._connection.executemany("INSERT INTO ties VALUES (?, ?, ?, ?)", rows)
        self._put_ages(ages)
        self._connection.execute("COMMIT")

    def _apply(self, rows: Iterable[tuple[int, int, int, int, bool, int]]) -> None:
        for one, tie, other, at, holds, _ in rows:
            if tie == Tie.FORGOTTEN:
                self._forget(one)
            elif holds:
                self._connection.execute("INSERT OR REPLACE INTO ties VALUES (?, ?, ?, ?)", (one, tie, other, at))
            else:
                self._connection.execute("DELETE FROM ties WHERE one = ? AND tie = ? AND other = ?", (one, tie, other))

    def _put_ages(self, rows: Iterable[tuple[int, bytes]]) -> None:
        opened = ((one, pack_age(self._open_age(one, sealed))) for one, sealed in rows)
        self._connection.executemany("INSERT OR REPLACE INTO ages VALUES (?, ?)", opened)

    def _forget(self, one: int) -> None:
        self._connection.execute("DELETE FROM ties WHERE one = ? OR other = ?", (one, one))
        self._connection.execute("DELETE FROM ages WHERE one = ?", (one,))
