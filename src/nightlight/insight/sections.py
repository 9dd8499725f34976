"""Sections of a record: counts of one kind of thing by rows, tables over the same rows, and what of it is published.

Every number of a section belongs to one total. Its tables share the rows and nothing else, so whoever knows two of them
knows nothing about a third. What holds by the nature of things within one section must not be said twice: no severity
beside a category, no agency but inside of its kind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.insight.suppression import K_MIN, hidden_cells, hidden_parts, percentile_safe, small
from nightlight.insight.waits import PERCENTS, Spread, Targets, bar_words, together

#: Column of the parts of a row that are not named.
REST = ""


@dataclass(frozen=True, slots=True)
class Table:
    """``columns``: keys, in order. ``sums``: whether the sums of columns are said; else cells are parts of their row.
    Cells of a table of times are parts of what was within the target, or of what was not, and these of the row.

    ``open``: columns are names from the data, so that naming one says that it is not zero; what is hidden of such a
    table is not named.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], int]
    sums: bool = True
    open: bool = False
    words: Mapping[str, str] | None = None

    def word(self, column: str) -> str:
        return self.words.get(column, column) if self.words else column.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, by row. ``targets`` of rows by their place."""

    table: str
    spreads: Mapping[str, Spread]
    targets: Targets


@dataclass(frozen=True, slots=True)
class Section:
    """``unit``: what is counted, in the plural. ``about``: what the count means, and what it cannot include."""

    name: str
    title: str
    unit: str
    about: str
    rows: Mapping[str, int]
    words: Mapping[str, str]
    tables: tuple[Table, ...] = ()
    times: tuple[Times, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A cell that is None is kept back. ``sums``: of columns, None where they are not said."""

    table: Table
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], int | None]
    sums: Mapping[str, int | None] | None


@dataclass(frozen=True, slots=True)
class Percentile:
    """``minutes``: None where ``status`` is ``kept_back`` or ``not_reached`` (by now, fewer are done)."""

    percent: int
    status: str
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ShownTime:
    """``target``: minutes, None for all rows together. ``within``: how many were done by then, None if kept back."""

    target: int | None
    within: int | None
    percentiles: tuple[Percentile, ...]


@dataclass(frozen=True, slots=True)
class ShownTimes:
    times: Times
    rows: Mapping[str, ShownTime]
    all: ShownTime


@dataclass(frozen=True, slots=True)
class Shown:
    """A section as it is said, to the public or inside."""

    section: Section
    total: int | None
    rows: Mapping[str, int | None]
    tables: tuple[ShownTable, ...]
    times: tuple[ShownTimes, ...]

    def table(self, name: str) -> ShownTable:
        return next(one for one in self.tables if one.table.name == name)

    def time(self, name: str) -> ShownTimes:
        return next(one for one in self.times if one.times.table == name)


def publish(section: Section, least: int = K_MIN) -> Shown:
    """What can be said to everybody."""
    hidden = hidden_parts(section.rows, least)
    shown = tuple(_published(table, section, hidden, least) for table in section.tables)
    by_name = {one.table.name: one for one in shown}
    return Shown(
        section,
        None if small(section.total, least) else section.total,
        {row: None if row in hidden else count for row, count in section.rows.items()},
        shown,
        tuple(_timed(times, section, by_name[times.table], hidden, least) for times in section.times),
    )


def exact(section: Section) -> Shown:
    """Everything, for inside alone."""
    return publish(section, 0)


def _published(table: Table, section: Section, hidden_rows: frozenset[str], least: int) -> ShownTable:
    times = next((times for times in section.times if times.table == table.name), None)
    if times is not None:
        return _over_time(table, times.targets, section, hidden_rows, least)
    if not table.sums:
        return _nested(table, section, hidden_rows, least)
    sums = {column: sum(table.cells.get((row, column), 0) for row in section.rows) for column in table.columns}
    if sum(sums.values()) != section.total:
        raise _miscounted(section, f"the table {table.name} does not add up to the total")
    hidden_columns = hidden_parts(sums, least)
    hidden = hidden_cells(table.cells, section.rows.keys(), table.columns, hidden_rows, hidden_columns, least)
    return ShownTable(
        table,
        table.columns,
        {
            (row, column): None if (row, column) in hidden else table.cells.get((row, column), 0)
            for row in section.rows
            for column in table.columns
        },
        {column: None if column in hidden_columns else count for column, count in sums.items()},
    )


