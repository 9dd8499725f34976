"""Sections of a record: counts of one kind of thing by rows, tables over the same rows, and what of it is published.

Every number of a section belongs to one total. Its tables share the rows and nothing else, so whoever knows two of them
knows nothing about a third. What holds by the nature of things within one section must not be said twice: no severity
beside a category, no agency but inside of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.insight.suppression import K_MIN, hidden_cells, hidden_parts, percentile_safe, small
from nightlight.insight.waits import PERCENTS, Spread, Targets, bar_words, together

#: Column of the parts of a row that are not named.
REST = ""


@dataclass(frozen=True, slots=True)
class Table:
    """``columns``: keys, in order. ``sums``: whether the sums of columns are said; else cells are parts of their row.

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
        tuple(_timed(times, section, by_name[times.table], least) for times in section.times),
    )


def exact(section: Section) -> Shown:
    """Everything, for inside alone."""
    return publish(section, 0)


def _published(table: Table, section: Section, hidden_rows: frozenset[str], least: int) -> ShownTable:
    if not table.sums:
        return _nested(table, section, hidden_rows, least)
    sums = {column: sum(table.cells.get((row, column), 0) for row in section.rows) for column in table.columns}
    if sum(sums.values()) != section.total:
        raise RefusedError("record_miscounted", f"{section.name}: the table {table.name} does not add up to the total.")
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


def _nested(table: Table, section: Section, hidden_rows: frozenset[str], least: int) -> ShownTable:
    cells: dict[tuple[str, str], int | None] = {}
    for row, count in section.rows.items():
        parts = {column: table.cells.get((row, column), 0) for column in table.columns}
        if sum(parts.values()) != count:
            raise RefusedError("record_miscounted", f"{section.name}: parts of {row} do not add up to it.")
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
        columns = (*(column for column in columns if any((row, column) in cells for row in section.rows)), REST)
    return ShownTable(table, columns, cells, None)


def _timed(times: Times, section: Section, shown: ShownTable, least: int) -> ShownTimes:
    edges = times.targets.edges
    rows = {}
    for place, row in enumerate(section.rows):
        spread, target = times.spreads.get(row, Spread({})), times.targets.of(place)
        bars = [shown.cells[row, column] for column in shown.columns]
        known = [bar for bar in bars if bar is not None]
        whole = len(known) == len(bars)
        within = sum(known[: edges.index(target) + 1]) if whole else None
        rows[row] = ShownTime(target, within, _percentiles(spread, shown=whole, least=least))
    spread = together(times.spreads.values())
    sums = shown.sums or {}
    whole = bool(sums) and None not in sums.values()
    withins = [one.within for one in rows.values()]
    every = None if None in withins else sum(within or 0 for within in withins)
    return ShownTimes(times, rows, ShownTime(None, every, _percentiles(spread, shown=whole, least=least)))


def _percentiles(spread: Spread, *, shown: bool, least: int) -> tuple[Percentile, ...]:
    said = []
    for percent in PERCENTS:
        if not spread.count:
            said.append(Percentile(percent, "nothing"))
        elif not shown or not percentile_safe(spread.count, percent, least):
            said.append(Percentile(percent, "kept_back"))
        else:
            minutes = spread.percentile(percent)
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
