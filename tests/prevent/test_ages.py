"""Ages: what is given is held against itself, and birthdays move a band by themselves."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.model.account import MINORS, Age, AgeBand, Assurance, BirthMonth, month_of
from nightlight.prevent.ages import birth_month, known_age, pack_age, unpack_age


def at(year: int, month: int, day: int = 1, hour: int = 0) -> int:
    return calendar.timegm((year, month, day, hour, 0, 0)) * 1000


NOW = at(2026, 11, 25)


@given(st.integers(0, 253_402_300_799_999))
def test_the_month_of_a_moment_is_that_of_the_calendar(now: int) -> None:
    # An independent reckoning: Python's own calendar.
    moment = datetime.fromtimestamp(now / 1000, UTC)
    if now % 1000 == 0 or moment.microsecond < 999_000:
        assert month_of(now) == BirthMonth(moment.year, moment.month)


@pytest.mark.parametrize(
    ("years", "before", "after"),
    [
        (13, AgeBand.UNDER_13, AgeBand.AGE_13_15),
        (16, AgeBand.AGE_13_15, AgeBand.AGE_16_17),
        (18, AgeBand.AGE_16_17, AgeBand.ADULT),
    ],
)
@pytest.mark.parametrize("month", range(1, 13))
def test_a_band_moves_at_the_turn_of_the_month_after_the_birthday_never_before(
    years: int, before: AgeBand, after: AgeBand, month: int
) -> None:
    age = Age(before, Assurance.VERIFIED, BirthMonth(2010, month))
    turn = at(2010 + years + (month == 12), month % 12 + 1)
    # In the month of the birthday itself nobody knows whether it has been: still the younger band.
    assert age.at(at(2010 + years, month)) is before
    assert age.at(turn - 1) is before
    assert age.at(turn) is after


@given(st.integers(1900, 2026), st.integers(1, 12), st.lists(st.integers(at(2026, 12), at(2060, 1)), min_size=2))
def test_nobody_grows_younger_and_a_clock_set_back_gives_the_band_of_that_time(
    year: int, month: int, moments: list[int]
) -> None:
    order = [*MINORS, AgeBand.ADULT]
    age = Age(AgeBand.ADULT, Assurance.DECLARED, BirthMonth(year, month))
    bands = [order.index(age.at(moment)) for moment in sorted(moments)]
    assert bands == sorted(bands)
    first = moments[0]
    age.at(at(2059, 1))
    assert age.at(first) is age.at(first)


def test_without_a_birth_month_a_band_stays() -> None:
    age = known_age("13_15", None, None, NOW)
    assert (age.at(NOW), age.at(at(2060, 1)), age.assurance) == (
        AgeBand.AGE_13_15,
        AgeBand.AGE_13_15,
        Assurance.DECLARED,
    )


def test_unknown_is_a_band_of_its_own_without_assurance() -> None:
    assert known_age("unknown", None, None, NOW) == Age(AgeBand.UNKNOWN, Assurance.NONE)
    assert known_age("unknown", "none", None, NOW) == Age(AgeBand.UNKNOWN, Assurance.NONE)


@pytest.mark.parametrize(
    ("band", "assurance", "born", "code"),
    [
        (None, None, None, "age_missing"),
        (None, "verified", None, "age_missing"),
        ("teenager", None, None, "age_unknown_word"),
        ("13-15", None, None, "age_unknown_word"),
        ("", None, None, "age_unknown_word"),
        ("ADULT", None, None, "age_unknown_word"),
        ("adult", "sure", None, "age_unknown_word"),
        ("adult", "none", None, "age_contradiction"),
        ("unknown", "verified", None, "age_contradiction"),
        ("unknown", None, "2012-03", "age_contradiction"),
        ("adult", None, "2012-03", "age_contradiction"),
        (None, "none", "2012-03", "age_contradiction"),
        (None, None, "2026-12", "birth_month_malformed"),
        (None, None, "2012-13", "birth_month_malformed"),
        (None, None, "2012-00", "birth_month_malformed"),
        (None, None, "2012-3", "birth_month_malformed"),
        (None, None, "2012-03-04", "birth_month_malformed"),
        (None, None, "1899-12", "birth_month_malformed"),
        (None, None, "2012-03\n", "birth_month_malformed"),
        (None, None, "２０１２-03", "birth_month_malformed"),
    ],
)
def test_what_does_not_fit_is_refused(band: str | None, assurance: str | None, born: str | None, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        known_age(band, assurance, born, NOW)
    assert caught.value.code == code


@given(st.text())
def test_a_birth_month_is_read_or_refused(text: str) -> None:
    try:
        month = birth_month(text)
    except RefusedError:
        return
    assert str(month) == text


ages = st.builds(
    Age,
    st.sampled_from(list(AgeBand)),
    st.sampled_from(list(Assurance)),
    st.none() | st.builds(BirthMonth, st.integers(1900, 2099), st.integers(1, 12)),
)


@given(ages)
def test_a_packed_age_comes_back_and_every_one_takes_the_same_room(age: Age) -> None:
    packed = pack_age(age)
    assert unpack_age(packed) == age
    assert 0 <= packed < 2**40


@given(st.integers(0, 2**40 - 1))
def test_a_damaged_age_is_refused_or_an_age(packed: int) -> None:
    code = ""
    try:
        unpack_age(packed)
    except RefusedError as e:
        code = e.code
    assert code in ("", "age_damaged")


def test_an_age_does_not_show_itself_where_it_is_printed() -> None:
    age = known_age(None, "verified", "2012-03", NOW)
    for text in (repr(age), str(age)):
        assert "2012" not in text
        assert "13_15" not in text
        assert "verified" not in text
