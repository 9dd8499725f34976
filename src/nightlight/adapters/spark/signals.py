"""Where hits go: a table in which each stands once, however often a batch is done again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from nightlight.detect.windows import Hit
from nightlight.errors import RefusedError, UnavailableError

_TABLE = Table(
    "stream_hits",
    MetaData(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", String(48), primary_key=True),
    Column("about", BigInteger, primary_key=True, autoincrement=False),
    Column("t", BigInteger, nullable=False),
    Column("reads", Text, nullable=False),
)
_ROWS = 500


class HitTable:
    """On SQLite or PostgreSQL. The first to write a hit wins; the same hit again changes nothing."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError):
            raise RefusedError(
                "signals_url", "The table's address is a SQLAlchemy URL: sqlite:///signals.sqlite3"
            ) from None
        if self._engine.dialect.name not in ("sqlite", "postgresql"):
            raise RefusedError("signals_url", "Signals go into SQLite or PostgreSQL.")
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _wait_for_the_other_writer)

    def make(self) -> None:
        with _translated():
            _TABLE.metadata.create_all(self._engine)

    def add(self, hits: Sequence[Hit]) -> None:
        """Durable when it returns."""
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(_TABLE).on_conflict_do_nothing()
        with _translated(), self._engine.begin() as connection:
            for start in range(0, len(hits), _ROWS):
                rows = [
                    {
                        "number": hit.number,
                        "rule": hit.rule,
                        "about": hit.about,
                        "t": hit.t,
                        "reads": json.dumps(hit.values, sort_keys=True),
                    }
                    for hit in hits[start : start + _ROWS]
                ]
                connection.execute(statement, rows)

    def read(self, after: int = -1) -> Iterator[Hit]:
        """Hits of events with numbers above ``after``, in their order."""
        wanted = select(_TABLE).where(_TABLE.c.number > after).order_by(_TABLE.c.number, _TABLE.c.rule, _TABLE.c.about)
        with _translated(), self._engine.connect() as connection:
            for number, rule, about, t, reads in connection.execute(wanted):
                yield Hit(rule, about, number, t, json.loads(reads))

    def count(self) -> int:
        with _translated(), self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(_TABLE)).scalar_one()

    def close(self) -> None:
        self._engine.dispose()


class _translated:  # noqa: N801 - reads as a phrase where it is used
    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DBAPIError):
            raise UnavailableError("signals_unreachable", "The table of signals does not answer.") from None


def _wait_for_the_other_writer(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()
