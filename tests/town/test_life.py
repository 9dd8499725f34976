"""A town is the same from the same seed, in order, and true to its own state."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nightlight.detect.columns import COLUMNS
from nightlight.detect.fields import KINDS, WORDS
from nightlight.errors import RefusedError
from nightlight.model.event import OWN_KINDS
from nightlight.prevent.event_reader import SHAPES
from nightlight.town.keyed_numbers import What, keyed_numbers
from nightlight.town.life import Town
from nightlight.town.parameters import DAY_MS, people_for
from tests.town.recount import Recount
from tests.town.small_town import START_MS, parameters, rows_of

Rows = list[dict[str, int]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return rows_of(Town(parameters()))


def test_columns_are_those_of_detection_with_their_types() -> None:
    block = next(Town(parameters(events=10_000, people=200, days=30)).blocks())
    assert list(block) == [column.name for column in COLUMNS]
    assert [str(block[column.name].dtype) for column in COLUMNS] == [column.dtype for column in COLUMNS]


def test_same_seed_same_events_other_seed_other_ids() -> None:
    small = {"events": 5_000, "people": 150, "days": 20}
    first, again = rows_of(Town(parameters(**small))), rows_of(Town(parameters(**small)))
    assert first == again
    other = rows_of(Town(parameters(**small, seed=2)))
    assert not {row["actor"] for row in first} & {row["actor"] for row in other}


def test_blocks_of_another_size_hold_the_same_events(rows: Rows) -> None:
    assert rows_of(Town(parameters(), block_rows=1_000)) == rows


def test_as_many_events_as_asked_numbered_in_order_of_time(rows: Rows) -> None:
    assert [row["number"] for row in rows] == list(range(1, 40_001))
    assert len({row["event"] for row in rows}) == 40_000
    times = [row["t"] for row in rows]
    assert times == sorted(times)
    assert times[0] >= START_MS
    assert START_MS + 58 * DAY_MS < times[-1] <= START_MS + 61 * DAY_MS
    assert all(row["at"] <= row["t"] for row in rows)
    assert sum(row["t"] - row["at"] > 60_000 for row in rows) > 20, "nothing is late"
    assert len(set(times)) < len(times), "no two are taken in the same millisecond"


def test_every_event_has_what_its_kind_has(rows: Rows) -> None:
    for row in rows:
        kind = KINDS[row["kind"]]
        shape = next(shape for of, shape in SHAPES.items() if of.value == kind)
        assert kind not in OWN_KINDS
        assert row["actor"] > 0
        assert row["event"] > 0
        assert bool(row["target"]) >= shape.target
        assert not row["target"] or shape.target or "target" in shape.also
        assert bool(row["room"]) >= shape.room
        assert not row["room"] or shape.room or "room" in shape.also
        assert row["target"] != row["actor"]
        assert bool(row["item"]) == bool({"device", "number"} & shape.fields.keys())
        assert bool(row["messages"]) == (kind == "conversation.volume") == bool(row["bytes"])
        words = {"via", "visibility", "category", "outcome", "direction"} & shape.fields.keys() or kind == "room.joined"
        assert bool(row["word"]) == bool(words), kind


def test_what_is_said_about_an_event_is_true_to_the_town() -> None:
    given = parameters(people=400, events=25_000, days=50, harmful=0.05)
    recount = Recount(Town(given))
    seen: Counter[str] = Counter()
    names = ("relation", "mutual", "known_for", "banned_links", "banned_in_room")
    for row in rows_of(Town(given)):
        expected = recount.take(row)
        assert tuple(row[name] for name in names) == expected, (row, KINDS[row["kind"]], WORDS[row["word"]])
        seen.update({name: 1 for name in names if row[name]})
        seen[f"relation {row['relation']}"] += 1
    assert all(seen[name] for name in names), seen
    assert all(seen[f"relation {one}"] for one in range(6)), seen


def test_bands_of_an_account_never_change_and_some_are_unknown(rows: Rows) -> None:
    bands: dict[int, int] = {}
    for row in rows:
        assert bands.setdefault(row["actor"], row["actor_band"]) == row["actor_band"]
        if row["target"]:
            assert bands.setdefault(row["target"], row["target_band"]) == row["target_band"]
        else:
            assert row["target_band"] == 4
    assert set(bands.values()) == set(range(5))


def test_nobody_acts_while_banned(rows: Rows) -> None:
    banned: set[int] = set()
    for row in rows:
        kind = KINDS[row["kind"]]
        if kind == "account.unbanned":
            banned.discard(row["actor"])
        elif not kind.startswith("report."):
            assert row["actor"] not in banned, kind
        if kind == "account.banned":
            banned.add(row["actor"])
    assert banned


def test_most_events_are_talk_and_nights_are_quiet(rows: Rows) -> None:
    kinds = Counter(KINDS[row["kind"]] for row in rows)
    assert 0.5 < kinds["conversation.volume"] / len(rows) < 0.95
    assert kinds["contact.requested"] > kinds["contact.accepted"] > kinds["account.banned"] > 0
    talk = [row for row in rows if KINDS[row["kind"]] == "conversation.volume"]
    hours = Counter(row["at"] // 3_600_000 % 24 for row in talk)
    assert hours[4] * 5 < hours[20]


def test_nobody_is_counted_twice_in_an_hour_of_a_room_by_the_rhythm(rows: Rows) -> None:
    talk = Counter((row["actor"], row["room"], row["t"]) for row in rows if KINDS[row["kind"]] == "conversation.volume")
    assert max(talk.values()) == 1


def test_doubled_events_come_again_later_word_for_word() -> None:
    rows = rows_of(Town(parameters(doubled=0.05)))
    assert len(rows) == 40_000
    first: dict[int, dict[str, int]] = {}
    again = 0
    for row in rows:
        before = first.setdefault(row["event"], row)
        if before is not row:
            again += 1
            assert before["number"] < row["number"]
            assert before["t"] <= row["t"]
            assert {**row, "number": 0, "t": 0} == {**before, "number": 0, "t": 0}
    assert 0.03 < again / len(rows) < 0.07
    assert [row["t"] for row in rows] == sorted(row["t"] for row in rows)


def test_without_harm_nobody_does_harm() -> None:
    town = Town(parameters(harmful=0.0, events=8_000, people=200, days=30))
    rows_of(town)
    assert not any("harmful" in name for name in town.counts())


def test_ids_never_collide_and_none_is_zero() -> None:
    index = np.arange(200_000)
    made = np.concatenate([keyed_numbers(what, index, seed=7) for what in What])
    assert len(np.unique(made)) == len(made)
    assert made.min() > 0
    assert keyed_numbers(What.ITEM, np.array([-1]), seed=7).tolist() == [0]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"events": 999}, "town_events"),
        ({"events": 100_000_001}, "town_events"),
        ({"people": 99}, "town_people"),
        ({"days": 0}, "town_days"),
        ({"seed": -1}, "town_seed"),
        ({"harmful": 0.5}, "town_harmful"),
        ({"harmful": float("nan")}, "town_harmful"),
        ({"doubled": -0.1}, "town_doubled"),
        ({"start_ms": 1}, "town_start"),
        ({"events": 2_000, "people": 5_000}, "town_events"),
    ],
)
def test_parameters_that_make_no_town_are_refused(changed: dict[str, float], code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parameters(**changed)
    assert refused.value.code == code


def test_as_many_people_as_events_need() -> None:
    for events in (10_000, 1_000_000, 100_000_000):
        for days in (10, 30, 365):
            given = parameters(events=events, days=days, people=people_for(events, days))
            assert given.people >= 100
