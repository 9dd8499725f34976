"""A replay says exactly what another policy would have decided, and nothing about few people."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from nightlight.errors import RefusedError
from nightlight.flows.replay_policy import IN_FORCE, Against, PolicyReplay
from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactOutcome, DecidedContact, Direction
from nightlight.model.event import EventKind
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy_file import read_policy
from nightlight.prevent.recount import Recount
from nightlight.prevent.replay import Group, Newness, Turn
from nightlight.store.schema import contact_decisions
from tests.policies import HOUR_MS, Town
from tests.prevent.presets import POLICIES, text

ALLOW, NOTICE, REQUEST, HOLD, DENY = ContactOutcome
TEEN, STRICT, OPEN = POLICIES["teen-default"], POLICIES["strict"], POLICIES["open"]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.close()


def a_week(town: Town) -> list[DecidedContact]:
    """Forty people come towards each other; some get to know each other, some decline."""
    draw = random.Random(7)
    bands = list(AgeBand)
    people = [town.person(f"p{number}", bands[number % len(bands)]) for number in range(40)]
    made = []
    for number in range(300):
        town.clock.at += draw.randrange(HOUR_MS)
        actor, target = draw.sample(people, 2)
        if number % 3:  # a few people come towards many: limits have something to count
            actor = people[number % 4]
        if actor != target:
            made.append(town.approach(actor, target, draw.choice(list(Direction))))
        if number % 7 == 0 and actor != target:
            town.happened(draw.choice([EventKind.CONTACT_ACCEPTED, EventKind.CONTACT_DECLINED]), target, actor)
    return made


def test_the_policy_in_force_would_have_decided_as_it_did(town: Town) -> None:
    made = a_week(town)
    for against in (IN_FORCE, Against(TEEN), Against(recorded=True)):
        report = town.replay.run(TEEN, against, 0, town.clock.at + 1)
        assert report.decisions == len(made)
        assert report.changed == 0
        assert report.made_under == {TEEN.reference: len(made)}


def test_limits_are_recounted_as_they_were_counted_then(town: Town) -> None:
    made = a_week(town)
    most = {limit.id: limit.most for limit in TEEN.policy.limits}
    recount, met = Recount(TEEN), 0
    for one in made:
        facts = town.house.contact_desk.open_facts(one)
        approach = one.approach
        counted = recount.counted(TEEN, approach.actor, approach.target, facts, one.decided_at)
        recount.note(approach.actor, approach.target, facts, one.outcome, one.decided_at)
        then = dict(facts.limits)
        for name, number in counted.items():
            assert number == min(then[name], most[name])
            met += number == most[name]
    assert met, "no limit was ever met, so nothing was shown"


def test_a_replay_finds_the_same_changes_as_deciding_one_by_one(town: Town) -> None:
    made = a_week(town)
    without = replace(STRICT.policy, limits=())
    policy = CompiledPolicy(without)
    expected: dict[tuple[ContactOutcome, ContactOutcome], set[str]] = {}
    for one in made:
        outcome = policy.decide(town.house.contact_desk.open_facts(one)).outcome
        if outcome is not one.outcome:
            expected.setdefault((one.outcome, outcome), set()).add(one.decision_id)
    report = town.replay.run(policy, Against(recorded=True), 0, town.clock.at + 1)
    assert {key: move.decisions for key, move in report.moves.items()} == {key: len(v) for key, v in expected.items()}
    for key, move in report.moves.items():
        assert {one.decision_id for one in move.examples} <= expected[key]
        of = [one for one in made if one.decision_id in expected[key]]
        assert len(move.actors) == len({one.approach.actor for one in of})
        assert len(move.targets) == len({one.approach.target for one in of})
    assert report.turned(Turn.STRICTER) + report.turned(Turn.MILDER) == report.changed > 0


def test_a_limit_that_the_old_policy_did_not_have_is_counted_from_the_recording(town: Town) -> None:
    """The kept facts know nothing of it; without recounting, a replay would never see it met."""
    adult = town.person("adult", AgeBand.ADULT)
    for number in range(6):
        town.approach(adult, town.person(f"teen{number}", AgeBand.AGE_16_17), Direction.GROUP)
    new = text("teen-default").replace(b"id: asks-many-children", b"id: asks-a-few").replace(b"most: 5\n", b"most: 2\n")
    report = town.replay.run(CompiledPolicy(read_policy(new).policy), IN_FORCE, 0, town.clock.at + 1)
    # Under the policy then: five held, the sixth denied. Under the new one: two held, four denied.
    assert {key: move.decisions for key, move in report.moves.items()} == {(HOLD, DENY): 3}


def test_decisions_before_the_first_day_are_counted_by_limits_and_nowhere_else(town: Town) -> None:
    adult = town.person("adult", AgeBand.ADULT)
    for number in range(5):
        town.approach(adult, town.person(f"teen{number}", AgeBand.AGE_16_17), Direction.GROUP)
    start = town.clock.at + 1
    town.approach(adult, town.person("last", AgeBand.AGE_16_17), Direction.GROUP)
    report = town.replay.run(TEEN, Against(recorded=True), start, town.clock.at + 1)
    assert (report.decisions, report.changed) == (1, 0)


def test_people_are_counted_once_by_band_and_newness(town: Town) -> None:
    adult = town.person("adult", AgeBand.ADULT)
    for number in range(3):
        town.approach(adult, town.person(f"child{number}", AgeBand.AGE_13_15))
    report = town.replay.run(OPEN, IN_FORCE, 0, town.clock.at + 1)
    assert {key: move.decisions for key, move in report.moves.items()} == {(DENY, NOTICE): 3}
    assert {group: len(people) for group, people in report.people.items()} == {
        Group(Turn.MILDER, AgeBand.ADULT, Newness.FRESH): 1,
        Group(Turn.MILDER, AgeBand.AGE_13_15, None): 3,
    }


def test_facts_that_somebody_changed_are_counted_and_used_for_nothing(town: Town) -> None:
    made = town.approach(town.person("adult", AgeBand.ADULT), town.person("child", AgeBand.AGE_13_15))
    with town.house.store.engine.begin() as connection:
        connection.execute(update(contact_decisions).values(facts=made.facts[:-1] + b"\x00"))
    report = town.replay.run(OPEN, IN_FORCE, 0, town.clock.at + 1)
    assert (report.decisions, report.damaged, report.changed) == (0, 1, 0)
    with pytest.raises(RefusedError):
        town.house.contact_desk.explain(made.decision_id)


def test_pages_of_the_recording_fit_together(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    made = a_week(town)
    whole = town.replay.run(STRICT, IN_FORCE, 0, town.clock.at + 1)
    monkeypatch.setattr("nightlight.flows.replay_policy.PAGE", 7)
    told: list[int] = []
    paged = town.replay.run(STRICT, IN_FORCE, 0, town.clock.at + 1, told.append)
    assert sum(told) == len(made) == paged.decisions
    assert {key: move.decisions for key, move in paged.moves.items()} == {
        key: move.decisions for key, move in whole.moves.items()
    }


def test_decisions_of_the_same_instant_are_each_taken_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightlight.flows.replay_policy.PAGE", 2)
    adult = town.person("adult", AgeBand.ADULT)
    one = town.approach(adult, town.person("child", AgeBand.AGE_13_15))
    with town.house.store.write() as tx:
        tx.add_contact_decisions([replace(one, decision_id=f"cd_{number}") for number in range(6)])
    report = town.replay.run(TEEN, Against(recorded=True), 0, town.clock.at + 1)
    assert report.decisions + report.damaged == 7


def test_the_newest_decisions_are_found_that_fit_into_a_look(town: Town) -> None:
    made = a_week(town)
    replay: PolicyReplay = town.replay
    start = replay.newest(30, 50, town.clock.at)
    assert 0 < replay.count(start, town.clock.at + 1) <= 50
    assert replay.count(replay.newest(30, len(made), town.clock.at), town.clock.at + 1) == len(made)


def test_the_share_of_a_policy_is_respected(town: Town) -> None:
    a_week(town)
    desk, book = town.house.policy_desk, town.house.policy_book
    change, _ = desk.propose(text("open"), 40, "try it", "robin")
    desk.approve(change.number, "kim")
    assert book.in_force().share == 40
    report = town.replay.run(TEEN, IN_FORCE, 0, town.clock.at + 1)
    whole = town.replay.run(TEEN, Against(book.in_force().newest), 0, town.clock.at + 1)
    assert 0 < report.changed < whole.changed
