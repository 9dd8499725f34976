"""Dates and periods as police forces write them, down to the month: that is all that figures need.

What can be read in two ways is decided by the whole column or by the mapping, never cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.insight.period import Period

APRIL, JANUARY = 4, 1
_YEARS = range(1900, 2101)
#: A year of two digits is of this century, and not far from now.
_SHORT_YEARS = range(51)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NAME = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_TIME = r"(?:[t ]\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)? ?(?:[ap]m|z)?)?"
_FLAGS = re.ASCII | re.IGNORECASE
_ISO = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d){_TIME}", _FLAGS)
_MARKED = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}|\d\d){_TIME}", _FLAGS)
_WRITTEN = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?[ -]{_NAME}[ ,-]{{1,2}}(\d{{4}}|\d\d){_TIME}", _FLAGS)
_NAMED_FIRST = re.compile(rf"{_NAME} (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}}){_TIME}", _FLAGS)
_MONTH_OF = re.compile(rf"{_NAME}[ -](\d{{4}}|\d\d)", _FLAGS)
_ISO_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_YEAR = re.compile(r"(?:calendar year |year |cy ?)?(\d{4})", _FLAGS)
_TWO_YEARS = re.compile(
    r"(?:f\.?y\.? ?|financial year |fin\.? year |year )?(\d{4}|\d\d) ?[/–-] ?(\d{4}|\d\d)(?: ?\(?f\.?y\.?\)?)?", _FLAGS
)
_QUARTER = re.compile(r"q(?:uarter |tr ?)?([1-4]),? (?:of )?(.+)|(.+?),? q(?:uarter |tr ?)?([1-4])", _FLAGS)
_ENDING = re.compile(r"(?:year ending|year ended|year to|y/?e|12 months to)(?: in)? (.+)", _FLAGS)
_RANGE = re.compile(r"(?:from )?(.+?)(?: to | until | – | - | — |/|–)(.+)", _FLAGS)
_FINANCIAL = re.compile(r"f\.?y|fin", _FLAGS)


class Order(StrEnum):
    """What stands first in 03/04/2019."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


def read_day(text: str, order: Order = Order.DAY_FIRST) -> int | None:
    """The month of a date, counted as in ``Period``; None if it is no date. A time of day after it is left out."""
    word = _squeezed(text)
    if found := _ISO.fullmatch(word):
        return _month(found[1], int(found[2]), int(found[3]))
    if found := _WRITTEN.fullmatch(word):
        return _month(found[3], _named(found[2]), int(found[1]))
    if found := _NAMED_FIRST.fullmatch(word):
        return _month(found[3], _named(found[1]), int(found[2]))
    if found := _MARKED.fullmatch(word):
        first, second = int(found[1]), int(found[3])
        day, month = (first, second) if order is Order.DAY_FIRST else (second, first)
        return _month(found[4], month, day)
    return None


def read_written_period(text: str, order: Order = Order.DAY_FIRST, *, financial: bool = False) -> Period | None:
    """``2019/20``, ``FY 2019-20``, ``2019``, ``Q1 2019/20``, ``Oct 2019``, ``Apr 2017 - Oct 2019``, ``2019-10/2020-09``
    and ``year ending March 2020``; None for anything else, days included.

    ``financial``: the column says that it holds financial years. ``RefusedError('period_ambiguous')`` for a year that
    could be either, and for a quarter of one.
    """
    word = _squeezed(text)
    if found := _QUARTER.fullmatch(word):
        return _quarter(text, int(found[1] or found[4]), found[2] or found[3])
    if (year := _financial_year(word)) is not None:
        return year
    if (month := _month_alone(word)) is not None:
        return Period(month, month)
    if found := _YEAR.fullmatch(word):
        if int(found[1]) not in _YEARS:
            return None
        if financial:
            raise _ambiguous(text, "one year, where financial years have two", "Write 2019/20.")
        return Period(12 * int(found[1]), 12 * int(found[1]) + 11)
    if found := _ENDING.fullmatch(word):
        last = _edge(found[1], order)
        return None if last is None else Period(last - 11, last)
    return _range(word, order)


