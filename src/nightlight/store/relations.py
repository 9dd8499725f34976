"""Relations and ages, between keyed numbers: what holds now, and what ended not long ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from nightlight.model.relation import ENDED_MS, LIFETIME, NumberedStatement, Tie
from nightlight.prevent.relations import EARLIEST_COUNTS, ENDING_WINS, LATEST_SAID_COUNTS
from nightlight.store.many import write_many
from nightlight.store.numbering import Numbering
from nightlight.store.schema import ages, changes, relations

#: Which statement: ``one``, tie, ``other``.
Key = tuple[int, int, int]

#: How long after a change everybody who follows is taken to have heard of it. Who has not reads everything again.
SETTLE_MS = 3_600_000
_CHUNK = 10_000
_BY_CHUNK = {"yield_per": _CHUNK}
_IDS_MAX = 5_000
_KEYS_MAX = 1_000
_KEY = (relations.c.one, relations.c.tie, relations.c.other)
_COLUMNS = ("one", "tie", "other", "at", "holds", "change")

# Made once: putting a statement together takes longer than running it.
_AT = select(relations.c.at).where(
    relations.c.one == bindparam("one"), relations.c.tie == bindparam("tie"), relations.c.other == bindparam("other")
)
_HOLDS_SINCE = _AT.where(relations.c.holds)
_CHANGED = (
    select(*_KEY, relations.c.at, relations.c.holds, relations.c.change)
    .where(relations.c.change > bindparam("after"))
    .order_by(relations.c.change)
)
_AT_START = (
    select(*_KEY, relations.c.at).where(relations.c.holds, relations.c.tie != int(Tie.FORGOTTEN)).order_by(*_KEY)
)
_AGE = select(ages.c.sealed).where(ages.c.one == bindparam("one"))
_CHANGED_AGES = select(ages.c.one, ages.c.sealed).where(ages.c.change > bindparam("after"))


class RelationTables:
    _connection: Connection
    _numbering: Numbering

    def next_change(self) -> int:
        """The number of this transaction's change to relations and ages; those who follow look for greater ones."""
        return self._numbering.next_change()

    def last_change(self) -> int:
        return self._numbering.last_change()

    def change_marks(self) -> tuple[int, int]:
        """The last change, and the one up to which statements that ended may be gone: who is behind it starts anew."""
        return self._numbering.change_marks()

    def state(self, statements: Sequence[NumberedStatement], change: int) -> None:
        """Records what holds or ended. Of two statements about the same the order of arrival does not matter."""
        by_rule: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for one, tie, other, at, holds in statements:
            by_rule[_RULE[tie]].append((one, int(tie), other, at, holds, change))
        for rule, rows in by_rule.items():
            write_many(self._connection, _upsert(self._connection.dialect.name, rule), _COLUMNS, rows)

    def relation(self, one: int, tie: Tie, other: int) -> int | None:
        """Since when the statement holds, or None."""
        return self._connection.scalar(_HOLDS_SINCE, {"one": one, "tie": int(tie), "other": other})

    def last_said(self, one: int, tie: Tie, other: int) -> int | None:
        """When it was last said that the statement holds or has ended, or None."""
        return self._connection.scalar(_AT, {"one": one, "tie": int(tie), "other": other})

    def changed_relations(self, after: int) -> Iterator[tuple[int, int, int, int, bool, int]]:
        """``one``, tie, ``other``, time, whether it holds, change: what changed since, in order of the changes."""
        if self._connection.dialect.name != "sqlite":
            for row in self._connection.execute(_CHANGED, {"after": after}):
                yield tuple(row)
            return
        # As below: this reads back what every batch of events said.
        cursor = self._connection.connection.cursor()
        cursor.execute(_changed_sql(), (after,))
        while chunk := cursor.fetchmany(_CHUNK):
            yield from chunk
        cursor.close()

    def relations_at_start(self) -> Iterator[Sequence[Any]]:
        """All that holds, many rows at once: ``one``, tie, ``other``, time, in the order of the table."""
        if self._connection.dialect.name != "sqlite":
            yield from self._connection.execute(_AT_START, execution_options=_BY_CHUNK).partitions()
            return
        # Ten million rows: what a result of SQLAlchemy does for each of them takes longer than reading it.
        cursor = self._connection.connection.cursor()
        cursor.execute(str(_AT_START.compile(self._connection, compile_kwargs={"literal_binds": True})))
        while chunk := cursor.fetchmany(_CHUNK):
            yield chunk
        cursor.close()

    def put_age(self, one: int, sealed: bytes, change: int) -> None:
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        new = dialect.insert(ages)
        values = {"sealed": new.excluded.sealed, "change": new.excluded.change}
        self._connection.execute(
            new.on_conflict_do_update(index_elements=["one"], set_=values),
            {"one": one, "sealed": sealed, "change": change},
        )

    def sealed_age(self, one: int) -> bytes | None:
        sealed = self._connection.scalar(_AGE, {"one": one})
        return None if sealed is None else bytes(sealed)

    def sealed_ages(self, ones: Sequence[int]) -> dict[int, bytes]:
        """Those that there are."""
        found: dict[int, bytes] = {}
        for start in range(0, len(ones), _IDS_MAX):
            rows = self._connection.execute(select(ages).where(ages.c.one.in_(ones[start : start + _IDS_MAX])))
            found.update((row.one, bytes(row.sealed)) for row in rows)
        return found

    def changed_ages(self, after: int) -> Iterator[tuple[int, bytes]]:
        for row in self._connection.execute(_CHANGED_AGES, {"after": after}, execution_options=_BY_CHUNK):
            yield row.one, bytes(row.sealed)

    def relations_naming(self, one: int) -> list[Key]:
        """Every statement about or with ``one``. Looks through the whole table: for a reading transaction."""
        named = or_(relations.c.one == one, relations.c.other == one)
        return [tuple(row) for row in self._connection.execute(select(*_KEY).where(named))]

    def remove_relations(self, one: int, named: Sequence[Key], since: int, change: int, at: int) -> int:
        """Forgets everything about an account, its age included; leaves word of that for those who follow.

        ``named``: its statements when the last change was ``since``; what came later is looked for.
        """
        heard = and_(relations.c.one == one, relations.c.tie == int(Tie.FORGOTTEN))
        self._connection.execute(delete(relations).where(heard))
        later = and_(relations.c.change > since, or_(relations.c.one == one, relations.c.other == one))
        gone = self._remove(named, None) + self._connection.execute(delete(relations).where(later)).rowcount
        gone += self._connection.execute(delete(ages).where(ages.c.one == one)).rowcount
        word = {"one": one, "tie": int(Tie.FORGOTTEN), "other": one, "at": at, "holds": True, "change": change}
        self._connection.execute(insert(relations), word)
        return gone

    def settle(self, now: int) -> None:
        """Moves the mark up to which statements that ended may be removed: changes that everybody had time to hear."""
        row = self._connection.execute(select(changes.c.settling, changes.c.settling_at)).one()
        if not 0 <= now - row.settling_at < SETTLE_MS:
            values = {"settled": row.settling, "settling": self.last_change(), "settling_at": now}
            self._connection.execute(update(changes).values(values))

    def expired_relations(self, now: int, after: Key | None, limit: int) -> list[Key]:
        """Statements older than their kind is kept, and those that ended long ago, in the order of the table.

        Looks through the table from ``after`` on: for a reading transaction.
        """
        query = select(*_KEY).where(self._expired(now))
        if after is not None:
            query = query.where(tuple_(*_KEY) > tuple_(*map(literal, after)))
        return [tuple(row) for row in self._connection.execute(query.order_by(*_KEY).limit(limit))]

    def remove_expired(self, found: Sequence[Key], now: int) -> int:
        """Removes those of them that are still so; returns how many."""
        return self._remove(found, self._expired(now))

    def _expired(self, now: int) -> ColumnElement[bool]:
        table = relations.c
        settled = select(changes.c.settled).scalar_subquery()
        old = [
            and_(table.tie == int(tie), table.at < now - life)
            for tie, life in LIFETIME.items()
            if life is not None and tie is not Tie.FORGOTTEN
        ]
        forgotten = and_(table.tie == int(Tie.FORGOTTEN), table.change <= settled)
        ended = and_(table.holds == false(), table.at < now - ENDED_MS, table.change <= settled)
        # What ended has to be heard of by everybody who follows, before it goes.
        return or_(and_(table.holds, or_(*old)), forgotten, ended)

    def _remove(self, keys: Sequence[Key], condition: ColumnElement[bool] | None) -> int:
        gone = 0
        for start in range(0, len(keys), _KEYS_MAX):
            those = tuple_(*_KEY).in_(keys[start : start + _KEYS_MAX])
            where = those if condition is None else and_(those, condition)
            gone += self._connection.execute(delete(relations).where(where)).rowcount
        return gone

    def count_relations(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(relations).where(relations.c.holds)) or 0


@cache
def _changed_sql() -> str:
    return str(_CHANGED.compile(dialect=sqlite.dialect()))


@cache
def _upsert(dialect: str, rule: str) -> Insert:
    """Takes a statement over where it has a better claim than what is there."""
    new = postgresql.insert(relations) if dialect == "postgresql" else sqlite.insert(relations)
    old, given = relations.c, new.excluded
    wins = {
        "earliest": given.at < old.at,
        "said": true(),
        "ending": or_(given.at > old.at, and_(given.at == old.at, old.holds, given.holds == false())),
        "holding": or_(given.at > old.at, and_(given.at == old.at, given.holds, old.holds == false())),
    }[rule]
    changed = {"at": given.at, "holds": given.holds, "change": given.change}
    return new.on_conflict_do_update(index_elements=["one", "tie", "other"], set_=changed, where=wins)


def _rule(tie: Tie) -> str:
    if tie in EARLIEST_COUNTS:
        return "earliest"
    if tie in LATEST_SAID_COUNTS:
        return "said"
    return "ending" if tie in ENDING_WINS else "holding"


_RULE = {tie: _rule(tie) for tie in Tie}
