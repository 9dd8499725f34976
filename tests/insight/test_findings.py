"""One run of figures: every part of it is said, or refused with a reason; the same forces or no comparison."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.findings import GROUPS_MAX, By, Findings, findings_of
from nightlight.insight.offences import Answer, Count, Offence, Offences, Reply
from nightlight.insight.period import UNSTATED, Period, read_period
from nightlight.insight.reading import Answered, ReadColumn, Reading
from nightlight.insight.shares import Refusal
from nightlight.insight.trends import Kind
from nightlight.insight.years import Change, following
from tests.insight.answers import GROUP, NEXT_YEAR, TABLE, YEAR, count, offence

THIRD_YEAR = read_period("2021-10/2022-09")
READING = Reading(
    "northshire.csv",
    "0" * 64,
    12,
    (ReadColumn("Police force", "force", "the name of a force"),),
    (Caveat(CaveatCode.CONTRADICTORY, "The total is 3 more than the lines add up to."),),
)


def findings(rows: Iterable[Offence | Count | Answer], by: By | None = None, **chosen: Any) -> Findings:
    offences = Offences()
    offences.add_all(rows)
    return findings_of(Answered(offences, (READING,)), TABLE, by=by, **chosen)


def three_years() -> list[Offence | Answer]:
    rows: list[Offence | Answer] = []
    for period, kik in ((YEAR, 2), (NEXT_YEAR, 5), (THIRD_YEAR, 8)):
        rows += [offence("Kik", period=period)] * kik + [offence("Snap", period=period)] * (10 - kik)
        rows += [offence("unknown", period=period)] * 4
    rows += [offence("Snap", "Southmere", NEXT_YEAR)] * 50
    return [*rows, Answer("Eastmoor", YEAR, GROUP, Reply.REFUSED)]


def test_the_whole_comes_first_and_every_further_key_after_it() -> None:
    said = json.loads(json.dumps(findings(three_years()).as_json()))
    assert list(said)[:8] == ["offences", "known", "unknown", "forces", "platforms", "owners", "unmatched", "caveats"]
    assert {"by", "groups", "changes", "trends", "files", "periods", "chosen", "format"} <= set(said)
    assert (said["offences"], said["known"], said["unknown"], said["forces"]) == (92, 80, 12, 2)
    assert said["files"][0]["columns"] == [
        {"header": "Police force", "role": "force", "understood": "the name of a force"}
    ]
    assert {"code": "contradictory", "text": READING.caveats[0].words, "file": "northshire.csv"} in said["caveats"]
    assert said["refused"] == ["Eastmoor"]


def test_groups_add_up_to_the_whole() -> None:
    for by, names in (
        (By.PERIOD, [str(YEAR), str(NEXT_YEAR), str(THIRD_YEAR)]),
        (By.FORCE, ["Eastmoor", "Northshire", "Southmere"]),
        (By.OFFENCE, [GROUP]),
    ):
        found = findings(three_years(), by)
        assert [group.name for group in found.groups] == names
        assert sum(group.shares.offences.low for group in found.groups) == found.whole.offences.low
        assert found.as_json()["by"] == by.value


def test_a_force_that_refused_is_a_group_with_a_reason_and_no_figure() -> None:
    group = findings(three_years(), By.FORCE).groups[0]
    assert (group.name, group.shares.platforms, group.shares.refused) == ("Eastmoor", (), ("Eastmoor",))
    assert [refusal.code for refusal in group.shares.refusals] == ["no_known_platform"]


def test_spellings_of_one_force_are_not_told_of_another() -> None:
    rows = [offence("Snapcaht"), offence("Kikk", "Southmere")]
    groups = findings(rows, By.FORCE).groups
    assert [[one.text for one in group.shares.unmatched] for group in groups] == [["Snapcaht"], ["Kikk"]]


def test_changes_and_trends_are_of_the_same_forces_alone() -> None:
    found = findings(three_years())
    kik = [step.change for step in found.steps if step.name is not None and step.name.text == "kik"]
    assert [round(one.difference or 0, 9) for one in kik if isinstance(one, Change)] == [0.3, 0.3]
    (trend,) = found.trends
    assert trend.forces == {"Northshire"}
    assert trend.periods == (YEAR, NEXT_YEAR, THIRD_YEAR)
    assert trend.unknown == (4 / 14,) * 3
    shown = {
        name.text: [one.share for one in figures if not isinstance(one, Refusal)]
        for name, figures in trend.figures.items()
    }
    assert shown["kik"] == [0.2, 0.5, 0.8]


def test_by_platform_every_period_stands_beside_its_change() -> None:
    found = findings(three_years(), By.PLATFORM)
    line = next(line for line in found.lines if line.name.text == "snapchat")
    assert [figure.numerator.exact for _, figure in line.figures if not isinstance(figure, Refusal)] == [8, 55, 2]
    assert len(line.steps) == 2
    assert [one.name.kind for one in found.lines] == sorted((one.name.kind for one in found.lines), reverse=True)
    said = found.as_json()["groups"][0]
    assert (said["name"], said["kind"], [one["period"] for one in said["periods"]]) == (
        "snapchat",
        "platform",
        [str(YEAR), str(NEXT_YEAR), str(THIRD_YEAR)],
    )


def test_periods_without_a_common_force_are_refused_once_and_not_for_every_platform() -> None:
    found = findings([offence("Kik"), offence("Snap"), offence("Kik", "Southmere", NEXT_YEAR)])
    assert [(step.name, step.change.code) for step in found.steps if isinstance(step.change, Refusal)] == [
        (None, "no_common_force")
    ]
    assert (found.trends, [one.code for one in found.unshown]) == ((), ["no_common_force"])
    assert "no_common_force" in {one["code"] for one in found.as_json()["caveats"]}


def test_groups_of_offences_are_compared_each_with_itself() -> None:
    rows = [
        Offence.of_cell("Northshire", period, group, TABLE.read_cell("Kik"))
        for period in (YEAR, NEXT_YEAR)
        for group in ("a", "b")
    ]
    found = findings(rows)
    assert [(step.offence_group, isinstance(step.change, Change)) for step in found.steps] == [
        *[("a", True)] * (len(found.steps) // 2),
        *[("b", True)] * (len(found.steps) // 2),
    ]
    assert [one.offence_group for one in found.trends] == ["a", "b"]


def test_calendar_and_budget_years_follow_their_own_kind() -> None:
    calendar = [read_period("2019-01/2019-12"), read_period("2020-01/2020-12")]
    budget = [read_period("2019-04/2020-03"), read_period("2020-04/2021-03")]
    assert following(calendar[0], [*calendar, *budget]) == calendar[1]
    assert following(budget[0], [*calendar, *budget]) == budget[1]
    assert following(budget[1], [*calendar, *budget]) is None


def test_a_gap_and_another_length_are_said_beside_a_change() -> None:
    late = read_period("2022-01/2022-06")
    found = findings([offence("Kik"), offence("Kik", period=late)])
    change = found.steps[0].change
    assert isinstance(change, Change)
    assert [one.code for one in change.caveats] == [CaveatCode.PERIODS_APART, CaveatCode.PERIODS_UNEQUAL]
    assert found.trends[0].caveats == change.caveats


def test_what_states_no_period_stands_alone_and_is_compared_with_nothing() -> None:
    found = findings([*three_years(), offence("Kik", "Westvale", UNSTATED)], By.PERIOD)
    assert [group.name for group in found.groups] == [*map(str, (YEAR, NEXT_YEAR, THIRD_YEAR)), "period not stated"]
    assert {step.later for step in found.steps} == {NEXT_YEAR, THIRD_YEAR}


def test_periods_that_overlap_are_not_added_up_and_stand_alone() -> None:
    half = read_period("2020-04/2020-09")
    found = findings([offence("Kik"), offence("Kik", period=half)], By.PERIOD)
    assert found.whole.platforms == ()
    assert "periods_overlap" in {one["code"] for one in found.as_json()["caveats"]}
    assert [[one.share for one in group.shares.platforms] for group in found.groups] == [[1.0], [1.0]]


def test_what_was_chosen_is_all_that_is_counted() -> None:
    found = findings(three_years(), period=YEAR)
    assert (found.whole.offences.exact, found.steps, found.trends) == (14, (), ())
    assert found.as_json()["chosen"] == {"period": str(YEAR), "offence": None}
    assert findings(three_years(), offence_group=GROUP).whole.offences.exact == 92


@pytest.mark.parametrize(
    ("chosen", "code"),
    [({"period": read_period("1999-01/1999-12")}, "no_such_period"), ({"offence_group": "x\u202e"}, "no_such_offence")],
)
def test_what_nobody_answered_about_is_refused_with_what_there_is(chosen: dict[str, Any], code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        findings(three_years(), **chosen)
    assert caught.value.code == code
    assert (str(YEAR) if "period" in chosen else GROUP) in caught.value.hint


def test_a_column_that_was_taken_for_forces_by_mistake_ends_in_a_refusal() -> None:
    rows = [offence("Kik", f"row {number}") for number in range(GROUPS_MAX + 1)]
    with pytest.raises(RefusedError) as caught:
        findings(rows, By.FORCE)
    assert caught.value.code == "too_many_groups"
    months = [Period(number, number) for number in range(GROUPS_MAX + 1)]
    found = findings([offence("Kik", period=month) for month in months])
    assert [one.code for one in found.unshown] == ["too_many_periods"]


def test_numbers_that_are_not_stated_exactly_give_changes_with_limits_and_no_number() -> None:
    rows = [count("kik", 5), count("snapchat", 20), count("kik", 9, period=NEXT_YEAR)]
    found = findings(rows)
    for step in found.steps:
        if isinstance(step.change, Change) and step.change.difference is None:
            assert step.as_json()["difference"] is None
            assert -1 <= step.change.low <= step.change.high <= 1


CELLS = st.sampled_from(["Snapchat", "FB", "FB; Insta", "Other", "Snapcaht", "unknown", ""])
ROWS = st.lists(
    st.tuples(CELLS, st.sampled_from(["Northshire", "Southmere"]), st.sampled_from([YEAR, NEXT_YEAR])), max_size=30
)


@given(ROWS, st.sampled_from([None, *By]))
def test_whatever_comes_in_every_figure_stays_within_its_counts(
    rows: list[tuple[str, str, Period]], by: By | None
) -> None:
    found = findings([offence(*row) for row in rows], by)
    said = json.loads(json.dumps(found.as_json(), allow_nan=False))

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "numerator" in value and value["share"] is not None:
                assert 0 <= value["low"] <= value["share"] <= value["high"] <= 1
                assert value["share"] == value["numerator"] / value["denominator"]
                assert 0 <= value["least"] <= value["share"]
                assert value["least"] <= value["most"] <= 1
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(said)
    kinds = [line.name.kind for line in found.lines]
    assert kinds == [kind for kind in Kind for one in kinds if one is kind]


@given(ROWS, st.integers(1, 20))
def test_further_unknown_ones_never_change_a_change(rows: list[tuple[str, str, Period]], unknown: int) -> None:
    def changes(more: int) -> list[tuple[Any, ...]]:
        # Both forces answer for both years either way: an answer may bring a force in, an unknown one never.
        base = [
            offence("unknown", force, period) for force in ("Northshire", "Southmere") for period in (YEAR, NEXT_YEAR)
        ]
        found = findings([*base, *(offence(*row) for row in rows), *[offence("not stated")] * more])
        return [
            (step.name, step.change.difference, step.change.low, step.change.high)
            for step in found.steps
            if isinstance(step.change, Change)
        ]

    assert changes(0) == changes(unknown)
