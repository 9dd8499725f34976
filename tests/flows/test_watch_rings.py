"""Rings while Nightlight runs: brought up once, with names, without content; never of families; gone when forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nightlight.flows import watch_rings
from nightlight.flows.watch_rings import RingWatch
from nightlight.model.case import CaseSource, CaseState, Outcome, Policy
from nightlight.model.event import EventKind
from nightlight.model.signal import Alert, AlertKind, AlertState
from tests.flows.test_detect import DetectionWorld, account
from tests.prevention_world import DAY_MS

DEVICE = "ab" * 16
BACK = [account(f"back{number}") for number in range(3)]


class RingWorld(DetectionWorld):
    """Three accounts of one device, the first of them banned; children who blocked two of them each."""

    def __init__(self, folder: Path, database_url: str, clock: Any = None, **settings: Any) -> None:
        super().__init__(folder, database_url, clock, **{"rings": "live", **settings})

    @property
    def watch(self) -> RingWatch:
        found = self.house.ring_watch
        assert found is not None
        return found

    def come_back(self, names: list[str] | None = None, device: str = DEVICE) -> None:
        names = names or BACK
        for name in names:
            self.age(name, "adult")
            self.happen(EventKind.ACCOUNT_DEVICE, name, device=device)
        for child in self.children(2):
            for name in names:
                self.happen(EventKind.CONTACT_BLOCKED, child, name)
        self.happen(EventKind.ACCOUNT_BANNED, names[0])

    def alerts(self, state: AlertState | None = None) -> list[Alert]:
        with self.store.read() as tx:
            return [one for one in tx.alerts(state, 100) if one.kind is AlertKind.RING]

    def decide_ring(self, outcome: Outcome) -> None:
        (alert,) = self.alerts(AlertState.OPEN)
        assert alert.case_id
        reviewer = "robin"
        self.house.door.add_reviewer(reviewer, "correct horse battery", "test")
        self.house.desk.decide(alert.case_id, reviewer, outcome, Policy.NONE, "[a note]", [])


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Any:
    made = RingWorld(tmp_path, database_url).migrate()
    yield made
    made.close()


def test_those_who_come_back_are_an_alert_and_a_case_without_content(world: RingWorld) -> None:
    world.come_back()
    (alert,) = world.watch.run()
    assert set(alert.accounts) == set(BACK)
    assert alert.accounts[0] != BACK[0]  # who is banned already does not lead
    joined = "3 accounts are joined by a shared device and 2 children who turned several of them away."
    assert alert.reasons[0] == joined
    assert "1 of them is banned." in alert.reasons
    with world.store.read() as tx:
        case = tx.case(alert.case_id or "")
    assert case is not None
    assert (case.source, case.subject, case.proven) == (CaseSource.DETECTION, alert.accounts[0], 0)
    assert world.alerts() == [alert]


def test_a_ring_is_brought_up_once_however_often_and_by_whomever_it_is_looked_for(
    world: RingWorld, tmp_path: Path, database_url: str
) -> None:
    world.come_back()
    assert len(world.watch.run()) == 1
    assert world.watch.run() == []
    world.clock.at += DAY_MS
    assert world.watch.run() == []
    (tmp_path / "rings.snapshot").unlink()
    other = RingWorld(tmp_path, database_url, world.clock)
    assert other.watch.run() == []
    other.close()
    assert len(world.alerts()) == 1


def test_a_new_member_changes_the_alert_that_is_there(world: RingWorld) -> None:
    world.come_back()
    (before,) = world.watch.run()
    world.clock.at += 1_000
    new = account("back3")
    world.happen(EventKind.ACCOUNT_DEVICE, new, device=DEVICE)
    (after,) = world.watch.run()
    assert (after.alert_id, after.case_id) == (before.alert_id, before.case_id)
    assert set(after.accounts) == {*BACK, new}
    with world.store.read() as tx:
        assert tx.count_cases(CaseState.OPEN) == 1


def test_what_somebody_has_looked_at_comes_back_only_with_something_new(world: RingWorld) -> None:
    world.come_back()
    world.watch.run()
    world.decide_ring(Outcome.INSUFFICIENT)
    assert world.alerts(AlertState.OPEN) == []
    world.clock.at += 2 * watch_rings.AGAIN_MS
    assert world.watch.run() == []
    world.happen(EventKind.ACCOUNT_DEVICE, BACK[1], device=DEVICE)
    assert world.watch.run() == []
    world.happen(EventKind.ACCOUNT_DEVICE, account("back3"), device=DEVICE)
    (alert,) = world.watch.run()
    assert account("back3") in alert.accounts
    assert len(world.alerts()) == 2


def test_a_family_is_no_ring_and_nobody_hears_of_it(world: RingWorld) -> None:
    parent, one, two = account("parent"), *world.children(2)
    world.age(parent, "adult")
    for name in (parent, one, two):
        world.happen(EventKind.ACCOUNT_DEVICE, name, device=DEVICE)
    world.happen(EventKind.CONTACT_BLOCKED, one, parent)
    world.happen(EventKind.ACCOUNT_BANNED, two)
    assert world.watch.run() == []
    assert world.alerts() == []


def test_in_shadow_there_is_an_alert_and_no_case(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shadow.sqlite3"
    world = RingWorld(tmp_path, url, rings="shadow").migrate()
    world.come_back()
    (alert,) = world.watch.run()
    assert alert.case_id is None
    with world.store.read() as tx:
        assert tx.count_cases(CaseState.OPEN) == 0
    world.close()
    # Switched live, the next look that finds something new makes the case.
    live = RingWorld(tmp_path, url, world.clock)
    live.happen(EventKind.ACCOUNT_DEVICE, account("back3"), device=DEVICE)
    (now,) = live.watch.run()
    assert (now.alert_id, bool(now.case_id)) == (alert.alert_id, True)
    live.close()


def test_an_alert_without_a_case_ends_with_its_ring(tmp_path: Path) -> None:
    world = RingWorld(tmp_path, f"sqlite:///{tmp_path}/ends.sqlite3", rings="shadow").migrate()
    world.come_back()
    world.watch.run()
    world.clock.at += 91 * DAY_MS
    world.watch.run()
    assert [one.state for one in world.alerts()] == [AlertState.CLOSED]
    world.clock.at += 91 * DAY_MS
    world.house.retention.sweep()
    assert world.alerts() == []
    world.close()


def test_a_restart_goes_on_where_it_was_and_damage_is_worked_out_anew(world: RingWorld, tmp_path: Path) -> None:
    world.come_back(BACK[:2])
    world.watch.run()
    assert world.alerts() == []  # two are none
    kept = tmp_path / "rings.snapshot"
    for damage in (bytes, lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:], bytes.upper):
        kept.write_bytes(damage(kept.read_bytes()))
        world.house.__dict__.pop("ring_watch", None)
        assert world.watch.run() == []
    world.house.__dict__.pop("ring_watch")
    world.happen(EventKind.ACCOUNT_DEVICE, BACK[2], device=DEVICE)
    assert len(world.watch.run()) == 1


def test_who_is_forgotten_is_in_no_ring_and_in_no_file(world: RingWorld, tmp_path: Path) -> None:
    world.come_back()
    world.watch.run()
    kept = tmp_path / "rings.snapshot"
    number = world.house.people.number(BACK[0])
    assert str(number) in kept.read_bytes().decode("latin-1")  # as one that is banned
    world.house.account_book.forget([BACK[0]])
    world.house.relations.follow()
    assert not kept.exists()
    world.clock.at += 2 * watch_rings.AGAIN_MS
    world.watch.run()
    assert str(number) not in kept.read_bytes().decode("latin-1")
    state = world.watch._state
    assert state is not None
    assert number not in state.banned
    components = state.rings.components(max(world.clock.at, state.rings.last_t), 1)
    assert not any(number in one.accounts for one in components)


def test_a_flood_of_rings_does_not_bury_the_reviewers(
    world: RingWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch_rings, "NEW_IN_A_DAY", 2)
    for number in range(4):
        names = [account(f"flood{number}-{one}") for one in range(3)]
        device = f"{number:02x}" * 16
        for name in names:
            world.happen(EventKind.ACCOUNT_DEVICE, name, device=device)
        world.happen(EventKind.ACCOUNT_BANNED, names[0])
    assert len(world.watch.run()) == 2
    assert "2 more than the 2" in caplog.text
    assert not any(f"flood{number}" in caplog.text for number in range(4))
    world.clock.at += DAY_MS + watch_rings.AGAIN_MS
    assert len(world.watch.run()) == 2


def test_what_an_alert_keeps_holds_no_name_of_a_child(world: RingWorld) -> None:
    world.come_back()
    (alert,) = world.watch.run()
    for child in world.children(2):
        assert child not in json.dumps([alert.accounts, alert.reasons, dict(alert.detail)])
