"""Figures that people can trust: of what is known, with limits, with words, or none."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.detect.judged import Share
from nightlight.insight.caveats import CaveatCode
from nightlight.insight.offences import Answer, Reply
from nightlight.insight.period import read_period
from nightlight.insight.shares import Refusal, platform_figure, shares_of
from nightlight.insight.span import Span, exactly, read_span
from nightlight.insight.wilson import wilson
from nightlight.insight.years import Change, owner_change, platform_change
from tests.insight.answers import GROUP, NEXT_YEAR, TABLE, YEAR, count, figure, offence, shares, tally_of

CELLS = st.sampled_from(["Snapchat", "FB", "Insta", "FB; Insta", "Kik, WhatsApp", "Other", "Snapcaht", "unknown", ""])


def test_the_report_has_exactly_this_form() -> None:
    cells = ["Snapchat"] * 3 + ["FB; Insta", "Insta", "unknown", "unknown", "Snapcaht"]
    said = json.loads(json.dumps(shares(map(offence, cells)).as_json()))
    assert list(said)[:8] == ["offences", "known", "unknown", "forces", "platforms", "owners", "unmatched", "caveats"]
    assert list(said)[8:] == ["unknown_share", "unknown_limits", "answered", "refused", "no_data", "left_out"]
    assert (said["offences"], said["known"], said["unknown"], said["forces"]) == (8, 6, 2, 1)
    assert [(one["name"], one["offences"]) for one in said["platforms"]] == [
        ("snapchat", 3),
        ("instagram", 2),
        ("facebook", 1),
    ]
    low, high = wilson(3, 6)
    assert list(said["platforms"][0].items())[:5] == [
        ("name", "snapchat"), ("offences", 3), ("share", 0.5), ("low", low), ("high", high)
    ]  # fmt: skip
    assert list(said["platforms"][0].items())[5:] == [
        ("numerator", 3), ("denominator", 6), ("least", 3 / 8), ("most", 6 / 8), ("off", 0.0), ("caveats", [])
    ]  # fmt: skip
    assert [(one["name"], one["offences"]) for one in said["owners"]] == [("snap", 3), ("meta", 2)]
    assert (said["unknown_share"], said["answered"]) == (2 / 8, ["Northshire"])
    assert said["unmatched"] == [{"text": "Snapcaht", "count": 1, "suggestion": "snapchat"}]
    assert {one["code"] for one in said["caveats"]} == {
        "recorded_only",
        "chance_only",
        "unknown_platform",
        "several_platforms",
        "unmatched",
    }


@pytest.mark.parametrize(("part", "whole", "percent"), [(3203, 5784, 55), (482, 877, 55), (1060, 5784, 18)])
def test_published_shares_come_out_as_they_were_published(part: int, whole: int, percent: int) -> None:
    tally = tally_of([count("snapchat", part), count("known", whole), count("unknown", 0)])
    found = platform_figure(tally, "snapchat")
    assert not isinstance(found, Refusal)
    assert found.share is not None
    assert round(100 * found.share) == percent
    assert (found.low, found.high) == wilson(part, whole)


@given(st.lists(CELLS, min_size=1, max_size=40), st.integers(1, 50))
def test_an_unknown_platform_never_changes_a_share(cells: list[str], unknown: int) -> None:
    before = shares(map(offence, cells))
    after = shares(map(offence, cells + ["not stated"] * unknown))
    assert [(one.name, one.share, one.low, one.high) for one in before.platforms] == [
        (one.name, one.share, one.low, one.high) for one in after.platforms
    ]
    for one, other in zip(before.platforms, after.platforms, strict=True):
        assert other.least <= one.least
        assert other.most >= one.most


@given(st.lists(CELLS, max_size=40))
def test_shares_stay_within_what_the_counts_allow(cells: list[str]) -> None:
    shown = shares(map(offence, cells))
    for one in (*shown.platforms, *shown.owners):
        assert one.share is not None
        assert 0 <= one.low <= one.share <= one.high <= 1
        assert 0 <= one.least <= one.share
        assert one.least <= one.most <= 1
        assert one.share == one.numerator.low / shown.known.low
    if not shown.known.low:
        assert [one.code for one in shown.refusals] == ["no_known_platform"]


def test_none_or_all_of_what_may_be_meant_bounds_the_share_of_all_offences() -> None:
    cells = ["Snapchat"] * 3 + ["Kik"] * 2 + ["Other", "Snapcaht"] + ["unknown"] * 5
    snapchat = figure(shares(map(offence, cells)), "snapchat")
    assert snapchat.share == 3 / 7
    assert (snapchat.least, snapchat.most) == (3 / 12, 10 / 12)


LIMITS = st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda pair: Span(pair[0], sum(pair)))


@given(st.lists(LIMITS, min_size=3, max_size=3), st.data())
def test_whatever_a_suppressed_number_hides_lies_between_the_limits(spans: list[Span], data: st.DataObject) -> None:
    names = ["snapchat", "kik", "discord"]
    hidden = [data.draw(st.integers(span.low, span.high or 0)) for span in spans]
    once = Answer("Northshire", YEAR, GROUP, each_once=True)
    shown = shares([*map(count, names, spans), count("unknown", 5), once])
    exact = shares([*map(count, names, hidden), count("unknown", 5), once])
    for one in exact.platforms:
        wide = figure(shown, one.name)
        assert wide.low <= one.low + 1e-12
        assert wide.high >= one.high - 1e-12
        assert wide.least <= one.least + 1e-12
        assert wide.most >= one.most - 1e-12


def test_a_suppressed_number_has_limits_and_no_share() -> None:
    shown = shares([count("snapchat", 40), count("kik", read_span("<5")), count("known", 44), count("unknown", 0)])
    kik = figure(shown, "kik")
    assert kik.share is None
    assert kik.low > 0
    assert kik.as_json()["offences"] == {"low": 1, "high": 4}
    assert CaveatCode.SMALL_NUMBERS in {one.code for one in shown.caveats}


def test_an_owner_of_tables_has_limits_and_of_offences_a_number() -> None:
    shown = shares(
        [count("facebook", 30), count("instagram", 20), count("kik", 15), count("known", 60), count("unknown", 10)]
    )
    owner = figure(shown, "Meta")
    assert (owner.numerator, owner.share) == (Span(30, 50), None)
    assert [one.code for one in owner.caveats] == [CaveatCode.OVERLAP_NOT_STATED]
    assert "30 to 50" in owner.caveats[0].words
    # Ten known offences are on no line: any of the owner's other apps may be among them.
    shown = shares([count("facebook", 30), count("instagram", 20), count("known", 60), count("unknown", 10)])
    assert figure(shown, "Meta").numerator == Span(30, 60)


def test_a_platform_bought_during_the_period_is_owned_in_part() -> None:
    year = read_period("2012-01/2012-12")
    shown = shares([offence("FB", period=year), offence("Insta", period=year)])
    owner = figure(shown, "Meta")
    assert owner.numerator == Span(1, 2)
    assert CaveatCode.OWNER_CHANGED in {one.code for one in owner.caveats}


@given(LIMITS, LIMITS, st.data())
def test_the_unknown_share_lies_between_its_limits_whatever_is_hidden(
    kik: Span, unknown: Span, data: st.DataObject
) -> None:
    once = Answer("Northshire", YEAR, GROUP, each_once=True)
    shown = shares([count("kik", kik), count("unknown", unknown), once])
    hidden = [data.draw(st.integers(span.low, span.high or 0)) for span in (kik, unknown)]
    share = shares([count("kik", hidden[0]), count("unknown", hidden[1]), once]).unknown_share
    if share is not None and shown.unknown_limits is not None:
        low, high = shown.unknown_limits
        assert low - 1e-12 <= share <= high + 1e-12
    assert shares([]).unknown_limits is None
    assert shares([count("kik", 5)]).unknown_limits == (0, 1)


def test_what_is_not_stated_is_said_and_not_zero() -> None:
    said = shares([count("snapchat", 10), count("kik", 5)]).as_json()
    assert said["unknown"] == {"low": 0, "high": None}
    assert said["known"] == 15
    assert {"unknown_not_stated", "known_is_a_sum"} <= {one["code"] for one in said["caveats"]}
    assert figure(shares([count("snapchat", 10), count("kik", 5)]), "snapchat").most == 1


def test_forces_without_figures_stand_in_the_caveats() -> None:
    silent = [Answer("Eastshire", YEAR, GROUP, Reply.REFUSED), Answer("Westshire", YEAR, GROUP, Reply.NO_DATA)]
    words = {one.code: one.words for one in shares([offence("Kik"), *silent]).caveats}
    assert "Eastshire" in words[CaveatCode.REFUSED]
    assert "Westshire" in words[CaveatCode.NO_DATA]


def test_nothing_known_gives_no_figure_and_a_reason() -> None:
    said = shares([offence("unknown")] * 9).as_json()
    assert (said["platforms"], said["owners"]) == ([], [])
    assert "no_known_platform" in {one["code"] for one in said["caveats"]}
    assert shares([]).as_json()["offences"] == 0


def test_wilson_covers_the_truth_about_as_often_as_it_says() -> None:
    dice = random.Random(1927)
    covered = []
    for truth in (0.02, 0.1, 0.33, 0.55, 0.9):
        for whole in (30, 200):
            drawn = [sum(dice.random() < truth for _ in range(whole)) for _ in range(400)]
            limits = [wilson(part, whole) for part in drawn]
            covered.append(sum(low <= truth <= high for low, high in limits) / len(limits))
    assert 0.94 < sum(covered) / len(covered) < 0.975
    assert min(covered) > 0.88


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 50))
def test_wilson_moves_with_its_counts(part: int, rest: int, more: int) -> None:
    """Limits of the numbers give limits of the interval only because of this."""
    whole = part + rest
    assert wilson(part, whole) == Share(part, whole).interval
    if whole:
        assert wilson(part, whole + more)[0] <= wilson(part, whole)[0] + 1e-12
        assert wilson(part + more, whole + more)[0] >= wilson(part, whole)[0] - 1e-12
        assert wilson(part + more, whole + more)[1] >= wilson(part, whole)[1] - 1e-12


def test_years_are_compared_over_the_same_forces_only() -> None:
    earlier = tally_of([offence("Kik")] * 5 + [offence("Snap")] * 5 + [offence("Snap", "Southshire")] * 90)
    later = tally_of(
        [offence("Kik", period=NEXT_YEAR)] * 2
        + [offence("Snap", period=NEXT_YEAR)] * 8
        + [offence("Kik", "Westshire", NEXT_YEAR)] * 90
    )
    change = platform_change("snapchat", earlier, later)
    assert isinstance(change, Change)
    assert change.forces == {"Northshire"}
    assert change.difference == pytest.approx(0.3)
    assert change.low < 0 < (change.difference or 0) < change.high
    assert not change.certain
    owner = owner_change("Snap", TABLE, earlier, later)
    assert isinstance(owner, Change)
    assert owner.difference == change.difference


def test_newcombe_s_interval_is_that_of_the_paper() -> None:
    """Newcombe (1998), table II, example (a), method 10: 56/70 less 48/80 is 0.0524 to 0.3339."""
    earlier = tally_of([count("kik", 48), count("known", 80), count("unknown", 0)])
    rows = [count("kik", 56), count("known", 70), count("unknown", 0)]
    later = tally_of([count(row.platform, row.number, period=NEXT_YEAR) for row in rows])
    change = platform_change("kik", earlier, later)
    assert isinstance(change, Change)
    assert change.low == pytest.approx(0.0524, abs=5e-5)
    assert change.high == pytest.approx(0.3339, abs=5e-5)
    assert change.certain


def test_a_change_that_the_data_do_not_support_is_refused_with_a_reason() -> None:
    one, other = tally_of([offence("Kik")]), tally_of([offence("Kik", period=NEXT_YEAR)])
    elsewhere = tally_of([offence("Kik", "Southshire", NEXT_YEAR)])
    unknown = tally_of([offence("", period=NEXT_YEAR)])
    mixed = tally_of([offence("Kik"), offence("Kik", period=NEXT_YEAR)])
    for earlier, later, code in (
        (one, elsewhere, "no_common_force"),
        (other, one, "periods_overlap"),
        (one, unknown, "no_known_platform"),
        (mixed, other, "periods_mixed"),
    ):
        change = platform_change("kik", earlier, later)
        assert isinstance(change, Refusal)
        assert change.code == code
        assert change.words


def test_a_change_beside_a_change_of_what_is_unknown_says_so() -> None:
    later = [offence("Kik", period=NEXT_YEAR)] + [offence("", period=NEXT_YEAR)] * 9
    change = platform_change("kik", tally_of([offence("Kik")] * 10), tally_of(later))
    assert isinstance(change, Change)
    assert [one.code for one in change.caveats] == [CaveatCode.UNKNOWN_MOVED]


def test_exactly_one_number_is_exact() -> None:
    assert exactly(3).exact == 3
    assert Span(3, 4).exact is None


def test_one_small_number_that_is_kept_back_does_not_take_all_shares_along() -> None:
    rows = [count("facebook", 1_234), count("instagram", 160), count("kik", read_span("<5")), count("unknown", 9)]
    found = {one.name: one for one in shares_of(tally_of(rows), TABLE).platforms}
    facebook, kik = found["facebook"], found["kik"]
    assert facebook.share is not None
    assert 1_234 / 1_398 <= facebook.share <= 1_234 / 1_395
    assert facebook.share - facebook.off <= 1_234 / 1_398 <= 1_234 / 1_395 <= facebook.share + facebook.off
    assert kik.share is not None
    assert 1 / 1_398 < kik.share < 4 / 1_395
    # Where it could change the share by more than a point, none is said.
    few = shares_of(tally_of([count("facebook", 12), rows[2]]), TABLE).platforms
    assert {one.name: one.share for one in few} == {"facebook": None, "kik": None}
