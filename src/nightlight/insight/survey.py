"""What stands in the columns that say whose figures they are, all lines through; and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.columns import Understood
from nightlight.insight.dates import (
    Order,
    is_marked,
    order_of,
    police_year,
    read_day,
    read_written_period,
    within_police_year,
)
from nightlight.insight.force_names import ForceNames
from nightlight.insight.headers import Column, Role, phrase_of
from nightlight.insight.layout import Kind
from nightlight.insight.mapping import UNMAPPED
from nightlight.insight.mapping import Mapping as Said
from nightlight.insight.period import UNSTATED, Period, month_text
from nightlight.insight.platforms import Platforms
from nightlight.insight.rows import FILLED, Body, LineKind
from nightlight.insight.spelling import shown

#: More different dates, or forces, than there can be; and more groups than a figure could be made for.
DATES_MAX, FORCES_MAX, GROUPS_MAX = 100_000, 2_000, 1_000
#: Groups of offences: of a table that names none, and of a line that does not.
UNGROUPED, GROUP_NOT_STATED = "all offences", "offence not stated"
_FINANCIAL = ("financial", "fin ", "fy")


@dataclass(slots=True)
class Survey:
    """By column, the different cells with the line in which each stands first (0: not known), empty ones left out.

    ``blanks``: the first line in which a cell is empty. ``mergeable``: columns with empty cells in which no name comes
    back after another, as it is where cells were merged.
    """

    values: dict[int, dict[str, int]] = field(default_factory=dict)
    blanks: dict[int, int] = field(default_factory=dict)
    mergeable: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Decided:
    """What cells mean, by their text: for the whole column, once."""

    where: str
    force: str
    forces: Mapping[str, str]
    periods: Mapping[str, Period]
    groups: Mapping[str, str]
    #: A line of a table of counts says which platforms its offences name, all of them.
    sets: bool
    caveats: tuple[Caveat, ...] = ()


def surveyed(understood: Understood) -> tuple[Column, ...]:
    """The columns that have to be known as a whole before the first line can be read."""
    roles = [Role.FORCE, Role.PERIOD, Role.DATE, Role.OFFENCE]
    if understood.kind is Kind.LINES:
        roles += [Role.PLATFORM, Role.PLATFORMS]
    return understood.of(*roles)


def survey_of(body: Body) -> Survey:
    """Goes through all lines once."""
    columns = surveyed(body.understood)
    filled = [column for column in columns if column.role in FILLED]
    values: dict[int, dict[str, int]] = {column.index: {} for column in columns}
    blanks: dict[int, int] = {}
    met: dict[int, set[tuple[str, ...]]] = {column.index: set() for column in filled}
    above: dict[int, str] = {}
    places = [(column.index, values[column.index], column) for column in columns]
    for line in body.lines():
        if line.kind is not LineKind.DATA:
            if line.kind is not LineKind.BLANK:
                above.clear()
            continue
        for index, seen, column in places:
            cell = line.cells[index]
            if not cell:
                blanks.setdefault(index, line.number)
            elif cell not in seen:
                seen[cell] = line.number
                if len(seen) > DATES_MAX:
                    raise _too_many(column, DATES_MAX)
        if met:
            _look_for_merged(line.cells, filled, met, above)
    mergeable = frozenset(index for index in met if index in blanks)
    return Survey(values, blanks, mergeable)


def _look_for_merged(
    cells: Sequence[str], filled: list[Column], met: dict[int, set[tuple[str, ...]]], above: dict[int, str]
) -> None:
    """Leaves in ``met`` the columns in which every name begins one block only, within the block on its left."""
    context: tuple[str, ...] = ()
    named = False
    for column in filled:
        cell = cells[column.index]
        if not cell and named:
            # Beside a name that stands there, it was left empty and not merged.
            met.pop(column.index, None)
        named = named or bool(cell)
        if cell:
            above[column.index] = cell
            begun = met.get(column.index)
            if begun is not None and (*context, cell) in begun:
                del met[column.index]
            elif begun is not None:
                begun.add((*context, cell))
        elif column.index not in above:
            met.pop(column.index, None)
        context = (*context, above.get(column.index, ""))


def decide(
    survey: Survey,
    understood: Understood,
    table: Platforms,
    names: ForceNames,
    where: str,
    file: str,
    said: Said = UNMAPPED,
) -> Decided:
    """``file``: the name that stands for the force where nothing else does.

    ``RefusedError`` with the line: ``force_missing``, ``period_missing``, ``period_malformed``, ``period_ambiguous``,
    ``dates_contradict``, ``too_many_values``, ``platforms_in_count``.
    """
    caveats: list[Caveat] = []
    force, forces = _forces(survey, understood, names, where, file, said, caveats)
    periods = _periods(survey, understood, where, said, caveats)
    groups = _groups(survey, understood)
    sets = _sets(survey, understood, table, where, said, caveats)
    return Decided(where, force, forces, periods, groups, sets, tuple(caveats))


def _forces(
    survey: Survey, understood: Understood, names: ForceNames, where: str, file: str, said: Said, caveats: list[Caveat]
) -> tuple[str, dict[str, str]]:
    column = understood.one(Role.FORCE)
    fixed = [one.force for one in understood.figures if one.force]
    if said.force or column is None:
        force = said.force or file
        named = names.unify([force, *fixed])
        if not said.force and not (fixed and len(fixed) == len(understood.figures)):
            caveats.append(
                Caveat(
                    CaveatCode.FORCE_FROM_FILE,
                    f'{where}: no column names the force. The file\'s name stands for it: "{named[force]}".',
                )
            )
        return named[force], named
    spellings = survey.values.get(column.index, {})
    if len(spellings) > FORCES_MAX:
        raise _too_many(column, FORCES_MAX)
    if column.index in survey.blanks and column.index not in survey.mergeable and not said.fill_down:
        raise _missing(where, survey.blanks[column.index], column, "force")
    named = names.unify([*spellings, *fixed])
    changed = {name: sorted(text for text in named if named[text] == name and text != name) for name in named.values()}
    changed = {name: texts for name, texts in changed.items() if texts}
    if changed:
        told = [f'"{name}" stands for {_quoted(texts)}' for name, texts in sorted(changed.items())]
        more = f"; and {len(told) - 5} more" if len(told) > 5 else ""
        caveats.append(Caveat(CaveatCode.FORCE_NAMES, f"{where}: {'; '.join(told[:5])}{more}."))
    return "", named


def _periods(
    survey: Survey, understood: Understood, where: str, said: Said, caveats: list[Caveat]
) -> dict[str, Period]:
    column = understood.one(Role.PERIOD) or understood.one(Role.DATE)
    if said.period is not None or column is None:
        counted = [one for one in understood.figures if one.role is not Role.SUM]
        stated = said.period or (counted and all(one.period for one in counted))
        if not stated:
            caveats.append(
                Caveat(
                    CaveatCode.PERIOD_NOT_STATED,
                    f"{where}: nothing says which months it covers. A mapping can: period: 2019/20.",
                )
            )
        return {"": said.period or UNSTATED}
    texts = survey.values.get(column.index, {})
    blank = column.index in survey.blanks
    if blank and column.index not in survey.mergeable and not said.fill_down and understood.kind is Kind.OFFENCES:
        raise _missing(where, survey.blanks[column.index], column, "period")
    order = said.dates or _order(texts, column, where, caveats)
    financial = any(word in f"{phrase_of(column.header)} " for word in _FINANCIAL)
    periods: dict[str, Period] = {}
    months: set[int] = set()
    for text, line in texts.items():
        month = read_day(text, order)
        try:
            period = read_written_period(text, order, financial=financial) if month is None else None
        except RefusedError as e:
            raise RefusedError(e.code, f"{where}, line {line:,}: {e.message}", e.hint) from None
        if month is not None:
            months.add(month)
            period = police_year(month, said.year_starts)
        elif period is not None and understood.kind is Kind.OFFENCES:
            period = within_police_year(period, said.year_starts)
        if period is None:
            raise _no_period(text, line, column, where, order)
        periods[text] = period
    if months:
        starts = "April" if said.year_starts == 4 else "January"
        caveats.append(Caveat(CaveatCode.DATES, f"{where}: dates are put into years from {starts}."))
        caveats += _about_ends(min(months), max(months), said.year_starts, where)
    return periods


def _about_ends(first: int, last: int, year_starts: int, where: str) -> Iterator[Caveat]:
    """A year of which the dates cover a part looks whole beside others."""
    before, after = police_year(first, year_starts), police_year(last, year_starts)
    cut = {year for year, short in ((before, first > before.first), (after, last < after.last)) if short}
    if cut:
        years = " and ".join(map(str, sorted(cut)))
        words = f"dates go from {month_text(first)} to {month_text(last)}, so that of {years} a part may be missing"
        yield Caveat(CaveatCode.DATES, f"{where}: {words}.")


def _order(texts: Mapping[str, int], column: Column, where: str, caveats: list[Caveat]) -> Order:
    order, day_first, month_first = order_of(texts)
    if day_first and month_first:
        raise RefusedError(
            "dates_contradict",
            f'{where}, "{column.header}": "{day_first}" (line {texts[day_first]:,}) has the day first, "{month_first}" '
            f"(line {texts[month_first]:,}) the month.",
            'Say in the mapping which it is, "dates: day_first", once all are written alike.',
        )
    if order is Order.MONTH_FIRST:
        words = f'the month stands first, as "{month_first}" shows'
    elif order is None and any(map(is_marked, texts)):
        words = "no date shows whether the day or the month stands first; read as day first, as in the United Kingdom"
    else:
        return Order.DAY_FIRST
    caveats.append(Caveat(CaveatCode.DATES, f'{where}, "{column.header}": {words}.'))
    return order or Order.DAY_FIRST


def _no_period(text: str, line: int, column: Column, where: str, order: Order) -> RefusedError:
    hint = "A date is 2019-10-03, 03/10/2019 or 3 Oct 2019; a period 2019/20, 2019, Q1 2019/20 or Apr 2017 - Oct 2019."
    other = Order.MONTH_FIRST if order is Order.DAY_FIRST else Order.DAY_FIRST
    if read_day(text, other) is not None:
        hint = f'With "dates: {other.value}" in the mapping it would be one.'
    elif text.isdigit() and len(text) == 5:
        hint = "It may be a date that lost its format in a spreadsheet: give the column the format of a date again."
    return RefusedError(
        "period_malformed",
        f'{where}, line {line:,}, "{column.header}": "{shown(text)[:40]}" is neither a date nor a period.',
        hint,
    )


def _groups(survey: Survey, understood: Understood) -> dict[str, str]:
    column = understood.one(Role.OFFENCE)
    if column is None:
        return {"": UNGROUPED}
    texts = survey.values.get(column.index, {})
    names: dict[str, str] = {}
    groups = {text: names.setdefault(" ".join(text.split()).casefold(), shown(text)) for text in sorted(texts)}
    if len(names) > GROUPS_MAX:
        raise _too_many(column, GROUPS_MAX)
    return {"": GROUP_NOT_STATED, **groups}


def _sets(
    survey: Survey, understood: Understood, table: Platforms, where: str, said: Said, caveats: list[Caveat]
) -> bool:
    column = next(iter(understood.of(Role.PLATFORM, Role.PLATFORMS)), None)
    if understood.kind is not Kind.LINES or column is None:
        return False
    several = {text: line for text, line in survey.values[column.index].items() if len(_named(text, table)) > 1}
    if not several:
        return False
    text = min(several, key=lambda one: several[one])
    if column.role is not Role.PLATFORMS and not said.each_once:
        raise RefusedError(
            "platforms_in_count",
            f'{where}, line {several[text]:,}: "{shown(text)[:60]}" counts offences that name several platforms.',
            "Do these offences stand in the lines of the single platforms, too? If no offence stands in two lines, say "
            'so in the mapping: "each_once: true". If they do, skip these lines.',
        )
    caveats.append(
        Caveat(
            CaveatCode.SETS_OF_PLATFORMS,
            f'{where}: lines such as "{shown(text)[:60]}" name all platforms of an offence; each offence stands in one '
            "line only.",
        )
    )
    return True


def _named(text: str, table: Platforms) -> tuple[str, ...]:
    cell = table.read_cell(text)
    return (*cell.platforms, *cell.unmatched)


def _missing(where: str, line: int, column: Column, what: str) -> RefusedError:
    return RefusedError(
        f"{what}_missing",
        f'{where}, line {line:,}: "{column.header}" is empty.',
        'If it means what stands above it, say so in the mapping: "fill_down: true". Or skip the line.',
    )


def _too_many(column: Column, most: int) -> RefusedError:
    return RefusedError(
        "too_many_values",
        f'"{column.header}" has more than {most:,} different values. It was taken for the {column.role.value}.',
        'Is it that? If not, give it the role "ignore" in a mapping.',
    )


def _quoted(texts: list[str]) -> str:
    given = ", ".join(f'"{shown(text)[:40]}"' for text in texts[:4])
    return given + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")
