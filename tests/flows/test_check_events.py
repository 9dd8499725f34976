"""The relations are what the events say; whatever is lost, added or changed in the tables is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from nightlight.flows.check_events import Checked
from nightlight.model.event import EventKind
from nightlight.model.relation import Tie
from tests.flows.test_accounts import busy
from tests.prevention_world import ALEX, DAY_MS, JO, KIM, SAM, PreventionWorld


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[PreventionWorld]:
    world = PreventionWorld(tmp_path, database_url).migrate()
    busy(world)
    yield world
    world.close()


def check(world: PreventionWorld, *, mend: bool = False, at_once: int = 1_000_000) -> Checked:
    return replace(world.house.event_check, at_once=at_once).run(mend=mend)


def change(world: PreventionWorld, statement: str, **values: object) -> int:
    with world.store.engine.begin() as connection:
        return connection.execute(text(statement), values).rowcount


def test_after_a_busy_day_everything_agrees(world: PreventionWorld) -> None:
    found = check(world)
    assert (found.missing, found.unexplained, found.sealed) == ([], [], [])
    assert found.holds
    assert found.events == len(world.log()) > 15
    assert found.relations == len(world.relations()) > 30
    # In many small passes the same is found.
    assert check(world, at_once=3) == found


def test_it_agrees_at_every_age_of_the_log_and_after_forgetting(world: PreventionWorld) -> None:
    for days in (20, 20, 40, 20, 100, 200):
        world.clock.at += days * DAY_MS
        world.house.retention.sweep()
        assert check(world).holds
        world.happen(EventKind.CONTACT_ACCEPTED, ALEX, SAM)
        world.decide(SAM, JO)
        assert check(world).holds
    world.house.account_book.forget([KIM])
    found = check(world)
    assert found.holds, found


@pytest.mark.parametrize(
    "tie",
    [Tie.CONNECTED, Tie.BLOCKED_BY, Tie.REFUSED_BY, Tie.PROVEN_BY, Tie.IN_ROOM, Tie.DECIDED_DENY, Tie.KNOWN_SINCE],
)
def test_a_lost_relation_is_found_and_can_be_stated_again(world: PreventionWorld, tie: Tie) -> None:
    before = world.relations()
    lost = change(world, "DELETE FROM relations WHERE tie = :tie", tie=int(tie))
    assert lost > 0
    found = check(world)
    assert len(found.missing) == lost
    assert {one.tie for one in found.missing} == {tie}
    check(world, mend=True)
    assert check(world).holds
    assert world.relations() == before


def test_a_half_written_connection_is_found(world: PreventionWorld) -> None:
    number = world.house.people.number
    change(world, "DELETE FROM relations WHERE one = :one AND other = :other", one=number(KIM), other=number(JO))
    assert not check(world).holds


def test_a_changed_relation_is_found(world: PreventionWorld) -> None:
    assert change(world, "UPDATE relations SET at = at - 5 WHERE tie = :tie", tie=int(Tie.BLOCKED_BY))
    assert {one.tie for one in check(world).missing} == {Tie.BLOCKED_BY}


def test_an_ended_block_is_found(world: PreventionWorld) -> None:
    assert change(world, "UPDATE relations SET holds = false, at = at + 1 WHERE tie = :tie", tie=int(Tie.BLOCKED_BY))
    world.clock.at += DAY_MS
    change(world, "UPDATE relations SET at = :at WHERE tie = :tie", at=world.clock.at, tie=int(Tie.BLOCKED_BY))
    assert {one.tie for one in check(world).unexplained} == {Tie.BLOCKED_BY}


def test_a_connection_that_nothing_explains_is_found(world: PreventionWorld) -> None:
    world.clock.at += DAY_MS
    number = world.house.people.number
    statement = "INSERT INTO relations VALUES (:one, :tie, :other, :at, true, 1)"
    values = {"one": number(SAM), "other": number(JO), "tie": int(Tie.CONNECTED), "at": world.clock.at}
    change(world, statement, **values)
    assert [one.tie for one in check(world).unexplained] == [Tie.CONNECTED]


def test_a_damaged_age_is_found_and_nobody_is_named(world: PreventionWorld) -> None:
    number = world.house.people.number(KIM)
    change(world, "UPDATE ages SET sealed = :sealed WHERE one = :one", sealed=b"x" * 33, one=number)
    found = check(world)
    assert found.sealed == [number]
    assert "kim" not in repr(found)
