"""Whoever runs this sees what was refused, or left out because memory was full, and what to do about it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nightlight.detect.engine import Counters
from nightlight.errors import RefusedError
from nightlight.flows.not_taken import DAYS, KEY_FULL, MEANINGS, STATE_FULL, examined, not_taken
from nightlight.model.event import EventKind
from nightlight.prevent.event_reader import event_from
from tests.cli.test_rules import Here, run
from tests.flows.test_detect import DetectionWorld
from tests.prevention_world import ALEX, DAY_MS, KIM, SAM

__all__ = ["run"]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Any:
    made = DetectionWorld(tmp_path, database_url).migrate()
    yield made
    made.close()


def unread(**value: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        event_from(value)
    return caught.value


def counted(world: DetectionWorld) -> dict[str, tuple[int, int]]:
    with world.store.read() as tx:
        found = not_taken(tx, world.clock.now())
    assert all(one.code in MEANINGS for one in found)
    return {one.code: (one.today, one.week) for one in found}


def test_every_refusal_is_counted_by_day_beside_good_events_and_alone(world: DetectionWorld) -> None:
    assert counted(world) == {}
    unknown_kind = unread(id="a", kind="message.sent", at=1, actor=SAM)
    unknown_field = unread(id="a", kind="account.created", at=1, actor=SAM, body="x")
    good = world.event(EventKind.CONTACT_ACCEPTED, KIM, ALEX)
    late = replace(good, event_id="late", at=world.clock.at + DAY_MS)
    world.house.events.take([unknown_kind, good, unknown_field, late])
    assert counted(world) == {"event_malformed": (2, 2), "event_from_the_future": (1, 1)}
    world.house.events.take([unknown_kind])
    world.house.events.take([good, replace(good, actor=SAM)])
    assert counted(world)["event_malformed"] == (3, 3)
    assert counted(world)["event_id_reused"] == (1, 1)
    world.clock.at += DAY_MS
    world.house.events.take([unknown_kind])
    assert counted(world)["event_malformed"] == (1, 4)
    world.clock.at += (DAYS - 1) * DAY_MS
    assert counted(world) == {"event_malformed": (0, 1)}


def test_entries_of_room_history_that_nobody_can_read_are_counted(world: DetectionWorld) -> None:
    world.house.history.take([7, {"type": "m.room.member"}])
    assert counted(world) == {"history_unreadable": (2, 2)}


def test_counts_go_when_events_go(world: DetectionWorld) -> None:
    world.house.events.take([unread(id="a")])
    world.clock.at += world.house.retention.kept_ms - DAY_MS
    world.house.retention.sweep()
    with world.store.read() as tx:
        assert len(tx.counted_since(0)) == 1
    world.clock.at += 2 * DAY_MS
    world.house.retention.sweep()
    with world.store.read() as tx:
        assert tx.counted_since(0) == []


def test_what_a_full_memory_left_out_is_counted_once_and_said(
    world: DetectionWorld, caplog: pytest.LogCaptureFixture
) -> None:
    engine = world.detection._engine
    world.ask(SAM, KIM)
    engine.counters = Counters(dropped=3, capped=1)
    world.detection.keep_up()
    world.detection.keep_up()
    assert counted(world) == {STATE_FULL: (3, 3), KEY_FULL: (1, 1)}
    engine.counters = Counters(dropped=5, capped=1)
    world.detection.keep_up()
    assert counted(world)[STATE_FULL] == (5, 5)
    assert [one.message for one in caplog.records if "memory is full" in one.message] == [
        "detection: memory is full, and what is new is left out: see `nightlight events refused`"
    ]


def test_doctor_says_it(world: DetectionWorld) -> None:
    def said() -> list[str]:
        with world.store.read() as tx:
            found = examined(not_taken(tx, world.clock.now()))
        return [f"{one.level} {one.part}: {one.what} {one.mend}" for one in found]

    assert said() == ["ok events: In the last 7 days every event was taken as it came. "]
    world.house.events.take([unread(id="a")])
    [line] = said()
    assert line.startswith("warning events: event_malformed: 1 today, 1 in 7 days. Each is an event of no known kind")
    assert "docs/events.md" in line
    world.clock.at += DAY_MS
    [line] = said()
    assert line.startswith("ok events: event_malformed: 0 today, 1 in 7 days.")


def test_the_command_counts_them(run: Here, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    world = DetectionWorld(folder, "").migrate()
    nothing = run("events", "refused", "--data-dir", str(folder))
    assert (nothing.returncode, "taken as it came" in nothing.stdout + nothing.stderr) == (0, True)
    with world.store.write() as tx:
        tx.count_up({"event_malformed": 12}, int(time.time() * 1_000))
    world.close()
    table = run("events", "refused", "--data-dir", str(folder))
    assert table.returncode == 0
    assert "event_malformed" in table.stdout
    [one] = json.loads(run("events", "refused", "--json", "--data-dir", str(folder)).stdout)
    assert (one["code"], one["today"], one["week"]) == ("event_malformed", 12, 12)
