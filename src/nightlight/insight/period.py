"""The months that an answer covers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightlight.errors import RefusedError

_PERIOD = re.compile(r"(\d{4})-(\d\d)/(\d{4})-(\d\d)\Z", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d\d)\Z", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From the first month to the last, both included. Months count from the year 0: ``12 * year + month - 1``."""

    first: int
    last: int

    def __str__(self) -> str:
        return "period not stated" if self == UNSTATED else f"{month_text(self.first)}/{month_text(self.last)}"

    def overlaps(self, other: Period) -> bool:
        """Whether they share a month, or may: a period that is not stated can be any."""
        return UNSTATED in (self, other) or (self.first <= other.last and other.first <= self.last)


#: Nobody says which months. Later than every date, so that the owners of today hold; no part of year-on-year.
UNSTATED = Period(12 * 10_000, 12 * 10_000)


def read_period(text: str) -> Period:
    """``2019-10/2020-09``; ``RefusedError('period_malformed')`` otherwise."""
    found = _PERIOD.match(text)
    if found:
        first, last = _count(found[1], found[2]), _count(found[3], found[4])
        if first is not None and last is not None and first <= last:
            return Period(first, last)
    raise RefusedError(
        "period_malformed",
        f"{text[:40]!r} is not a period.",
        "A period is its first and last month: 2019-10/2020-09.",
    )


def read_month(text: str) -> int | None:
    """``2012-04`` as a count of months; None if it is not a month."""
    found = _MONTH.match(text)
    return _count(found[1], found[2]) if found else None


def month_text(month: int) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}"


def _count(year: str, month: str) -> int | None:
    return 12 * int(year) + int(month) - 1 if 1 <= int(month) <= 12 else None
