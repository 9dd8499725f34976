"""A record as tables of words: for a terminal, a page, a sheet of paper. The same in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nightlight.insight.record import OTHER_WORDS, RecordShown
from nightlight.insight.record_values import KEPT_BACK, NOT_HELD, REST_WORDS, count_words
from nightlight.insight.sections import REST, Percentile, Shown, ShownTable, ShownTime, ShownTimes
from nightlight.insight.waits import minutes_words

#: A section's own rows, where a table's name is asked for.
OWN = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """The first column names the row; every other one is a number."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SectionView:
    name: str
    title: str
    about: str
    grids: tuple[Grid, ...]


def section_views(shown: RecordShown) -> list[SectionView]:
    return [
        SectionView(one.section.name, one.section.title, one.section.about, tuple(_grids(one)))
        for one in shown.sections
    ]


def others_grid(shown: RecordShown) -> Grid:
    rows = tuple(
        (OTHER_WORDS[other], NOT_HELD if other in shown.not_held else count_words(count))
        for other, count in shown.others.items()
    )
    return Grid("Besides", ("what", "number"), rows)


def grids_of(one: Shown, table: str) -> list[Grid]:
    """The grids of one table, or of a section's own rows."""
    if table == OWN:
        return [_own(one)]
    grids = [_table(one, shown) for shown in one.tables if shown.table.name == table]
    return grids + [_times(one, times) for times in one.times if times.times.table == table]


def _grids(one: Shown) -> Iterator[Grid]:
    if not one.tables:
        yield _own(one)
    for shown in one.tables:
        yield from grids_of(one, shown.table.name)


def _own(one: Shown) -> Grid:
    section = one.section
    rows = [(section.words.get(row, row), count_words(count)) for row, count in one.rows.items()]
    return Grid(section.title, (f"{section.unit}, by", "number"), (*rows, ("all", count_words(one.total))))


def _table(one: Shown, shown: ShownTable) -> Grid:
    section, table = one.section, shown.table
    columns = [column for column in shown.columns if any(shown.cells.get((row, column)) != 0 for row in one.rows)]
    head = (section.unit, "all", *(REST_WORDS if column == REST else table.word(column) for column in columns))
    rows = [
        (
            section.words.get(row, row),
            count_words(count),
            *("" if (row, column) not in shown.cells else count_words(shown.cells[row, column]) for column in columns),
        )
        for row, count in one.rows.items()
    ]
    sums = (
        "all",
        count_words(one.total),
        *(count_words(shown.sums[column]) if shown.sums else "" for column in columns),
    )
    return Grid(f"{section.title}: {_lower(table.title)}", head, (*rows, sums))


def _times(one: Shown, shown: ShownTimes) -> Grid:
    section = one.section
    title = next(each.table.title for each in one.tables if each.table.name == shown.times.table)
    percents = [found.percent for found in shown.all.percentiles]
    head = (section.unit, "all", "target", "within it", "share", *("median" if p == 50 else f"{p} %" for p in percents))
    rows = [_time_row(section.words.get(row, row), time, one.rows[row]) for row, time in shown.rows.items()]
    return Grid(f"{title}, against the target", head, (*rows, _time_row("all", shown.all, one.total)))


def _time_row(word: str, time: ShownTime, count: int | None) -> tuple[str, ...]:
    target = "" if time.target is None else minutes_words(time.target)
    found = (percentile_words(one) for one in time.percentiles)
    return (word, count_words(count), target, count_words(time.within), within_words(time, count), *found)


def within_words(time: ShownTime, count: int | None) -> str:
    if time.within is None or count is None:
        return KEPT_BACK
    return f"{100 * time.within / count:.0f} %" if count else "–"


def percentile_words(found: Percentile) -> str:
    match found.status:
        case "kept_back":
            return KEPT_BACK
        case "nothing":
            return "–"
        case "not_reached":
            return "not yet"
        case _:
            return minutes_words(found.minutes or 0)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
