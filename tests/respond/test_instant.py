"""Moments as text and back, against the standard library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.respond.instant import instant, rfc3339

_MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))


@given(_MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)))
def test_a_moment_reads_as_the_standard_library_reads_it(moment: datetime) -> None:
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    text = rfc3339(milliseconds)
    assert datetime.fromisoformat(text) == moment
    assert instant(text) == milliseconds


@given(_MOMENTS, st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_offsets_are_taken_into_account(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0)
    assert instant(there.isoformat()) == (there - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-11-27", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-00-10T00:00:00Z"),
        *("2026-11-31T00:00:00Z", "2026-11-27T24:00:00Z", "2026-11-27T10:60:00Z", "2026-11-27T10:00:60Z"),
        *("0000-01-01T00:00:00Z", "2026-11-27T10:00:00+25:00", "2026-11-27T10:00:00+01:61", "٢٠٢٦-11-27T10:00:00Z"),
        "2026-11-27T10:00:00Z and more",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        instant(text)
    assert refused.value.code == "time_malformed"


def test_a_time_without_a_zone_is_no_moment() -> None:
    with pytest.raises(RefusedError) as refused:
        instant("2026-11-27T10:00:00")
    assert refused.value.code == "time_without_zone"


def test_the_twenty_ninth_of_february_is_there_in_leap_years_only() -> None:
    assert rfc3339(instant("2024-02-29T12:00:00Z")) == "2024-02-29T12:00:00Z"
    assert rfc3339(instant("2000-02-29T12:00:00Z")) == "2000-02-29T12:00:00Z"
    with pytest.raises(RefusedError):
        instant("1900-02-29T12:00:00Z")
