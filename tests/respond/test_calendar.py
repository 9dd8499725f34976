"""Calendar arithmetic against the standard library's, and against every time zone there is."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.respond.calendar import DAY_MS, Period, Unit, date_of, date_words, day_of, days_in, last_day, over_at

EPOCH = date(1970, 1, 1)
DATES = st.dates(date(1600, 1, 1), date(2900, 12, 31))
PERIODS = st.builds(Period, st.integers(1, 100), st.sampled_from(Unit))


def number(day: date) -> int:
    return (day - EPOCH).days


def expected_last_day(start: date, period: Period) -> date:
    """Counted with the standard library: month after month, then back to a day that exists."""
    if period.unit is Unit.DAY:
        return start + timedelta(days=period.number)
    year, month = start.year, start.month
    for _ in range(period.number * (12 if period.unit is Unit.YEAR else 1)):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


@given(DATES)
def test_dates_are_those_of_the_standard_library(day: date) -> None:
    assert date_of(number(day)) == (day.year, day.month, day.day)
    assert day_of(day.year, day.month, day.day) == number(day)
    assert days_in(day.year, day.month) == calendar.monthrange(day.year, day.month)[1]
    assert date_words(number(day) * DAY_MS + DAY_MS - 1) == day.isoformat()


@given(DATES, PERIODS)
def test_last_day_of_a_period(start: date, period: Period) -> None:
    assert last_day(number(start), period) == number(expected_last_day(start, period))


@pytest.mark.parametrize(
    ("start", "period", "last"),
    [
        ("2024-02-29", Period(1, Unit.YEAR), "2025-02-28"),
        ("2024-02-29", Period(4, Unit.YEAR), "2028-02-29"),
        ("2096-02-29", Period(4, Unit.YEAR), "2100-02-28"),
        ("2024-01-31", Period(1, Unit.MONTH), "2024-02-29"),
        ("2023-01-31", Period(1, Unit.MONTH), "2023-02-28"),
        ("2024-08-31", Period(6, Unit.MONTH), "2025-02-28"),
        ("2024-12-31", Period(30, Unit.DAY), "2025-01-30"),
        ("1969-12-31", Period(1, Unit.YEAR), "1970-12-31"),
    ],
)
def test_days_that_a_month_does_not_have(start: str, period: Period, last: str) -> None:
    assert last_day(number(date.fromisoformat(start)), period) == number(date.fromisoformat(last))


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2400, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    PERIODS,
    st.integers(-12 * 4, 14 * 4),
)
def test_no_period_is_over_before_it_is_over_where_the_agency_counts_it(
    start: datetime, period: Period, quarters: int
) -> None:
    zone = timezone(timedelta(minutes=15 * quarters))
    last = expected_last_day(start.astimezone(zone).date(), period)
    over_there = datetime(last.year, last.month, last.day, tzinfo=zone) + timedelta(days=1)
    ends = over_at(int(start.timestamp() * 1000), period)
    assert ends >= over_there.timestamp() * 1000
    # Nor does it last longer than it takes for the day to be over everywhere.
    assert ends - over_there.timestamp() * 1000 <= 3 * DAY_MS


@given(st.integers(0, 2**43), st.integers(0, 10**10), PERIODS)
def test_what_starts_later_is_over_later_or_at_once(start: int, more: int, period: Period) -> None:
    assert over_at(start, period) <= over_at(start + more, period)
    assert over_at(start, period) > start
