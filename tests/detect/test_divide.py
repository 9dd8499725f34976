"""A divided pack has every rule once, with all that it asks for, and nothing is kept in two parts."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.detect.divide import divide
from nightlight.detect.fields import KINDS, Type, code
from nightlight.detect.groups import plan
from tests.detect.packs import starter


@given(st.integers(1, 20), st.lists(st.floats(0, 1), min_size=len(KINDS), max_size=len(KINDS)))
def test_every_rule_is_in_one_part_with_all_that_it_needs(parts: int, often: list[float]) -> None:
    pack = starter()
    found = divide(pack, parts, often.__getitem__)
    assert 1 <= len(found) <= parts
    assert sorted(place for part in found for place in part.places) == list(range(len(pack.rules)))
    for part in found:
        assert [pack.rules[place] for place in part.places] == list(part.pack.rules)
        for rule in part.pack.rules:
            assert part.pack.needed(rule.when) == pack.needed(rule.when)
    for one, other in combinations(found, 2):
        assert not {*plan(one.pack).groups} & {*plan(other.pack).groups}


def test_what_is_often_stands_alone() -> None:
    volume = code(Type.KIND, "conversation.volume")
    one, other = divide(starter(), 2, lambda kind: 0.6 if kind == volume else 0.4 / len(KINDS))
    alone = one if len(one.places) == 1 else other
    assert [rule.id for rule in alone.pack.rules] == ["much_in_a_new_chat"]


def test_features_that_no_rule_asks_for_are_not_kept() -> None:
    whole = starter()
    [part] = divide(whole, 1, lambda _: 1.0)
    asked = {one.id for rule in whole.rules for one in whole.needed(rule.when)}
    assert {one.id for one in part.pack.features} == asked


@pytest.mark.parametrize("parts", [1, 3])
def test_a_pack_without_rules_has_no_parts(parts: int) -> None:
    assert divide(replace(starter(), rules=()), parts, lambda _: 1.0) == []
