"""The days that a record covers: whole days in UTC, the first and the last included."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.respond.calendar import DAY_MS, date_of, date_words, day_of, days_in

_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?", re.ASCII)
#: Nobody has reports from before; a year of 0206 is a slip.
_FIRST_YEAR = 2000
#: A record may be asked for before its period is over, but not for a period that nobody can mean.
_AHEAD_DAYS = 366
_DAYS_MAX = 3_660


@dataclass(frozen=True, slots=True)
class RecordPeriod:
    """``first`` and ``last`` are days counted from 1970, both included."""

    first: int
    last: int

    @property
    def start(self) -> int:
        """Milliseconds since 1970; what happened then is counted."""
        return self.first * DAY_MS

    @property
    def end(self) -> int:
        """Milliseconds since 1970; what happened then is not counted."""
        return (self.last + 1) * DAY_MS

    @property
    def whole_months(self) -> bool:
        return date_of(self.first)[2] == 1 and date_of(self.last + 1)[2] == 1

    def finished(self, now: int) -> bool:
        return now >= self.end

    def __str__(self) -> str:
        return f"{date_words(self.start)} to {date_words(self.end - 1)}"


def read_record_period(first: str, last: str, now: int) -> RecordPeriod:
    """``2026-01`` and ``2026-12``, or days as ``2026-01-31``. ``RefusedError('period_malformed')``."""
    begins, ends = _day(first, "--from", last=False), _day(last, "--to", last=True)
    if begins > ends:
        raise _malformed(f"The period would begin on {first} and end before that, on {last}.", "Swap them.")
    today = now // DAY_MS
    if begins > today:
        raise _malformed(f"{first} is in the future: there is nothing to count yet.", "Begin with a day that was.")
    if ends > today + _AHEAD_DAYS:
        raise _malformed(f"{last} is more than a year away.", "Is the year right?")
    if ends - begins >= _DAYS_MAX:
        raise _malformed("The period is longer than ten years.", "Is the year right?")
    return RecordPeriod(begins, ends)


def month_of(now: int) -> str:
    """The month that it is, as ``2026-11``."""
    return date_words(now)[:7]


def _day(text: str, name: str, *, last: bool) -> int:
    found = _DATE.fullmatch(text)
    if found is None:
        raise _malformed(f"{name} {text[:40]!r} is not a month or a day.", "Write 2026-01, or 2026-01-31.")
    year, month = int(found[1]), int(found[2])
    if year < _FIRST_YEAR or not 1 <= month <= 12:
        raise _malformed(f"{name} {text}: there is no such month, or it is too long ago.", "Write 2026-01.")
    length = days_in(year, month)
    day = int(found[3]) if found[3] else (length if last else 1)
    if not 1 <= day <= length:
        raise _malformed(f"{name} {text}: that month has {length} days.", "")
    return day_of(year, month, day)


def _malformed(message: str, hint: str) -> RefusedError:
    return RefusedError("period_malformed", message, hint)