def _over_time(table: Table, targets: Targets, section: Section, hidden_rows: frozenset[str], least: int) -> ShownTable:
    cells: dict[tuple[str, str], int | None] = {}
    for place, (row, count) in enumerate(section.rows.items()):
        parts = _parts(table, section, row, count)
        met, missed = _sides(table, targets, place)
        sides = {side: sum(parts[column] for column in side) for side in (met, missed)}
        hidden = frozenset(parts) if row in hidden_rows or hidden_parts(sides, least) else frozenset()
        for side in sides:
            hidden |= hidden_parts({column: parts[column] for column in side}, least)
        cells |= {(row, column): None if column in hidden else part for column, part in parts.items()}
    sums = {column: _sum(cells[row, column] for row in section.rows) for column in table.columns}
    return ShownTable(table, table.columns, cells, sums)


def _sides(table: Table, targets: Targets, place: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns within the target of the row at this place, and the others."""
    end = targets.edges.index(targets.of(place)) + 1
    return table.columns[:end], table.columns[end:]


def _parts(table: Table, section: Section, row: str, count: int) -> dict[str, int]:
    parts = {column: table.cells.get((row, column), 0) for column in table.columns}
    if sum(parts.values()) != count:
        raise _miscounted(section, f"the parts of {row} do not add up to it")
    return parts


def _sum(counts: Iterable[int | None]) -> int | None:
    """None if any is."""
    known = list(counts)
    return None if None in known else sum(count or 0 for count in known)


def _miscounted(section: Section, what: str) -> RefusedError:
    return RefusedError("record_miscounted", f"{section.title}: {what}.", "This is a fault of ours: report it.")


def _nested(table: Table, section: Section, hidden_rows: frozenset[str], least: int) -> ShownTable:
    cells: dict[tuple[str, str], int | None] = {}
    for row, count in section.rows.items():
        parts = _parts(table, section, row, count)
        hidden = frozenset(parts) if row in hidden_rows else hidden_parts(parts, least)
        if table.open:
            # Nothing is zero that has a name here: a name that is kept back would say so.
            named = {column: parts[column] for column in parts if column not in hidden and parts[column]}
            cells |= {(row, column): named[column] for column in named}
            if hidden and count:
                cells[row, REST] = None if row in hidden_rows else count - sum(named.values())
        else:
            cells |= {(row, column): None if column in hidden else part for column, part in parts.items()}
    columns = table.columns
    if table.open:
        columns = tuple(column for column in (*columns, REST) if any((row, column) in cells for row in section.rows))
    return ShownTable(table, columns, cells, None)


def _timed(times: Times, section: Section, shown: ShownTable, hidden_rows: frozenset[str], least: int) -> ShownTimes:
    rows = {}
    for place, (row, count) in enumerate(section.rows.items()):
        met, _ = _sides(shown.table, times.targets, place)
        spread = times.spreads.get(row, Spread({}))
        within = sum(shown.table.cells.get((row, column), 0) for column in met)
        kept_back = row in hidden_rows or hidden_parts({"within": within, "beyond": count - within}, least)
        found = _percentiles(spread, shown, [row], times.targets, least)
        rows[row] = ShownTime(times.targets.of(place), None if kept_back else within, found)
    every = _percentiles(together(times.spreads.values()), shown, section.rows, times.targets, least)
    return ShownTimes(times, rows, ShownTime(None, _sum(time.within for time in rows.values()), every))


def _percentiles(
    spread: Spread, shown: ShownTable, rows: Iterable[str], targets: Targets, least: int
) -> tuple[Percentile, ...]:
    """Those that lie in the same bar whatever it is that is kept back: they say nothing about it."""
    bars = [sum(shown.cells[row, column] or 0 for row in rows) for column in shown.columns]
    kept_back = spread.count - sum(bars)
    said = []
    for percent in PERCENTS:
        rank, minutes = -(-spread.count * percent // 100), spread.percentile(percent)
        bar = len(targets.edges) + 1 if minutes is None else bisect_left(targets.edges, minutes)
        same = sum(bars[:bar]) + kept_back < rank <= sum(bars[: bar + 1])
        if not spread.count and all(shown.cells[row, column] == 0 for row in rows for column in shown.columns):
            said.append(Percentile(percent, "nothing"))
        elif not same or not percentile_safe(spread.count, percent, least):
            said.append(Percentile(percent, "kept_back"))
        else:
            said.append(Percentile(percent, "not_reached" if minutes is None else "known", minutes))
    return tuple(said)


def time_table(
    name: str, title: str, spreads: Mapping[str, Spread], targets: Targets, *, waits: bool = True
) -> tuple[Table, Times]:
    """A distribution as a table, and the times behind it. ``waits``: whether what is not done yet is counted at all."""
    edges = targets.edges
    words = {str(place): word for place, word in enumerate(bar_words(edges))}
    columns = tuple(words)[: None if waits else -1]
    cells = {
        (row, column): count
        for row, spread in spreads.items()
        for column, count in zip(columns, spread.bars(edges), strict=False)
    }
    return Table(name, title, columns, cells, words=words), Times(name, spreads, targets)
