"""Packs that together say what one pack says: rules that ask for nothing in common need not be asked in one place.

Pure planning. Which feature is kept together with which is said by ``groups.py``; only what a rule's condition needs is
kept at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlight.detect.definitions import Pack
from nightlight.detect.expression import kinds_of
from nightlight.detect.groups import Group, plan


@dataclass(frozen=True, slots=True)
class Division:
    """``places``: of its rules in the whole pack, in their order."""

    pack: Pack
    places: tuple[int, ...]


def divide(pack: Pack, parts: int, often: Callable[[int], float]) -> list[Division]:
    """Up to so many packs, with about as much to do each; every rule is in one of them.

    ``often``: of each kind of event, by number, the share of all events.
    """
    whole = plan(pack)
    needs = [_groups(pack, place, whole.place) for place in range(len(pack.rules))]
    bundles = _bundles(needs)
    weight = {
        bundle: sum(_share(whole.groups[group], often) for group in {one for rule in bundle for one in needs[rule]})
        for bundle in bundles
    }
    loads: list[float] = [0.0] * max(1, parts)
    rules: list[list[int]] = [[] for _ in loads]
    for bundle in sorted(bundles, key=lambda one: (-weight[one], one)):
        lightest = loads.index(min(loads))
        loads[lightest] += weight[bundle]
        rules[lightest] += bundle
    return [Division(_with_rules(pack, sorted(some)), tuple(sorted(some))) for some in rules if some]


def _groups(pack: Pack, rule: int, place: Mapping[str, tuple[int, int]]) -> frozenset[int]:
    return frozenset(place[one.id][0] for one in pack.needed(pack.rules[rule].when) if one.id in place)


def _bundles(needs: Sequence[frozenset[int]]) -> list[tuple[int, ...]]:
    """Rules by their places, together where they need a group in common, directly or by others."""
    bundles: list[tuple[frozenset[int], tuple[int, ...]]] = []
    for rule, groups in enumerate(needs):
        joined = [one for one in bundles if one[0] & groups]
        bundles = [one for one in bundles if not one[0] & groups]
        bundles.append((groups.union(*(one[0] for one in joined)), (*(r for one in joined for r in one[1]), rule)))
    return [rules for _, rules in bundles]


def _share(group: Group, often: Callable[[int], float]) -> float:
    kinds = kinds_of(group.when) if group.when is not None else None
    return 1.0 if kinds is None else sum(map(often, kinds))


def _with_rules(pack: Pack, places: Sequence[int]) -> Pack:
    rules = tuple(pack.rules[place] for place in places)
    needed = {one.id for rule in rules for one in pack.needed(rule.when)}
    return replace(pack, rules=rules, features=tuple(one for one in pack.features if one.id in needed))
