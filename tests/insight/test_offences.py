"""Answers added up: exactly where rows tell, between limits where they do not, and never twice."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.insight.offences import SPELLINGS_MAX, Answer, Count, Offence, Offences, Reply
from nightlight.insight.period import read_period
from nightlight.insight.span import Span, exactly, read_span
from tests.insight.answers import GROUP, YEAR, count, offence, tally_of


def meta(tally: object) -> frozenset[str]:
    return frozenset({"facebook", "facebook messenger", "instagram", "whatsapp"})


def test_offences_are_counted_by_what_they_name() -> None:
    cells = ["Snapchat", "FB; Insta", "Insta", "unknown", "", "Other", "Snapcaht"]
    tally = tally_of(map(offence, cells))
    assert (tally.offences, tally.known, tally.unknown) == (exactly(7), exactly(5), exactly(2))
    assert tally.platform("instagram") == exactly(2)
    assert tally.union(meta) == exactly(2)
    assert tally.unmatched == {"Snapcaht": exactly(1)}


def test_a_table_with_its_total_says_how_many_are_known() -> None:
    rows = [count("snapchat", 10), count("kik", 3), count("unknown", 8), count("total", 20)]
    tally = tally_of(rows)
    assert (tally.offences, tally.known, tally.unknown) == (exactly(20), exactly(12), exactly(8))


def test_lines_of_a_table_may_overlap_unless_the_force_says_that_they_do_not() -> None:
    rows = [count("facebook", 6), count("instagram", 10), count("kik", 4), count("unknown", 8)]
    tally = tally_of(rows)
    assert tally.known == Span(10, 20)
    assert tally.likely_known == exactly(20)
    assert tally.union(meta) == Span(10, 16)
    once = tally_of([*rows, Answer("Northshire", YEAR, GROUP, each_once=True)])
    assert once.known == exactly(20)
    assert once.union(meta) == exactly(16)


def test_an_owner_has_no_more_offences_than_are_known() -> None:
    tally = tally_of([count("facebook", 6), count("instagram", 10), count("known", 12), count("unknown", 1)])
    assert tally.union(meta) == Span(10, 12)


def test_suppressed_numbers_are_never_zero() -> None:
    tally = tally_of([count("snapchat", 10), count("kik", read_span("<5")), count("unknown", 3)])
    assert tally.platform("kik") == Span(1, 4)
    assert tally.known == Span(10, 14)
    assert tally.likely_known == Span(11, 14)


def test_a_platform_that_an_incomplete_table_leaves_out_is_not_zero() -> None:
    rows = [count("snapchat", 50), count("known", 100), count("unknown", 0), count("kik", 7, "Southshire")]
    tally = tally_of(rows)
    assert tally.platform("kik") == Span(7, 57)


def test_a_force_without_platforms_does_not_make_shares_smaller() -> None:
    tally = tally_of([count("snapchat", 50, "Southshire"), count("known", 100), count("total", 200)])
    assert tally.forces == {"Southshire"}
    assert {place.force for place in tally.without_platforms} == {"Northshire"}


def test_figures_that_contradict_each_other_are_left_out_and_named() -> None:
    for rows in (
        [count("snapchat", 50), count("known", 40)],
        [count("snapchat", 5), count("unknown", 40), count("total", 30)],
        [count("snapchat", 5), count("known", 10), count("unknown", 40), count("total", 30)],
    ):
        tally = tally_of([*rows, count("snapchat", 1, "Southshire")])
        assert tally.forces == {"Southshire"}
        assert {place.force for place in tally.contradictory} == {"Northshire"}


def test_who_refused_and_who_holds_nothing_is_known() -> None:
    tally = tally_of(
        [
            Answer("Eastshire", YEAR, GROUP, Reply.REFUSED),
            Answer("Westshire", YEAR, GROUP, Reply.NO_DATA),
            Answer("Southshire", YEAR, GROUP),
            offence("Kik"),
        ]
    )
    assert tally.forces == {"Northshire", "Southshire"}
    assert [place.force for place in tally.refused] == ["Eastshire"]
    assert [place.force for place in tally.no_data] == ["Westshire"]


def test_the_same_offences_are_not_taken_twice() -> None:
    doubled: list[list[Offence | Count]] = [
        [offence("Kik"), count("kik", 1)],
        [count("kik", 1), offence("Kik")],
        [count("total", 1), count("total", 1)],
    ]
    for rows in doubled:
        with pytest.raises(RefusedError) as caught:
            tally_of(rows)
        assert caught.value.code == "counted_twice"


def test_a_refusal_with_figures_is_refused_in_either_order() -> None:
    refusal = Answer("Northshire", YEAR, GROUP, Reply.REFUSED)
    contradicted: list[list[Offence | Count | Answer]] = [
        [refusal, offence("Kik")],
        [offence("Kik"), refusal],
        [refusal, count("kik", 2)],
    ]
    for rows in contradicted:
        with pytest.raises(RefusedError) as caught:
            tally_of(rows)
        assert caught.value.code == "answer_contradicted"


def test_memory_does_not_grow_with_offences_or_with_invented_spellings() -> None:
    offences = Offences()
    for number in range(3 * SPELLINGS_MAX):
        offences.add(offence(f"invented {number}"))
        offences.add(offence("Kik, Snapchat"))
    tally = offences.tally()
    assert len(tally.unmatched) == SPELLINGS_MAX
    assert tally.unmatched_more == exactly(2 * SPELLINGS_MAX)
    assert len(tally.sheets[0].sets) == 2
    assert sys.getsizeof(tally.sheets[0].sets) < 1_000


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0", 0, 0),
        ("1,234", 1234, 1234),
        ("<5", 1, 4),
        ("< 5", 1, 4),
        ("Fewer than 10", 1, 9),
        ("5 or fewer", 1, 5),
        ("≤5", 1, 5),
        ("1-4", 1, 4),
        ("0 to 4", 0, 4),
        ("*", 1, 4),
    ],
)
def test_counts_are_read_as_forces_write_them(text: str, low: int, high: int) -> None:
    assert read_span(text, suppressed_max=4) == Span(low, high)


@pytest.mark.parametrize("text", ["", "*", "-5", "1.5", "12,34", "<1", "5-1", "=1+1", "９９", "1" * 5000, "٣"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_span(text)
    assert caught.value.code == "count_malformed"


@pytest.mark.parametrize(
    "text", ["", "2019", "2019-13/2020-01", "2020-02/2020-01", "2019-1/2020-2", "2019-01/2020-01\n"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_period(text)
    assert caught.value.code == "period_malformed"
    assert str(read_period("2019-10/2020-09")) == "2019-10/2020-09"


NAMES = ["facebook", "instagram", "whatsapp", "kik", "snapchat"]


@given(st.lists(st.sets(st.sampled_from(NAMES), max_size=3), min_size=1, max_size=30))
def test_what_a_table_leaves_possible_contains_what_the_offences_say(offences: list[set[str]]) -> None:
    """The same offences, once each by each and once as the table that a force would make of them."""
    exact = tally_of(offence("; ".join(sorted(names))) for names in offences)
    lines = [count(name, sum(name in names for names in offences)) for name in NAMES]
    unknown = count("unknown", sum(not names for names in offences))
    for rows in (lines, [*lines, unknown], [*lines, unknown, count("total", len(offences))]):
        table = tally_of(rows)
        assert not table.contradictory
        for ours, theirs in (
            (exact.known, table.known),
            (exact.unknown, table.unknown),
            (exact.offences, table.offences),
            (exact.union(meta), table.union(meta)),
        ):
            assert theirs.meet(ours) == ours


@given(st.lists(st.sets(st.sampled_from(NAMES), max_size=3), max_size=30))
def test_an_owner_has_at_least_its_largest_platform_and_at_most_the_sum(offences: list[set[str]]) -> None:
    tally = tally_of(offence("; ".join(sorted(names))) for names in offences)
    counts = [tally.platform(name).low for name in meta(tally)]
    union = tally.union(meta).exact
    assert union is not None
    assert max(counts) <= union <= min(sum(counts), tally.known.low)
