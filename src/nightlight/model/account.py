"""Accounts and ages: bands, how sure we are of them, and how a birth month moves them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache


class AgeBand(StrEnum):
    """What is known of somebody's age. ``unknown`` is a band of its own, never a guess."""

    UNDER_13 = "under_13"
    AGE_13_15 = "13_15"
    AGE_16_17 = "16_17"
    ADULT = "adult"
    UNKNOWN = "unknown"


MINORS = (AgeBand.UNDER_13, AgeBand.AGE_13_15, AgeBand.AGE_16_17)


class Assurance(StrEnum):
    """How an age is known, the weakest first. ``none`` goes with the band ``unknown`` and no other."""

    NONE = "none"
    DECLARED = "declared"
    ESTIMATED = "estimated"
    VERIFIED = "verified"


#: The ages, in years, at which somebody enters the next band.
_BAND_FROM = ((18, AgeBand.ADULT), (16, AgeBand.AGE_16_17), (13, AgeBand.AGE_13_15), (0, AgeBand.UNDER_13))


@dataclass(frozen=True, slots=True, order=True)
class BirthMonth:
    """A month and a year, never a day: ``2012-03``."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    def band_at(self, now: int) -> AgeBand:
        """The band at ``now`` (milliseconds since 1970, UTC)."""
        return self.band_in(month_of(now))

    def band_in(self, today: BirthMonth) -> AgeBand:
        """The band in the month ``today``.

        The day is not known, so a birthday counts from the end of its month: never too early.
        """
        years = (today.year * 12 + today.month - self.year * 12 - self.month - 1) // 12
        return next((band for age, band in _BAND_FROM if years >= age), AgeBand.UNDER_13)


_DAY_MS = 24 * 3_600_000


def month_of(now: int) -> BirthMonth:
    """The calendar month of a moment in milliseconds since 1970, UTC.

    Reckoned here because ``datetime`` could read the clock, which no pure room may (H. Hinnant, "chrono-compatible
    low-level date algorithms", ``civil_from_days``: years begin in March, so that a leap day is the last).
    """
    return _month_of_day(now // _DAY_MS)


@lru_cache(maxsize=128)
def _month_of_day(day: int) -> BirthMonth:
    days = day + 719_468
    era, of_era = divmod(days, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_based = (5 * of_year + 2) // 153
    month = march_based + 3 if march_based < 10 else march_based - 9
    return BirthMonth(year_of_era + era * 400 + (month <= 2), month)


@dataclass(frozen=True, slots=True)
class Age:
    """What is known of one account's age. Where a birth month is known, the band follows it.

    ``disputed``: was known to be older and now says to be younger; nobody has looked at that yet.
    """

    band: AgeBand = field(repr=False)
    assurance: Assurance = field(repr=False)
    birth_month: BirthMonth | None = field(default=None, repr=False)
    disputed: bool = field(default=False, repr=False)

    def at(self, now: int) -> AgeBand:
        """The band at ``now``: birthdays move it by themselves."""
        return self.birth_month.band_at(now) if self.birth_month else self.band

    def in_month(self, today: BirthMonth) -> AgeBand:
        """The band in the month ``today``, for who asks about many at once."""
        return self.birth_month.band_in(today) if self.birth_month else self.band

    def acting_in_month(self, today: BirthMonth) -> AgeBand:
        """The band in which the account comes towards others."""
        return AgeBand.UNKNOWN if self.disputed else self.in_month(today)


UNKNOWN_AGE = Age(AgeBand.UNKNOWN, Assurance.NONE)
