"""A rule that goes wrong pauses itself and says so; one that does well, or hardly anything, is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nightlight.detect.definition_file import read_definitions
from nightlight.detect.meaning import rule_meaning
from nightlight.flows.change_rules import ITSELF
from nightlight.model.signal import ChangeKind, RuleMode
from tests.detect.packs import starter, starter_bytes
from tests.flows.test_detect import DetectionWorld, account

RULE = "many_minors_in_an_hour"


def bounded(bounds: str) -> bytes:
    """The starter pack with these bounds of one rule."""
    line = b"  - id: many_minors_in_an_hour\n"
    return starter_bytes().replace(line, line + f"    bounds: {bounds}\n".encode(), 1)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Any:
    made = DetectionWorld(tmp_path, database_url).migrate()
    made.house.rule_desk.adopt(bounded("{ per_day: 2, precision_percent: 50, after: 10 }"), "kim", "Bounds.")
    made.detection.keep_up()
    yield made
    made.close()


def speak(world: DetectionWorld, *names: str) -> None:
    children = world.children(6)
    for name in names:
        world.ask(name, *children)


def modes(world: DetectionWorld) -> dict[str, RuleMode]:
    return dict(world.house.rule_book.in_force().modes)


def test_bounds_are_no_part_of_what_a_rule_means() -> None:
    other = read_definitions(bounded("{ per_day: 2 }")).pack
    for one, two in zip(starter().rules, other.rules, strict=True):
        assert rule_meaning(starter(), one) == rule_meaning(other, two)
    assert other.rules[0].bounds != starter().rules[0].bounds


def test_a_rule_that_says_too_much_pauses_itself_once_and_says_why(world: DetectionWorld) -> None:
    speak(world, account("a"), account("b"))
    assert world.house.rule_guard.run() == []
    speak(world, account("c"))
    assert [one.rule for one in world.house.rule_guard.look()] == [RULE]
    (change,) = world.house.rule_guard.run()
    assert (change.kind, change.rule, change.by) == (ChangeKind.PAUSED_ITSELF, RULE, ITSELF)
    assert change.note == "3 signals within 24 hours; its bound is 2."
    assert [rule for rule, mode in modes(world).items() if mode is RuleMode.PAUSED] == [RULE]
    assert world.house.rule_guard.run() == []
    speak(world, account("d"))
    assert world.signals_of(account("d"), RULE) == []
    with world.store.read() as tx:
        assert [one.subject for one in tx.log_entries() if one.kind == "rules.paused"] == ["rules"]


def test_what_it_said_before_it_was_changed_is_not_held_against_it(world: DetectionWorld) -> None:
    speak(world, account("a"), account("b"), account("c"))
    world.house.rule_guard.run()
    world.clock.at += 1
    world.house.rule_desk.to_shadow(RULE, "kim", "Looked at: a school's first day.")
    assert world.house.rule_guard.run() == []


@pytest.mark.parametrize(("right", "wrong", "pauses"), [(0, 9, False), (0, 12, True), (5, 11, False), (1, 40, True)])
def test_a_rule_that_is_surely_wrong_too_often_pauses_itself(
    world: DetectionWorld, right: int, wrong: int, pauses: bool
) -> None:
    children = world.children(6)
    for number in range(right + wrong):
        name = account(f"one{number}")
        world.ask(name, *children)
        with world.store.write() as tx:
            outcome = "violation" if number < right else "no_violation"
            tx.settle_signals(world.house.people.number(name), 0, outcome)
        world.clock.at += 90_000_000  # more than a day: it does not say too much
    changes = world.house.rule_guard.run()
    found = [change for change in changes if change.rule == RULE]
    assert bool(found) is pauses
    if found:
        assert f"Of {right + wrong} accounts" in found[0].note
