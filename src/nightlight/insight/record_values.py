"""A record as plain values: for JSON, and line by line for CSV; and what has to be known before it is quoted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from nightlight.insight.record import NOT_FOR_PUBLICATION, OTHER_WORDS, RecordShown
from nightlight.insight.sections import REST, Shown, ShownTable, ShownTime, ShownTimes
from nightlight.insight.suppression import K_MIN
from nightlight.respond.calendar import DAY_MS, date_words

FORMAT = "nightlight-record/1"
#: The shorthand for what is kept back, as UK government statistics have it (Government Analysis Function, 2022).
KEPT_BACK = "[c]"
NOT_HELD = "not held by Nightlight"
#: What the parts of a row are called that have no name.
REST_WORDS = "others, not named"


def record_values(shown: RecordShown) -> dict[str, Any]:
    """Everything. What is kept back is None; so is what is not held, and then ``held`` is false."""
    record = shown.record
    period = record.period
    return {
        "format": FORMAT,
        "not_for_publication": shown.whole,
        "from": date_words(period.start),
        "to": date_words(period.end - 1),
        "finished": period.finished(record.as_of),
        "whole_months": period.whole_months,
        "counted_at": moment_words(record.as_of),
        "least": None if shown.whole else K_MIN,
        "cautions": cautions(shown),
        **{one.section.name: _section(one) for one in shown.sections},
        "others": [
            {"key": other, "name": OTHER_WORDS[other], "count": count, "held": other not in shown.not_held}
            for other, count in shown.others.items()
        ],
    }


class Line(NamedTuple):
    """One number. ``status``: ``kept_back``, ``not_held`` or ``not_reached`` where there is none, else empty."""

    section: str
    table: str
    row: str
    column: str
    measure: str
    value: float | None
    status: str


def record_lines(shown: RecordShown) -> Iterator[Line]:
    for one in shown.sections:
        name, unit = one.section.name, one.section.unit
        yield _line(name, "", "", "", unit, one.total)
        for row, count in one.rows.items():
            yield _line(name, "", one.section.words.get(row, row), "", unit, count)
        for table in one.tables:
            yield from _table_lines(one, table)
        for times in one.times:
            yield from _time_lines(one, times)
    for other, count in shown.others.items():
        status = "not_held" if other in shown.not_held else "" if count is not None else "kept_back"
        yield Line("others", "", OTHER_WORDS[other], "", "count", count, status)


def _table_lines(one: Shown, shown: ShownTable) -> Iterator[Line]:
    section, table = one.section, shown.table
    for column, count in (shown.sums or {}).items():
        yield _line(section.name, table.name, "", table.word(column), section.unit, count)
    for (row, column), count in shown.cells.items():
        name = REST_WORDS if column == REST else table.word(column)
        yield _line(section.name, table.name, section.words.get(row, row), name, section.unit, count)


def _time_lines(one: Shown, shown: ShownTimes) -> Iterator[Line]:
    section, name = one.section, shown.times.table
    for row, time in (("", shown.all), *shown.rows.items()):
        word = section.words.get(row, row)
        if time.target is not None:
            yield _line(section.name, name, word, "", "target, minutes", time.target)
        yield _line(section.name, name, word, "", "within the target", time.within)
        for found in time.percentiles:
            status = "" if found.status == "known" else found.status
            yield Line(section.name, name, word, "", f"{found.percent}th percentile, minutes", found.minutes, status)


def _line(section: str, table: str, row: str, column: str, measure: str, count: int | None) -> Line:
    return Line(section, table, row, column, measure, count, "" if count is not None else "kept_back")


def _section(one: Shown) -> dict[str, Any]:
    section = one.section
    return {
        "title": section.title,
        "unit": section.unit,
        "about": section.about,
        "total": one.total,
        "rows": [{"key": row, "name": section.words.get(row, row), "count": n} for row, n in one.rows.items()],
        "tables": {shown.table.name: _table(one, shown) for shown in one.tables},
        "times": {
            shown.times.table: {
                "rows": [{"key": row, **_time(time, one.rows[row])} for row, time in shown.rows.items()],
                "all": _time(shown.all, one.total),
            }
            for shown in one.times
        },
    }


def _table(one: Shown, shown: ShownTable) -> dict[str, Any]:
    columns = [
        {"key": column, "name": REST_WORDS if column == REST else shown.table.word(column)}
        | ({"count": shown.sums[column]} if shown.sums is not None else {})
        for column in shown.columns
    ]
    # A name that is not one of a row's says nothing about it, not even that it is zero.
    rows = [
        {
            "key": row,
            "counts": {column: shown.cells[row, column] for column in shown.columns if (row, column) in shown.cells},
        }
        for row in one.rows
    ]
    return {"title": shown.table.title, "columns": columns, "rows": rows}


def _time(time: ShownTime, count: int | None) -> dict[str, Any]:
    share = time.within / count if time.within is not None and count else None
    return {
        "target_minutes": time.target,
        "within": time.within,
        "share": share,
        "percentiles": {
            str(found.percent): {"status": found.status, "minutes": found.minutes} for found in time.percentiles
        },
    }


def cautions(shown: RecordShown) -> list[str]:
    """What has to be known before anything is quoted."""
    record = shown.record
    period, said = record.period, list[str]()
    if shown.whole:
        said.append(
            f"{NOT_FOR_PUBLICATION}: exact numbers, for inside alone. Small ones, or the difference between these and "
            "published ones, lead to single people."
        )
    else:
        said.append(
            f"{KEPT_BACK} stands for a number that is kept back: it is smaller than {K_MIN}, or one that is would "
            "follow from it. Zeros are said."
        )
        if not period.whole_months:
            said.append(
                "The period is not made of whole months. Two records whose periods differ by some days, held side by "
                "side, say what happened on those days: do not publish both, and rather whole months."
            )
    if not period.finished(record.as_of):
        said.append(f"The period is not over: it ends with {date_words(period.end - 1)}, UTC.")
    said += [
        f"Counted on {moment_words(record.as_of)}. What still waited then counts as waiting, so the same period says "
        "more when it is counted later; publish one count of a period.",
        "Targets are the operator's own; no law sets them. Times run from the opening of a case by the clock, nights "
        "and holidays included.",
        "Every look and every decision was a person's. Nothing here was decided automatically: signals of detection "
        "bring a case up and decide nothing.",
        "Reports are what people sent, not what happened; most of what happens is never reported. A category is what "
        "the reporter chose.",
        "What was erased by retention is still counted: a record needs no names, accounts or words.",
    ]
    if shown.not_held:
        said.append("Signals of detection are kept for some weeks only and are not held for all of this period.")
    return said


def moment_words(at: int) -> str:
    """A time in UTC to the minute."""
    minutes = at % DAY_MS // 60_000
    return f"{date_words(at)} {minutes // 60:02}:{minutes % 60:02} UTC"


def count_words(count: int | None) -> str:
    return KEPT_BACK if count is None else f"{count:,}"
