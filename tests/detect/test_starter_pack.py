"""The pack that comes with Nightlight: its examples hold, and it keeps to what is promised about it."""

from __future__ import annotations

import pytest

from nightlight.detect.definition_file import UNVALIDATED, read_definitions
from nightlight.detect.definitions import DAY_MS, LIFETIME_MAX_MS, Example
from nightlight.detect.examples import run_examples
from nightlight.model.contact import SignalFamily
from tests.detect.packs import starter, starter_bytes


def test_it_is_sound() -> None:
    assert read_definitions(starter_bytes()).warnings == ()


@pytest.mark.parametrize("example", starter().examples, ids=lambda one: one.title)
def test_an_example_holds(example: Example) -> None:
    [outcome] = [one for one in run_examples(starter()) if one.example == example]
    assert outcome.faults == ()


def test_it_is_large_enough_and_speaks_in_five_families() -> None:
    pack = starter()
    assert len(pack.features) >= 14
    assert len(pack.rules) >= 16
    assert {rule.family for rule in pack.rules} == set(SignalFamily)


def test_every_rule_is_raised_and_not_raised_by_some_example() -> None:
    pack = starter()
    for rule in pack.rules:
        assert any(rule.id in one.signals for one in pack.examples), f"{rule.id}: no example raises it"
        assert any(rule.id not in one.signals for one in pack.examples)


def test_everything_names_its_source_or_is_marked_unvalidated() -> None:
    pack = starter()
    for source in [*(one.source for one in pack.features), *(one.source for one in pack.rules)]:
        assert source == UNVALIDATED or source in pack.sources


def test_nothing_is_kept_longer_than_its_purpose_allows() -> None:
    for feature in starter().features:
        assert feature.lifetime_ms <= LIFETIME_MAX_MS[feature.purpose] <= 90 * DAY_MS


def test_a_wrong_expectation_is_said() -> None:
    data = starter_bytes().replace(b"minors_asked_24h: 11", b"minors_asked_24h: 12")
    faults = [fault for outcome in run_examples(read_definitions(data).pack) for fault in outcome.faults]
    assert faults == ["minors_asked_24h is 11, expected 12"]
