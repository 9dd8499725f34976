"""Moments as text: RFC 3339 in UTC, the form in which agencies, people and logs can read them.

Reckoned here because ``datetime`` could read the clock, which no pure room may (H. Hinnant, "chrono-compatible
low-level date algorithms", ``days_from_civil``; the way back is in ``account.month_of``).
"""

from __future__ import annotations

import re

from nightlight.errors import RefusedError
from nightlight.model.account import month_of

_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?\Z", re.ASCII)
_DAY_MS = 86_400_000
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def first_day(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first of that month."""
    years = year - (month <= 2)
    era, of_era = divmod(years, 400)
    of_year = (153 * (month + (9 if month <= 2 else -3)) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def days_in(year: int, month: int) -> int:
    leap = month == 2 and ((year % 4 == 0 and year % 100 != 0) or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + leap


def rfc3339(at: int) -> str:
    """``2026-11-27T10:00:00Z``; ``at`` in milliseconds since 1970, UTC, which are left out where there are none."""
    day, rest = divmod(at, _DAY_MS)
    month = month_of(at)
    seconds, milliseconds = divmod(rest, 1000)
    date = f"{month}-{day - first_day(month.year, month.month) + 1:02}"
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{date}T{clock}{f'.{milliseconds:03}' if milliseconds else ''}Z"


def instant(text: str) -> int:
    """Milliseconds since 1970, UTC, of an RFC 3339 time; ``RefusedError``: ``time_malformed``, ``time_without_zone``.

    Fractions beyond milliseconds are cut off. Leap seconds are not taken.
    """
    found = _TEXT.match(text.strip())
    if found is None:
        raise _malformed()
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (1 <= month <= 12 and year >= 1 and hour < 24 and minute < 60 and second < 60):
        raise _malformed()
    if not 1 <= day <= days_in(year, month):
        raise _malformed()
    zone = found[8]
    if zone is None:
        raise RefusedError(
            "time_without_zone",
            "The time has no zone, so it is not known when that was.",
            "Write Z for UTC at its end, or the offset, as in +01:00.",
        )
    offset = 0
    if zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise _malformed()
        offset = (hours * 60 + minutes) * 60_000 * (-1 if zone[0] == "-" else 1)
    days = first_day(year, month) + day - 1
    fraction = int((found[7] or "0").ljust(3, "0")[:3])
    return days * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - offset


def _malformed() -> RefusedError:
    return RefusedError("time_malformed", "This is not a time.", "Write it as in 2026-11-27T10:00:00Z.")
