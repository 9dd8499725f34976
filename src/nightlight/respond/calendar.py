"""Periods of days, months and years by the calendar, without a clock and without a time zone.

A period of months or years ends on the day of the same number, or, where the month has no such day, on the month's last
one: from 29 February a year ends on 28 February (Regulation (EEC, Euratom) 1182/71, Article 3(2)(c); *Dodds v Walker*
[1981] 1 WLR 1027). It is over when that day is over, wherever on earth the day of the start is counted: a duty to keep
something may be counted in the agency's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DAY_MS = 86_400_000

#: Zones count from 14 hours ahead to 12 hours behind UTC. Somebody's day may therefore begin a date later than ours and
#: end 12 hours after ours: two midnights on, the last day of the period is over everywhere.
_OVER_EVERYWHERE_DAYS = 2

#: Days from 1 March of the year 0 to 1 January 1970. Years that begin in March have their leap day at the end.
_EPOCH = 719_468
#: Days in 400 years of the Gregorian calendar, after which it repeats.
_CYCLE = 146_097


class Unit(StrEnum):
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """``number`` of ``unit``, such as 5 years."""

    number: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.number} {self.unit}{'' if self.number == 1 else 's'}"


def date_of(day: int) -> tuple[int, int, int]:
    """Year, month and day of the month of a day counted from 1970, in the proleptic Gregorian calendar."""
    cycle, day = divmod(day + _EPOCH, _CYCLE)
    year = (day - day // 1_460 + day // 36_524 - day // (_CYCLE - 1)) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153  # from March on, months have 31, 30, 31, 30, 31 days, again and again
    day_of_month = day - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + 400 * cycle + (month <= 2), month, day_of_month


def day_of(year: int, month: int, day_of_month: int) -> int:
    """The day counted from 1970. ``day_of_month`` may be greater than the month is long: it goes on from there."""
    year -= month <= 2
    cycle, year = divmod(year, 400)
    day = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day_of_month - 1
    return cycle * _CYCLE + year * 365 + year // 4 - year // 100 + day - _EPOCH


def days_in(year: int, month: int) -> int:
    return day_of(year + month // 12, month % 12 + 1, 1) - day_of(year, month, 1)


def last_day(start: int, period: Period) -> int:
    """The last day of a period that starts on the day ``start``, both counted from 1970."""
    if period.unit is Unit.DAY:
        return start + period.number
    year, month, day_of_month = date_of(start)
    months = year * 12 + month - 1 + period.number * (12 if period.unit is Unit.YEAR else 1)
    year, month = months // 12, months % 12 + 1
    return day_of(year, month, min(day_of_month, days_in(year, month)))


def over_at(start: int, period: Period) -> int:
    """When a period that starts at ``start`` is over everywhere; both in milliseconds since 1970, UTC."""
    return (last_day(start // DAY_MS, period) + _OVER_EVERYWHERE_DAYS) * DAY_MS


def date_words(at: int) -> str:
    """The date in UTC, as ``YYYY-MM-DD``."""
    year, month, day_of_month = date_of(at // DAY_MS)
    return f"{year:04d}-{month:02d}-{day_of_month:02d}"