def police_year(month: int, starts: int = APRIL) -> Period:
    """The year from April to March in which a month lies; or from January."""
    first = (month - (starts - 1)) // 12 * 12 + starts - 1
    return Period(first, first + 11)


def within_police_year(period: Period, starts: int = APRIL) -> Period:
    """The police year that a month or a quarter lies in; a period that is longer or lies in two stays as it is."""
    year = police_year(period.first, starts)
    return year if period.last <= year.last else period


def order_of(texts: Mapping[str, int] | Iterable[str]) -> tuple[Order | None, str, str]:
    """What a whole column says about its dates: the order, with the cells that show day or month first.

    None where no cell decides; with a cell for each, the column contradicts itself, and the order is None as well.
    """
    day_first = month_first = ""
    for text in texts:
        for piece in _marked_dates(text):
            first, second = int(piece[1]), int(piece[3])
            if first > 12 >= second:
                day_first = min(day_first or text, text)
            elif second > 12 >= first:
                month_first = min(month_first or text, text)
    if day_first and month_first:
        return None, day_first, month_first
    order = Order.DAY_FIRST if day_first else Order.MONTH_FIRST if month_first else None
    return order, day_first, month_first


def is_marked(text: str) -> bool:
    """Whether the order of day and month makes a difference to it."""
    return any(True for _ in _marked_dates(text))


def _marked_dates(text: str) -> Iterable[re.Match[str]]:
    word = _squeezed(text)
    if found := _MARKED.fullmatch(word):
        yield found
    elif found := _RANGE.fullmatch(word):
        for end in re.split(r" to | until | – | - | — ", word.removeprefix("from "), maxsplit=1):
            if piece := _MARKED.fullmatch(end.strip()):
                yield piece


def _range(word: str, order: Order) -> Period | None:
    # Where dates have hyphens themselves, only a mark with spaces around it parts them; slashes part ISO months.
    for mark in (r" to ", r" until ", r" ?– ?", r" - ", r" — ", r"/", r"-"):
        ends = re.split(mark, word.removeprefix("from "), flags=re.IGNORECASE)
        if len(ends) == 2:
            years = [_financial_year(end.strip()) for end in ends]
            months = [_edge(end.strip(), order) for end in ends]
            first = months[0] if years[0] is None else years[0].first
            last = months[1] if years[1] is None else years[1].last
            if first is not None and last is not None:
                return Period(first, last) if first <= last else None
    return None


def _edge(word: str, order: Order) -> int | None:
    month = _month_alone(word)
    return read_day(word, order) if month is None else month


def _quarter(text: str, number: int, word: str) -> Period | None:
    year = _financial_year(word.strip())
    if year is not None:
        return Period(year.first + 3 * (number - 1), year.first + 3 * number - 1)
    if _YEAR.fullmatch(word.strip()):
        raise _ambiguous(text, "a quarter of 2019 or of 2019/20", "Write Q1 2019/20, or Jan 2019 - Mar 2019.")
    return None


def _financial_year(word: str) -> Period | None:
    found = _TWO_YEARS.fullmatch(word)
    if not found:
        return None
    first = _year(found[1])
    if first is None or (len(found[1]) == 2 and not _FINANCIAL.match(word)):
        return None
    following = first + 1
    return police_year(12 * first + 3) if found[2] in (str(following), f"{following % 100:02}") else None


def _month_alone(word: str) -> int | None:
    if found := _MONTH_OF.fullmatch(word):
        return _month(found[2], _named(found[1]), 1)
    if found := _ISO_MONTH.fullmatch(word):
        return _month(found[1], int(found[2]), 1)
    return None


def _month(year: str, month: int, day: int) -> int | None:
    number = _year(year)
    if number is None or not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    leap = number % 4 == 0 and (number % 100 != 0 or number % 400 == 0)
    return None if (month, day) == (2, 29) and not leap else 12 * number + month - 1


def _year(text: str) -> int | None:
    number = int(text)
    if len(text) == 2:
        return 2000 + number if number in _SHORT_YEARS else None
    return number if number in _YEARS else None


def _named(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _squeezed(text: str) -> str:
    return " ".join(text[:120].split())


def _ambiguous(text: str, what: str, hint: str) -> RefusedError:
    return RefusedError("period_ambiguous", f'"{text[:40]}" is {what}.', hint)
