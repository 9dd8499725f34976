"""Writing many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase

# By statement and dialect, both of which live as long as the process: putting one together takes longer than a row.
_compiled: dict[tuple[int, str, tuple[str, ...]], tuple[UpdateBase, str, tuple[str, ...] | None]] = {}
_COMPILED_MAX = 200


def write_many(
    connection: Connection, statement: UpdateBase, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Runs the statement for every row, as ``executemany`` does. ``columns``: which value stands where in a row.

    SQLAlchemy makes the parameters of every row anew, which takes longer than writing it. So only plain values may
    stand in them: numbers, text, bytes, booleans, None. ``statement`` is made once, not for every call.
    """
    if not rows:
        return
    known = _compiled.get((id(statement), connection.dialect.name, columns))
    if known is None:
        if len(_compiled) >= _COMPILED_MAX:
            _compiled.clear()
        made: Any = statement.compile(dialect=connection.dialect, column_keys=list(columns))
        names = tuple(made.positiontup) if made.positional else None
        # The statement stands in it, too, so that nothing else can get its id.
        known = statement, str(made), names
        _compiled[(id(statement), connection.dialect.name, columns)] = known
    _, text, names = known
    if names is None:
        connection.exec_driver_sql(text, [dict(zip(columns, row, strict=True)) for row in rows])
    elif names == columns:
        connection.exec_driver_sql(text, list(rows))
    elif len(names) == 1:
        place = columns.index(names[0])
        connection.exec_driver_sql(text, [(row[place],) for row in rows])
    else:
        connection.exec_driver_sql(text, list(map(itemgetter(*map(columns.index, names)), rows)))
