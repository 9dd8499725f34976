"""Holds: placed by one person, let go by two, and every step in the log. On SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.accounts import AccountBook
from nightlight.flows.holds import NewHold
from nightlight.flows.retention import Retention
from nightlight.model.event import Event, EventKind
from nightlight.model.hold import Hold, HoldKind, HoldScope
from tests.flows.tampering import found_by_audit
from tests.world import World

DAY_MS = 86_400_000
#: For what one database shows as well as two.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code == code


def on(target: str, **changes: Any) -> NewHold:
    hold = NewHold(HoldKind.LEGAL, HoldScope.CASE, target, "an appeal", "an example of a law")
    return replace(hold, **changes)


def a_case(world: World) -> str:
    return world.report(world.abusive).report.case_id or ""


def a_hold(world: World) -> Hold:
    return world.hold_desk.place(on(a_case(world)), "robin")


def logged(world: World, target: str) -> list[tuple[str, str]]:
    with world.store.read() as tx:
        return [(entry.kind, entry.actor) for entry in tx.log_about([target]) if entry.kind.startswith("hold.")]


def test_two_people_let_go_and_each_step_stands_in_the_log(world: World) -> None:
    hold = a_hold(world)
    world.hold_desk.propose_release(hold.hold_id, "robin", "the appeal is over")
    assert world.hold_desk.hold(hold.hold_id).holds(world.clock.at)
    released = world.hold_desk.release(hold.hold_id, "kim")
    assert not released.holds(world.clock.at)
    assert (released.proposed_by, released.released_by, released.reason) == ("robin", "kim", "the appeal is over")
    assert logged(world, hold.target) == [
        (LogKind.HOLD_PLACED, "robin"),
        (LogKind.HOLD_RELEASE_PROPOSED, "robin"),
        (LogKind.HOLD_RELEASED, "kim"),
    ]
    world.audit()


@on_sqlite
def test_one_person_alone_lets_nothing_go(world: World) -> None:
    hold = a_hold(world)
    world.hold_desk.propose_release(hold.hold_id, "robin", "the appeal is over")
    for who in ("robin", " robin ", "Robin", "ROBIN"):
        with refused("same_person"):
            world.hold_desk.release(hold.hold_id, who)
    assert world.hold_desk.hold(hold.hold_id).holds(world.clock.at)
    # Not by proposing it in another's place, either: the new proposal is theirs.
    world.hold_desk.propose_release(hold.hold_id, "kim", "the appeal is over")
    with refused("same_person"):
        world.hold_desk.release(hold.hold_id, "kim")
    world.audit()


@on_sqlite
def test_nothing_is_released_that_nobody_proposed_or_that_somebody_rejected(world: World) -> None:
    hold = a_hold(world)
    with refused("release_not_proposed"):
        world.hold_desk.release(hold.hold_id, "kim")
    world.hold_desk.propose_release(hold.hold_id, "robin", "the appeal is over")
    world.hold_desk.reject_release(hold.hold_id, "kim")
    for decide in (world.hold_desk.release, world.hold_desk.reject_release):
        with refused("release_not_proposed"):
            decide(hold.hold_id, "kim")
    assert logged(world, hold.target)[-1] == (LogKind.HOLD_RELEASE_REJECTED, "kim")
    world.audit()


@on_sqlite
def test_released_hold_is_over(world: World) -> None:
    hold = a_hold(world)
    world.hold_desk.propose_release(hold.hold_id, "robin", "the appeal is over")
    world.hold_desk.release(hold.hold_id, "kim")
    with refused("hold_released"):
        world.hold_desk.propose_release(hold.hold_id, "robin", "again")
    with refused("hold_released"):
        world.hold_desk.release(hold.hold_id, "alex")
    with refused("hold_not_found"):
        world.hold_desk.release("hold_none", "alex")


SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({"target": "case_none"}, "case_not_found"),
    ({"scope": HoldScope.ACCOUNT, "target": ""}, "account_malformed"),
    ({"scope": HoldScope.ACCOUNT, "target": "@a b:test\n"}, "account_malformed"),
    ({"why": "  "}, "hold_malformed"),
    ({"why": "x" * 2_001}, "hold_malformed"),
    ({"why": "\ud800"}, "hold_malformed"),
    ({"legal_basis": ""}, "hold_malformed"),
    ({"reference": "\x00"}, "hold_malformed"),
    ({"reference": "x" * 257}, "hold_malformed"),
    ({"until": 0}, "until_past"),
    ({"until": 1_790_000_000_000}, "until_past"),
    ({"until": 2**62}, "until_past"),
    ({"kind": HoldKind.PRESERVATION, "agency": "Example Police"}, "hold_malformed"),
    ({"kind": HoldKind.PRESERVATION, "reference": "EX-1"}, "hold_malformed"),
]


@on_sqlite
def test_hold_that_says_nothing_sensible_is_refused(world: World) -> None:
    case_id = a_case(world)
    for changes, code in SENSELESS:
        with refused(code):
            world.hold_desk.place(on(**{"target": case_id, **changes}), "robin")
    with refused("hold_malformed"):
        world.hold_desk.place(on(case_id), " ")
    assert world.hold_desk.holds() == []


def test_hold_says_everything_that_was_given(world: World) -> None:
    case_id = a_case(world)
    new = on(
        case_id, kind=HoldKind.PRESERVATION, agency="Example Police", reference="EX-1", until=world.clock.at + DAY_MS
    )
    hold = world.hold_desk.place(new, "robin")
    assert world.hold_desk.hold(hold.hold_id) == hold
    with world.store.read() as tx:
        entry = next(entry for entry in tx.log_about([case_id]) if entry.kind == LogKind.HOLD_PLACED)
    said = json.loads(entry.detail)
    assert (said["reference"], said["agency"], said["until"]) == ("EX-1", "Example Police", hold.until)
    assert (hold.holds(hold.placed_at), hold.holds((hold.until or 0) - 1), hold.holds(hold.until or 0)) == (
        True,
        True,
        False,
    )


CHANGES = {
    "a hold is lifted": "UPDATE holds SET released_at = 1, released_by = 'kim'",
    "it lapses sooner": "UPDATE holds SET until = placed_at + 1",
    "it is on another case": "UPDATE holds SET target = 'case_other'",
    "its reason is another": "UPDATE holds SET why = 'nothing'",
    "its release counts as proposed": "UPDATE holds SET proposed_by = 'mallory', proposed_at = 1",
    "it is gone": "DELETE FROM holds",
}


def test_audit_finds_holds_that_were_changed_in_the_database(world: World) -> None:
    a_hold(world)
    world.audit()
    assert [how for how, statement in CHANGES.items() if not found_by_audit(world, statement)] == []


@on_sqlite
def test_account_under_a_hold_is_not_forgotten(world: World) -> None:
    book = AccountBook(world.store, world.clock, world.prevention_people, world.events, world.relations)
    hold = world.hold_desk.place(on(world.mallory, scope=HoldScope.ACCOUNT), "robin")
    with refused("account_held"):
        book.forget([world.bob, world.mallory])
    world.hold_desk.propose_release(hold.hold_id, "robin", "over")
    world.hold_desk.release(hold.hold_id, "kim")
    assert book.forget([world.mallory]) >= 0


def met(world: World, number: int, *, actor: str, target: str) -> None:
    event = Event(f"e{number}", EventKind.CONTACT_DECLINED, world.clock.at, actor, target)
    assert world.events.take([event]).accepted == 1


def test_events_about_an_account_under_a_hold_outlive_their_time_and_the_others_do_not(world: World) -> None:
    sweeper = Retention(world.store, world.clock, world.relations, 90 * DAY_MS, lambda: None)
    met(world, 1, actor=world.mallory, target=world.bob)
    met(world, 2, actor=world.eve, target=world.bob)
    met(world, 3, actor=world.bob, target=world.mallory)
    hold = world.hold_desk.place(on(world.mallory, scope=HoldScope.ACCOUNT), "robin")
    world.clock.at += 100 * DAY_MS
    assert sweeper.sweep().events == 3
    with world.store.read() as tx:
        # The log of events begins where it is complete; what is held is put aside.
        assert tx.events_after(0, 10) == []
        assert [logged.event.event_id for logged in tx.events_about(world.mallory)] == ["e1", "e3"]
        assert list(tx.events_about(world.eve)) == []
    met(world, 4, actor=world.mallory, target=world.eve)
    seen = list(world.hold_desk.events_of(world.mallory, "robin"))
    assert [logged.event.event_id for logged in seen] == ["e1", "e3", "e4"]
    with world.store.read() as tx:
        assert [entry.kind for entry in tx.log_about([world.mallory])][-1] == LogKind.EVENTS_VIEWED
    with refused("not_held"):
        list(world.hold_desk.events_of(world.eve, "robin"))
    world.hold_desk.propose_release(hold.hold_id, "robin", "over")
    world.hold_desk.release(hold.hold_id, "kim")
    sweeper.sweep()
    with world.store.read() as tx:
        assert [logged.event.event_id for logged in tx.events_about(world.mallory)] == ["e4"]
    with refused("not_held"):
        list(world.hold_desk.events_of(world.mallory, "robin"))
    world.audit()


def test_what_was_put_aside_is_forgotten_with_the_account_once_it_is_let_go(world: World) -> None:
    sweeper = Retention(world.store, world.clock, world.relations, 90 * DAY_MS, lambda: None)
    met(world, 1, actor=world.mallory, target=world.bob)
    world.hold_desk.place(on(world.mallory, scope=HoldScope.ACCOUNT, until=world.clock.at + 101 * DAY_MS), "robin")
    world.clock.at += 100 * DAY_MS
    sweeper.sweep()
    world.clock.at += 2 * DAY_MS
    AccountBook(world.store, world.clock, world.prevention_people, world.events, world.relations).forget([world.bob])
    with world.store.read() as tx:
        assert list(tx.events_about(world.mallory)) == []
