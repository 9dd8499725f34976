"""Cells of figures, names of forces: what is written in many ways is one thing, and what is no count is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.insight.cells import Numbers, read_number, reply_in, without_footnote
from nightlight.insight.force_names import ForceNames
from nightlight.insight.offences import Reply
from nightlight.insight.span import Span, exactly


@pytest.mark.parametrize(
    ("text", "count", "mark"),
    [
        ("1,234", 1234, ""),
        ("1 234", 1234, ""),
        ("1\u00a0234\u00a0567", 1234567, ""),
        ("1,234*", 1234, "*"),
        ("12 [1]", 12, "[1]"),
        ("12¹", 12, "¹"),
        ("12 (a)", 12, "(a)"),
        ("0", 0, ""),
        ("12.0", 12, ""),
    ],
)
def test_counts_are_read_with_their_marks_taken_off(text: str, count: int, mark: str) -> None:
    assert read_number(text, Numbers()) == (exactly(count), mark)


def test_a_raised_number_is_a_mark_and_never_a_digit() -> None:
    assert read_number("1²", Numbers()) == (exactly(1), "²")
    with pytest.raises(RefusedError):
        read_number("²", Numbers())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-5", "below zero"),
        ("−5", "below zero"),
        ("(5)", "below zero"),
        ("1.5", "fraction"),
        ("1,234.5", "fraction"),
        ("1.234", "point between its thousands"),
        ("55%", "share"),
        ("*", "hides a small number"),
        ("c", "hides a small number"),
        ("-", "not a count"),
        ("about 5", "not a count"),
        ("=1+1", "not a count"),
        ("1e3", "not a count"),
        ("٣", "not a count"),
        ("12,34", "not a count"),
        ("99999999999", "not a count"),
    ],
)
def test_what_is_no_count_is_refused_with_what_it_is(text: str, said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_number(text, Numbers())
    assert caught.value.code == "count_malformed"
    assert said in caught.value.message
    assert caught.value.hint


def test_a_point_parts_thousands_only_where_somebody_says_so() -> None:
    assert read_number("1.234", Numbers(thousands=".")) == (exactly(1234), "")
    with pytest.raises(RefusedError):
        read_number("1,234", Numbers(thousands="."))
    with pytest.raises(RefusedError, match="a fraction"):
        read_number("1.234 (a fraction)", Numbers(thousands="."))


def test_a_star_stands_for_what_somebody_says_and_is_a_footnote_behind_a_number() -> None:
    assert read_number("*", Numbers(suppressed_max=4)) == (Span(1, 4), "")
    assert read_number("<5*", Numbers()) == (Span(1, 4), "*")
    assert without_footnote("*") == ("*", "")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("Refused", Reply.REFUSED),
        ("S.12 exempt", Reply.REFUSED),
        ("Section 12 - cost", Reply.REFUSED),
        ("exceeds cost limit", Reply.REFUSED),
        ("Refused under S.12", Reply.REFUSED),
        ("Exempt - cost of compliance", Reply.REFUSED),
        ("No information held", Reply.NO_DATA),
        ("Data not held in a searchable form", Reply.NO_DATA),
        ("Data held", None),
        ("Not held", Reply.NO_DATA),
        ("N/A", Reply.NO_DATA),
        ("s.1", None),
        ("12", None),
        ("Facebook", None),
        ("", None),
    ],
)
def test_answers_in_words_are_known(text: str, reply: Reply | None) -> None:
    assert reply_in(text) is reply


@given(st.integers(0, 999_999_999), st.sampled_from(["", "*", " [2]", "¹", " (b)", "†"]))
def test_a_count_comes_back_however_it_is_written(count: int, mark: str) -> None:
    for text in (str(count), f"{count:,}", f"{count:,}".replace(",", " "), f"{count:,}".replace(",", "\u202f")):
        assert read_number(text + mark, Numbers())[0] == exactly(count)


@given(st.text(max_size=30))
def test_any_text_is_a_count_or_refused(text: str) -> None:
    with suppress(RefusedError):
        number, _ = read_number(text, Numbers())
        assert number.high is not None
        assert any(char.isdigit() for char in text)


def test_one_force_has_one_name_whoever_writes_it() -> None:
    names = ForceNames()
    spellings = ["NORTHSHIRE", "Northshire Constabulary", "northshire police", "The Northshire Police Service"]
    assert set(names.unify(spellings).values()) == {"Northshire"}
    assert names.unify(["Northshire"]) == {"Northshire": "Northshire"}
    assert set(names.unify(["Dale & Vale Police", "DALE AND VALE"]).values()) == {"Dale & Vale"}
    assert names.unify(["SMP"]) == {"SMP": "SMP"}
    assert names.unify(["Police"]) == {"Police": "Police"}


def test_two_forces_stay_two() -> None:
    assert len(set(ForceNames().unify(["Northshire", "North Shire", "Southshire", "Northshire East"]).values())) == 4
