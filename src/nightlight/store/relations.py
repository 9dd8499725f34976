"""Relations and ages, between keyed numbers: what holds now, and what ended not long ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, and_, case, delete, false, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from nightlight.model.relation import ENDED_MS, LIFETIME, NumberedStatement, Tie
from nightlight.prevent.relations import EARLIEST_COUNTS, ENDING_WINS, LATEST_SAID_COUNTS
from nightlight.store.schema import ages, changes, relations

_CHUNK = 10_000


class RelationTables:
    _connection: Connection

    def next_change(self) -> int:
        """The number of this transaction's change to relations and ages; those who follow look for greater ones."""
        self._connection.execute(update(changes).values(last=changes.c.last + 1))
        return self.last_change()

    def last_change(self) -> int:
        return self._connection.scalar(select(changes.c.last)) or 0

    def state(self, statements: Sequence[NumberedStatement], change: int) -> None:
        """Records what holds or ended. Of two statements about the same the order of arrival does not matter."""
        latest: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for statement in statements:
            latest[_rule(statement.tie)].append(
                {
                    "one": statement.one,
                    "tie": int(statement.tie),
                    "other": statement.other,
                    "at": statement.at,
                    "holds": statement.holds,
                    "change": change,
                }
            )
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        for rule, rows in latest.items():
            new = dialect.insert(relations)
            old, given = relations.c, new.excluded
            wins = {
                "earliest": given.at < old.at,
                "said": true(),
                "ending": or_(given.at > old.at, and_(given.at == old.at, old.holds, given.holds == false())),
                "holding": or_(given.at > old.at, and_(given.at == old.at, given.holds, old.holds == false())),
            }[rule]
            self._connection.execute(
                new.on_conflict_do_update(
                    index_elements=["one", "tie", "other"],
                    set_={"at": given.at, "holds": given.holds, "change": given.change},
                    where=wins,
                ),
                rows,
            )

    def relation(self, one: int, tie: Tie, other: int) -> int | None:
        """Since when the statement holds, or None."""
        key = (relations.c.one == one) & (relations.c.tie == int(tie)) & (relations.c.other == other)
        return self._connection.scalar(select(relations.c.at).where(key, relations.c.holds))

    def changed_relations(self, after: int) -> Iterator[tuple[int, int, int, int, bool, int]]:
        """``one``, tie, ``other``, time, whether it holds, change: what changed since, in order of the changes."""
        rows = self._connection.execution_options(yield_per=_CHUNK).execute(
            select(
                relations.c.one,
                relations.c.tie,
                relations.c.other,
                relations.c.at,
                relations.c.holds,
                relations.c.change,
            )
            .where(relations.c.change > after)
            .order_by(relations.c.change)
        )
        for row in rows:
            yield tuple(row)

    def relations_at_start(self) -> Iterator[tuple[int, int, int, int]]:
        """All that holds, in the order of the table."""
        rows = self._connection.execution_options(yield_per=_CHUNK).execute(
            select(relations.c.one, relations.c.tie, relations.c.other, relations.c.at)
            .where(relations.c.holds)
            .order_by(relations.c.one, relations.c.tie, relations.c.other)
        )
        for row in rows:
            yield tuple(row)

    def put_age(self, one: int, sealed: bytes, change: int) -> None:
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        new = dialect.insert(ages)
        values = {"sealed": new.excluded.sealed, "change": new.excluded.change}
        self._connection.execute(
            new.on_conflict_do_update(index_elements=["one"], set_=values),
            {"one": one, "sealed": sealed, "change": change},
        )

    def sealed_age(self, one: int) -> bytes | None:
        sealed = self._connection.scalar(select(ages.c.sealed).where(ages.c.one == one))
        return None if sealed is None else bytes(sealed)

    def changed_ages(self, after: int) -> Iterator[tuple[int, bytes]]:
        rows = self._connection.execution_options(yield_per=_CHUNK).execute(
            select(ages.c.one, ages.c.sealed).where(ages.c.change > after)
        )
        for row in rows:
            yield row.one, bytes(row.sealed)

    def remove_relations(self, one: int, change: int, at: int) -> int:
        """Forgets everything about an account, its age included; leaves word of that for those who follow."""
        gone = self._connection.execute(
            delete(relations).where(or_(relations.c.one == one, relations.c.other == one))
        ).rowcount
        self._connection.execute(delete(ages).where(ages.c.one == one))
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        self._connection.execute(
            dialect.insert(relations),
            {"one": one, "tie": int(Tie.FORGOTTEN), "other": one, "at": at, "holds": True, "change": change},
        )
        return gone

    def expire_relations(self, now: int) -> int:
        """Removes what is older than its kind is kept, and what ended long ago; returns how many."""
        lifetimes = {tie: life for tie, life in LIFETIME.items() if life is not None}
        limit = case(*((relations.c.tie == int(tie), now - life) for tie, life in lifetimes.items()), else_=None)
        gone = self._connection.execute(
            delete(relations).where(
                or_(
                    and_(relations.c.tie.in_([int(tie) for tie in lifetimes]), relations.c.at < limit),
                    and_(relations.c.holds == false(), relations.c.at < now - ENDED_MS),
                )
            )
        )
        return gone.rowcount

    def count_relations(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(relations).where(relations.c.holds)) or 0


def _rule(tie: Tie) -> str:
    if tie in EARLIEST_COUNTS:
        return "earliest"
    if tie in LATEST_SAID_COUNTS:
        return "said"
    return "ending" if tie in ENDING_WINS else "holding"
