"""A record says what was counted and no more: against somebody who has all of it in print, and sums of every kind."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.cli.data import regulator_template
from nightlight.errors import RefusedError
from nightlight.insight.record import Record, RecordTargets, make_record
from nightlight.insight.record_period import RecordPeriod, month_of, read_record_period
from nightlight.insight.record_rows import Counted, Other
from nightlight.insight.record_values import KEPT_BACK, record_lines, record_values
from nightlight.insight.record_view import section_views
from nightlight.insight.regulator import TEMPLATES, field_lines, read_template, template_values, template_warnings
from nightlight.insight.sections import Section, Shown, ShownTable, publish, time_table
from nightlight.insight.suppression import K_MIN, small
from nightlight.insight.waits import Spread, Targets, minutes_words, read_targets, step_of
from nightlight.respond.calendar import DAY_MS

NOW = 20_700 * DAY_MS
YEAR = RecordPeriod(20_454, 20_818)
TARGETS = RecordTargets(
    *(read_targets(hours, "t") for hours in ("1,4,24,72,168", "24,24,72,168,336", "48,48,72,168,336"))
)
COUNT = st.one_of(st.integers(0, 14), st.integers(0, 4_000))
STEPS = st.sampled_from([5, 15, 60, 61, 240, 600, 1_440, 4_320, 20_160, 50_400])
SEVERITY = st.integers(0, 4)


def counts(*keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.tuples(*keys), COUNT, max_size=14)


@st.composite
def records(draw: st.DrawFn) -> Record:
    waits = st.one_of(st.none(), STEPS)
    looked = draw(counts(SEVERITY, st.sampled_from(["report", "detection"]), waits))
    # The same cases by when they were decided: as many of each severity as were looked at or not.
    decided: dict[tuple[int, int | None], int] = {}
    for (severity, _, _), count in looked.items():
        key = (severity, draw(waits))
        decided[key] = decided.get(key, 0) + count
    outcomes = st.sampled_from(["violation", "no_violation", "insufficient_evidence"])
    counted = Counted(
        reports=draw(
            counts(
                st.sampled_from(["grooming", "spam", "threat", "other"]),
                st.sampled_from(["VERIFIED", "REFUSED", ""]),
                st.sampled_from(["api", "own_page"]),
            )
        ),
        looked=looked,
        decided=decided,
        handed_over=draw(counts(SEVERITY, STEPS)),
        decisions=draw(counts(outcomes, st.sampled_from(["none", "platform.spam", "safety.threats"]))),
        overturned=draw(counts(outcomes, outcomes)),
        actions=draw(counts(st.sampled_from(["warn", "lock"]), st.sampled_from(["done", "failed"]))),
        referrals=draw(
            counts(
                st.sampled_from(["ncmec", "police"]),
                st.sampled_from(["Northshire", "Southmere", "Eastvale", ""]),
                st.sampled_from(["draft", "filed"]),
            )
        ),
        others={other: draw(COUNT) for other in Other},
    )
    return make_record(YEAR, counted, TARGETS, NOW, 90)


@given(record=records())
def test_nothing_small_is_in_print_wherever_one_looks(record: Record) -> None:
    for line in record_lines(record.shown(whole=False)):
        if line.measure.endswith("minutes") or line.value is None:
            continue
        # How many others there are that have no name is what the named ones leave of their kind.
        assert not small(int(line.value)), line


@given(record=records())
def test_sums_of_every_kind_leave_each_hidden_number_wide_limits(record: Record) -> None:
    """Limits from all sums at once, until nothing moves: none is fixed by what is printed, none must be small."""
    for shown in record.shown(whole=False).sections:
        if shown.total is None:
            assert all(count is None for count in shown.rows.values())
            assert all(cell is None for table in shown.tables for cell in table.cells.values())
            continue
        limits = Limits(shown)
        for name, (low, high) in limits.found.items():
            if low == high:
                assert not small(low), (name, low)
            assert high == 0 or high >= K_MIN, (name, low, high)


class Limits:
    """What each number of a section can be, by interval arithmetic over everything that adds up."""

    def __init__(self, shown: Shown) -> None:
        assert shown.total is not None
        self.found: dict[object, tuple[int, int]] = {}
        self.sums: list[tuple[object, list[object]]] = []
        total = self._put("total", shown.total, shown.total)
        rows = [self._put(("row", row), count, shown.total) for row, count in shown.rows.items()]
        self.sums.append((total, rows))
        for table in shown.tables:
            self._table(table, shown)
        while self._tighten():
            pass

    def _put(self, name: object, count: int | None, most: int) -> object:
        self.found[name] = (0, most) if count is None else (count, count)
        return name

    def _table(self, shown: ShownTable, section: Shown) -> None:
        name, most = shown.table.name, section.total or 0
        for row in section.rows:
            parts = [
                self._put((name, row, column), shown.cells[row, column], most)
                for column in shown.columns
                if (row, column) in shown.cells
            ]
            if parts:
                self.sums.append((("row", row), parts))
        for time in section.times:
            if time.times.table == name:
                for place, row in enumerate(section.rows):
                    end = time.times.targets.edges.index(time.times.targets.of(place)) + 1
                    met = self._put((name, row, "met"), time.rows[row].within, most)
                    missed = self._put((name, row, "missed"), None, most)
                    self.sums.append((met, [(name, row, column) for column in shown.columns[:end]]))
                    self.sums.append((missed, [(name, row, column) for column in shown.columns[end:]]))
                    self.sums.append((("row", row), [met, missed]))
        for column in shown.columns if shown.sums is not None else ():
            whole = self._put((name, column), (shown.sums or {})[column], most)
            self.sums.append((whole, [(name, row, column) for row in section.rows]))
        if shown.sums is not None:
            self.sums.append(("total", [(name, column) for column in shown.columns]))

    def _tighten(self) -> bool:
        before = dict(self.found)
        for whole, parts in self.sums:
            lows = sum(self.found[part][0] for part in parts)
            highs = sum(self.found[part][1] for part in parts)
            low, high = self.found[whole]
            low, high = self.found[whole] = (max(low, lows), min(high, highs))
            for part in parts:
                least, most = self.found[part]
                self.found[part] = (max(least, low - (highs - most)), min(most, high - (lows - least)))
        return before != self.found


@given(record=records())
def test_exact_numbers_add_up_and_nothing_is_left_out(record: Record) -> None:
    shown = record.shown(whole=True)
    assert KEPT_BACK not in json.dumps([list(line) for line in record_lines(shown)])
    for one in shown.sections:
        assert sum(count or 0 for count in one.rows.values()) == one.total == one.section.total
        for table in one.tables:
            assert sum(cell or 0 for cell in table.cells.values()) == one.total


@given(record=records())
def test_a_percentile_in_print_lies_in_its_bar_whatever_is_hidden(record: Record) -> None:
    for one in record.shown(whole=False).sections:
        for times in one.times:
            table = one.table(times.times.table)
            edges = times.times.targets.edges
            for rows, time in [([row], time) for row, time in times.rows.items()] + [(list(one.rows), times.all)]:
                cells = [[table.cells[row, column] for row in rows] for column in table.columns]
                count = sum(one.section.rows[row] for row in rows)
                for found in time.percentiles:
                    if found.status == "known" and found.minutes is not None:
                        bar = next((n for n, edge in enumerate(edges) if found.minutes <= edge), len(edges))
                        seen = [sum(cell or 0 for cell in column) for column in cells]
                        rank = -(-count * found.percent // 100)
                        assert count >= 2 * K_MIN
                        assert sum(seen[: bar + 1]) >= rank > count - sum(seen[bar:])


def test_agencies_of_few_referrals_are_not_named() -> None:
    referrals = {("police", f"Force {n}", "filed"): 1 for n in range(12)} | {("police", "Northshire", "filed"): 400}
    record = make_record(YEAR, Counted(referrals=referrals), TARGETS, NOW, 90)
    printed = json.dumps(record_values(record.shown(whole=False)))
    assert "Force" not in printed
    assert "Northshire" in json.dumps(record_values(record.shown(whole=True)))


def test_what_is_not_held_is_never_zero() -> None:
    record = make_record(YEAR, Counted(), TARGETS, NOW, 90)
    values = {one["key"]: one for one in record_values(record.shown(whole=False))["others"]}
    assert (values["signals_live"]["held"], values["signals_live"]["count"]) == (False, None)
    assert (values["holds_placed"]["held"], values["holds_placed"]["count"]) == (True, 0)
    late = RecordPeriod(20_690, 20_699)
    fresh = make_record(late, Counted(others={Other.SIGNALS_LIVE: 44}), TARGETS, NOW, 90)
    assert fresh.shown(whole=False).others[Other.SIGNALS_LIVE] == 44


def test_a_table_that_does_not_add_up_is_refused_and_not_printed() -> None:
    table, times = time_table("t", "T", {"0": Spread({5: 20})}, TARGETS.first_look)
    section = Section("s", "S", "cases", "", {"0": 21}, {}, (table,), (times,))
    with pytest.raises(RefusedError, match="do not add up"):
        publish(section)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_clause_of_a_template_has_figures_or_says_that_there_are_none(name: str) -> None:
    dice = random.Random(1)
    counted = Counted(
        reports={("grooming", "VERIFIED", "api"): 30},
        looked={(0, "report", 30): 200},
        decided={(0, dice.choice([60, 1_440])): 200},
    )
    shown = make_record(YEAR, counted, TARGETS, NOW, 90).shown(whole=False)
    template = read_template(name, regulator_template(name))
    values = template_values(template, shown)
    assert len(values["fields"]) > 4
    assert any(not field["held"] for field in values["fields"])
    for field, said in zip(template.fields, values["fields"], strict=True):
        assert bool(field_lines(field, shown)) == bool(field.shows)
        assert said["held"] or said["says"] == "not held by Nightlight"
        assert all(line["value"] != 0 or line["status"] == "" for line in said["figures"])
    assert template_warnings(shown) == ["A template wants a period that is over, and this one is not."]
    odd = make_record(RecordPeriod(20_454, 20_460), counted, TARGETS, NOW, 90).shown(whole=False)
    assert "whole months" in " ".join(template_warnings(odd))


def test_every_grid_is_as_wide_as_its_head() -> None:
    counted = Counted(looked={(0, "report", 30): 50, (2, "detection", None): 3}, decided={(0, 60): 50, (2, None): 3})
    for whole in (True, False):
        for section in section_views(make_record(YEAR, counted, TARGETS, NOW, 90).shown(whole=whole)):
            for grid in section.grids:
                assert {len(row) for row in grid.rows} == {len(grid.head)}


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-12", "2026-01", "end before that"),
        ("2099-01", "2099-02", "future"),
        ("2026-01", "2062-01", "more than a year away"),
        ("2026-13", "2026-13", "no such month"),
        ("2026-02-30", "2026-03", "28 days"),
        ("2026-1", "2026-2", "not a month or a day"),
        ("", "2026-02", "not a month or a day"),
        ("2026-01-01T00:00", "2026-02", "not a month or a day"),
        ("0206-01", "2026-02", "too long ago"),
        ("٢٠٢٦-01", "2026-02", "not a month or a day"),
        ("2001-01", "2026-02", "longer than ten years"),
    ],
)
def test_a_period_that_nobody_can_mean_is_refused(first: str, last: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        read_record_period(first, last, NOW)
    assert refused.value.code == "period_malformed"


def test_months_and_days_mean_the_same() -> None:
    year = read_record_period("2026-01", "2026-12", NOW)
    assert year == read_record_period("2026-01-01", "2026-12-31", NOW) == YEAR
    assert (year.whole_months, year.finished(NOW), year.finished(year.end)) == (True, False, True)
    assert not read_record_period("2026-01-02", "2026-12", NOW).whole_months
    assert (
        read_record_period("2024-02", "2024-02", NOW).last - read_record_period("2024-02", "2024-02", NOW).first == 28
    )
    assert month_of(NOW) == "2026-09"


@given(first=st.text(max_size=12), last=st.text(max_size=12))
def test_any_text_is_a_period_or_refused(first: str, last: str) -> None:
    try:
        period = read_record_period(first, last, NOW)
    except RefusedError:
        return
    assert period.start < period.end


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3", "5 numbers"),
        ("1,4,24,72,x", "5 numbers"),
        ("1,4,24,72,168,1", "5 numbers"),
        ("0,4,24,72,168", "told apart"),
        ("1,4,24,72,9999", "told apart"),
        ("0.0001,4,24,72,168", "told apart"),
        ("1,4,24.25,72,168", "told apart"),
        ("24,4,24,72,168", "more time"),
        ("-1,4,24,72,168", "5 numbers"),
        ("nan,4,24,72,168", "5 numbers"),
    ],
)
def test_targets_that_cannot_be_are_refused(text: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        read_targets(text, "NIGHTLIGHT_TARGET_FIRST_LOOK")
    assert refused.value.message.startswith("NIGHTLIGHT_TARGET_FIRST_LOOK")


@given(took=st.integers(-(10**6), 10**12), more=st.integers(0, 10**9))
def test_steps_keep_the_order_of_times_and_are_never_shorter(took: int, more: int) -> None:
    assert step_of(took) <= step_of(took + more)
    assert step_of(took) * 60_000 >= took


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**7)), min_size=1, max_size=60))
def test_percentiles_are_the_nearest_rank_and_who_waits_is_the_longest(took: list[int | None]) -> None:
    steps = [None if ms is None else step_of(ms) for ms in took]
    done = [step for step in steps if step is not None]
    spread = Spread({step: done.count(step) for step in done}, steps.count(None))
    ordered: list[int | None] = [*sorted(done), *[None] * steps.count(None)]
    for percent in (50, 90, 95):
        assert spread.percentile(percent) == ordered[-(-len(ordered) * percent // 100) - 1]


def test_a_target_is_the_end_of_a_bar() -> None:
    targets = Targets((61, 61, 61, 61, 61))
    assert Spread({60: 1, 61: 2, 62: 4}).bars(targets.edges)[:4] == [0, 1, 2, 4]
    assert list(words()) == ["45 min", "1 h 30 min", "2 days 3 h", "1 day"]


def words() -> Iterator[str]:
    return (minutes_words(minutes) for minutes in (45, 90, 3_060, 1_440))
