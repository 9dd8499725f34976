"""A folder of exported events, read batch by batch in the order of the log, each event once.

Every event is known again by its keyed id. Which ids are there twice is found first; so leaving them out is exact, and
from then on takes memory for the doubled ones only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightlight.adapters.parquet.doubled import doubled_ids
from nightlight.adapters.parquet.read_ahead import read_ahead
from nightlight.adapters.parquet.row_groups import extent, find_files, ordered, values
from nightlight.detect.columns import COLUMNS
from nightlight.detect.definitions import Function, Pack
from nightlight.detect.fields import BANDS, FIELDS, KINDS, RELATIONS, WORDS
from nightlight.detect.sql import HITS, VALUES, script
from nightlight.errors import RefusedError
from nightlight.ports import EventSpan

#: Above these somebody should look at how the events were exported, before anything is concluded from them.
DOUBLED_MAX = 1_000_000
BATCH_ROWS = 131_072
#: So many batches are read while others are worked on.
AHEAD = 2
MEMORY = "2GB"
_LIMITS = {
    "kind": len(KINDS), "word": len(WORDS), "actor_band": len(BANDS), "target_band": len(BANDS),
    "relation": len(RELATIONS),
}  # fmt: skip
_NAMES = [column.name for column in COLUMNS]


class EventFiles:
    """Fills in ``ports.EventHistory``. Use it as a context, so that its temporary files go."""

    def __init__(self, where: str) -> None:
        self._groups = ordered(find_files(where))
        self._folder = tempfile.TemporaryDirectory(prefix="nightlight-backtest-")
        self._sql = duckdb.connect()
        for setting, value in (("memory_limit", MEMORY), ("temp_directory", self._folder.name), ("threads", "2")):
            self._sql.execute(f"SET {setting} = '{value}'")
        self._sql.execute("SET preserve_insertion_order = false")
        paths = list(dict.fromkeys(str(path) for path, _ in self._groups))
        self._sql.read_parquet(paths).create_view("files")
        self._doubled = self._find_doubled()
        self._doubled_ids = np.fromiter(self._doubled, np.int64, len(self._doubled))
        self.span = self._span()

    def __enter__(self) -> EventFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.close()
        self._folder.cleanup()

    def accounts(self, since: int, until: int) -> int:
        """How many accounts did something with since <= t < until."""
        query = "SELECT count(DISTINCT actor) FROM log WHERE actor <> 0 AND t >= ? AND t < ?"
        return int(self._one(query, [since, until])[0])

    def batches(self, since: int, until: int) -> Iterator[Mapping[str, Any]]:
        """Columns of the events with since <= t < until, in their order. ``RefusedError('events_unfit')``."""
        return read_ahead(self._batches(since, until), AHEAD)

    def _batches(self, since: int, until: int) -> Iterator[Mapping[str, Any]]:
        number = t = -1
        met: set[int] = set()
        for path, group in self._groups:
            file = pq.ParquetFile(path)
            low, high = extent(file, group, "t")
            if low is not None and high is not None and (high < since or low >= until):
                continue
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=_NAMES):
                columns = self._deduplicated({name: values(path, batch, name) for name in _NAMES}, met)
                if not len(columns["t"]):
                    continue
                _check(path, columns, number, t)
                number, t = int(columns["number"][-1]), int(columns["t"][-1])
                first, last = np.searchsorted(columns["t"], [since, until])
                if first < last:
                    yield {name: column[first:last] for name, column in columns.items()}

    def values_at(self, pack: Pack, numbers: Collection[int]) -> Mapping[int, tuple[Mapping[str, float], set[int]]]:
        """For each of these events the value of every field and feature, and which rules hold, by their places."""
        if not numbers:
            return {}
        chosen = pa.table({"number": pa.array(sorted(numbers), pa.int64())})
        self._sql.register("chosen_numbers", chosen)
        self._sql.execute("CREATE OR REPLACE TEMP TABLE chosen AS SELECT number FROM chosen_numbers")
        self._sql.execute(
            "CREATE OR REPLACE TEMP TABLE here AS SELECT * FROM log WHERE number IN (SELECT number FROM chosen)"
        )
        self._sql.execute(f"CREATE OR REPLACE TEMP TABLE near AS SELECT * FROM log WHERE {_near(pack)}")  # noqa: S608 - own names
        made = script(pack, "near", chosen="chosen", every=True)
        for statement in made.statements:
            self._sql.execute(statement)
        columns = {**{name: f'"{name}"' for name in FIELDS}, **made.columns}
        rows = self._sql.execute(f"SELECT number, {', '.join(columns.values())} FROM {VALUES}").fetchall()  # noqa: S608 - own names
        hits = self._sql.execute(f"SELECT number, rule FROM {HITS}").fetchall()  # noqa: S608 - own names
        for statement in (*made.drop, "DROP TABLE near", "DROP TABLE here"):
            self._sql.execute(statement)
        held: dict[int, set[int]] = {}
        for number, rule in hits:
            held.setdefault(number, set()).add(rule)
        return {row[0]: (dict(zip(columns, row[1:], strict=True)), held.get(row[0], set())) for row in rows}

    def hits(self, pack: Pack) -> Mapping[str, Any]:
        """When rules held, all in SQL: what other engines are compared with.

        Arrays ``number``, ``rule`` (its place in the pack) and ``about``, in the order of ``number`` and ``rule``.
        """
        made = script(pack, "log")
        for statement in made.statements:
            self._sql.execute(statement)
        query = f"SELECT number, rule, about FROM {HITS} ORDER BY number, rule"  # noqa: S608 - own names
        hits: Mapping[str, Any] = self._sql.execute(query).fetchnumpy()
        for statement in made.drop:
            self._sql.execute(statement)
        return hits

    def _one(self, query: str, values: list[int]) -> tuple[Any, ...]:
        rows: list[tuple[Any, ...]] = self._sql.execute(query, values).fetchall()
        return rows[0]

    def _find_doubled(self) -> dict[int, int]:
        """Ids that stand there more than once, with the lowest number of each. Makes ``log``, without the doubled."""
        ids = doubled_ids(self._groups)
        if len(ids) > DOUBLED_MAX:
            raise RefusedError(
                "events_doubled", f"More than {DOUBLED_MAX:,} events stand there twice.", "Do the files overlap?"
            )
        self._sql.register("found", pa.table({"event": pa.array(ids, pa.int64())}))
        self._sql.execute("CREATE TABLE doubled AS SELECT event FROM found")
        found: dict[int, int] = {}
        if len(ids):
            query = "SELECT event, min(number) FROM files WHERE event IN (SELECT event FROM doubled) GROUP BY event"
            found = dict(self._sql.execute(query).fetchall())
        columns = ", ".join(f'"{name}"' for name in _NAMES)
        once = f"SELECT {columns} FROM files"  # noqa: S608 - own names
        if found:
            # The first of each, also if it stands there twice with one number, as in files that overlap.
            once += f""" WHERE event NOT IN (SELECT event FROM doubled)
            UNION ALL SELECT {columns} FROM files WHERE event IN (SELECT event FROM doubled)
            QUALIFY row_number() OVER (PARTITION BY event ORDER BY number) = 1"""  # noqa: S608 - own names
        self._sql.execute(f"CREATE VIEW log AS {once}")
        return found

    def _span(self) -> EventSpan:
        rows, first, last = self._one("SELECT count(*), min(t), max(t) FROM files", [])
        if not rows:
            raise RefusedError("no_events", "The files hold no events.")
        doubled = 0
        if self._doubled:
            again = "SELECT count(*) - count(DISTINCT event) FROM files WHERE event IN (SELECT event FROM doubled)"
            doubled = int(self._one(again, [])[0])
        return EventSpan(rows - doubled, doubled, first, last)

    def _deduplicated(self, columns: dict[str, Any], met: set[int]) -> dict[str, Any]:
        if not self._doubled:
            return columns
        drop = []
        for row in np.flatnonzero(np.isin(columns["event"], self._doubled_ids)).tolist():
            event = int(columns["event"][row])
            if int(columns["number"][row]) != self._doubled[event] or event in met:
                drop.append(row)
            else:
                met.add(event)
        return {name: np.delete(column, drop) for name, column in columns.items()} if drop else columns


def _near(pack: Pack) -> str:
    """Which events can count at those in ``here``: those by whose keys something is read there. Looked for once, not
    once for each feature."""
    pairs = {(one.per, one.read) for one in pack.features if one.function is not Function.VALUE}
    read = [f'"{per}" IN (SELECT "{by}" FROM here WHERE "{by}" <> 0)' for per, by in sorted(pairs)]  # noqa: S608 - own names
    return " OR ".join(["number IN (SELECT number FROM here)", *read])


def _check(path: Path, columns: Mapping[str, Any], number: int, t: int) -> None:
    numbers, times = columns["number"], columns["t"]
    if numbers[0] <= number or (np.diff(numbers) <= 0).any():
        where = int(numbers[0] if numbers[0] <= number else numbers[int(np.argmax(np.diff(numbers) <= 0)) + 1])
        raise RefusedError(
            "events_unsorted", f"{path}: number {where:,} does not rise.", "Sort by number when exporting."
        )
    if times[0] < t or (np.diff(times) < 0).any():
        where = int(numbers[0] if times[0] < t else numbers[int(np.argmax(np.diff(times) < 0)) + 1])
        raise RefusedError(
            "events_unsorted", f"{path}: at number {where:,} the time t falls.", "t is when an event was taken."
        )
    for name, limit in _LIMITS.items():
        if int(columns[name].max()) >= limit:
            raise RefusedError(
                "events_unfit",
                f"{path}: {name} {int(columns[name].max())} means nothing to this version.",
                "Was it written by a newer one?",
            )
