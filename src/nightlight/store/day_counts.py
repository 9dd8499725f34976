"""How often something was not taken as it came, by day: numbers, and nobody's name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, Insert, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from nightlight.model.health import DayCount
from nightlight.store.many import write_many
from nightlight.store.schema import day_counts

_DAY_MS = 86_400_000
_COLUMNS = ("day", "what", "count", "last_at")


class DayCountTables:
    _connection: Connection

    def count_up(self, counts: Mapping[str, int], at: int) -> None:
        """Adds to the counts of the day ``at`` belongs to."""
        rows = [(at // _DAY_MS, what, count, at) for what, count in sorted(counts.items()) if count]
        write_many(self._connection, _add(self._connection.dialect.name), _COLUMNS, rows)

    def counted_since(self, day: int) -> list[DayCount]:
        """By day and then by what was counted."""
        table = day_counts.c
        rows = self._connection.execute(select(day_counts).where(table.day >= day).order_by(table.day, table.what))
        return [DayCount(row.day, row.what, row._mapping["count"], row.last_at) for row in rows]

    def remove_counts_before(self, at: int) -> int:
        """Removes days that were over before that time; returns how many rows."""
        return self._connection.execute(delete(day_counts).where(day_counts.c.day < at // _DAY_MS)).rowcount


@cache
def _add(dialect: str) -> Insert:
    new = postgresql.insert(day_counts) if dialect == "postgresql" else sqlite.insert(day_counts)
    old, given = day_counts.c, new.excluded
    later = func.greatest if dialect == "postgresql" else func.max
    changed = {"count": old["count"] + given["count"], "last_at": later(old.last_at, given.last_at)}
    return new.on_conflict_do_update(index_elements=["day", "what"], set_=changed)
