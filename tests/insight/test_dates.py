"""Dates and periods in the styles of forces: read where they are clear, refused or left alone where they are not."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.insight.dates import (
    JANUARY,
    Order,
    is_marked,
    order_of,
    police_year,
    read_day,
    read_written_period,
    within_police_year,
)
from nightlight.insight.period import UNSTATED, Period, month_text, read_period


@pytest.mark.parametrize(
    "text",
    [
        *("2019-10-03", "03/10/2019", "3/10/2019", "03.10.2019", "03-10-2019", "3 Oct 2019", "3rd October 2019"),
        *("3-Oct-19", "03/10/19", "October 3, 2019", "2019-10-03 14:05", "2019-10-03T00:00:00Z", "3 oct 2019 9:05 pm"),
    ],
)
def test_dates_are_read_in_the_styles_of_forces(text: str) -> None:
    month = read_day(text)
    assert month is not None
    assert month_text(month) == "2019-10"


@pytest.mark.parametrize(
    "text",
    [
        *("", "43741", "30/02/2019", "29/02/2019", "2019-13-01", "31/11/2019", "0/10/2019", "3 Okt 2019", "Northshire"),
        *("2019-10-03x", "٠٣/١٠/٢٠١٩", "03/10-2019", "3/10/0019", "3 Oct 85", "2019", "1.5"),
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_day(text) is None


def test_the_order_of_day_and_month_makes_the_difference() -> None:
    assert month_text(read_day("03/04/2019") or 0) == "2019-04"
    assert month_text(read_day("03/04/2019", Order.MONTH_FIRST) or 0) == "2019-03"
    assert read_day("13/04/2019", Order.MONTH_FIRST) is None


def test_a_whole_column_decides_the_order() -> None:
    assert order_of(["03/04/2019", "13/04/2019"])[0] is Order.DAY_FIRST
    assert order_of(["03/04/2019", "04/13/2019"])[0] is Order.MONTH_FIRST
    assert order_of(["03/04/2019", "2019-10-13"]) == (None, "", "")
    assert order_of(["13/04/2019", "04/13/2019"]) == (None, "13/04/2019", "04/13/2019")
    assert order_of(["01/04/2019 - 31/03/2020"])[0] is Order.DAY_FIRST
    assert is_marked("03/04/2019")
    assert not is_marked("2019-04-03")


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("2019/20", "2019-04/2020-03"),
        ("2019-20", "2019-04/2020-03"),
        ("2019/2020", "2019-04/2020-03"),
        ("2019 - 2020", "2019-04/2020-03"),
        ("FY 2019/20", "2019-04/2020-03"),
        ("FY19/20", "2019-04/2020-03"),
        ("1999/00", "1999-04/2000-03"),
        ("2019", "2019-01/2019-12"),
        ("Q1 2019/20", "2019-04/2019-06"),
        ("Q4 2019/20", "2020-01/2020-03"),
        ("2019/20 Q2", "2019-07/2019-09"),
        ("Oct 2019", "2019-10/2019-10"),
        ("Oct-19", "2019-10/2019-10"),
        ("2019-10", "2019-10/2019-10"),
        ("Apr 2017 - Oct 2019", "2017-04/2019-10"),
        ("April 2017 to October 2019", "2017-04/2019-10"),
        ("01/04/2017 - 31/03/2018", "2017-04/2018-03"),
        ("2019-10/2020-09", "2019-10/2020-09"),
        ("2018/19 - 2020/21", "2018-04/2021-03"),
        ("year ending March 2020", "2019-04/2020-03"),
    ],
)
def test_periods_are_read_in_the_styles_of_forces(text: str, period: str) -> None:
    assert read_written_period(text) == read_period(period)


@pytest.mark.parametrize(
    "text", ["", "2019/21", "2020/19", "Oct 2019 - Apr 2017", "19/20", "Northshire", "3 Oct 2019", "9999"]
)
def test_what_is_no_period_is_none(text: str) -> None:
    assert read_written_period(text) is None


@pytest.mark.parametrize(("text", "financial"), [("2019", True), ("Q1 2019", False)])
def test_a_year_that_could_be_two_is_refused(text: str, financial: bool) -> None:
    with pytest.raises(RefusedError) as caught:
        read_written_period(text, financial=financial)
    assert caught.value.code == "period_ambiguous"


def test_dates_lie_in_police_years_from_april() -> None:
    assert str(police_year(read_day("2020-03-31") or 0)) == "2019-04/2020-03"
    assert str(police_year(read_day("2020-04-01") or 0)) == "2020-04/2021-03"
    assert str(police_year(read_day("2020-04-01") or 0, JANUARY)) == "2020-01/2020-12"
    assert str(within_police_year(read_period("2020-01/2020-03"))) == "2019-04/2020-03"
    assert str(within_police_year(read_period("2020-01/2020-12"))) == "2020-01/2020-12"


@given(st.dates(min_value=date(1950, 1, 1), max_value=date(2099, 12, 31)))
def test_every_date_in_every_style_is_the_same_month(day: date) -> None:
    styles = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y")
    months = {read_day(day.strftime(style)) for style in styles}
    assert months == {12 * day.year + day.month - 1}


@given(st.text(max_size=60))
def test_any_text_is_a_period_or_none_or_refused_in_words(text: str) -> None:
    read_day(text)
    with suppress(RefusedError):
        period = read_written_period(text)
        assert period is None or period.first <= period.last < UNSTATED.first


def test_a_period_that_is_not_stated_is_later_than_all_and_may_be_any() -> None:
    year = read_period("2019-04/2020-03")
    assert str(UNSTATED) == "period not stated"
    assert year < UNSTATED
    assert UNSTATED.overlaps(year)
    assert year.overlaps(UNSTATED)
    assert year.overlaps(Period(year.last, year.last + 5))
    assert not year.overlaps(Period(year.last + 1, year.last + 12))
