"""What features share: those that count the same events by the same key are kept once, with one window length each.

Pure planning, no state. ``tables.py`` keeps the groups, ``generated.py`` writes the code that feeds and reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from nightlight.detect.definitions import WINDOWED, Feature, Function, Pack
from nightlight.detect.expression import Node


class Kept(IntEnum):
    """What a group keeps: a (key, value) pair once, every event, every event with its number, or times by key."""

    PAIRS = 0
    EVENTS = 1
    NUMBERS = 2
    TIMES = 3


_KEPT: Mapping[Function, Kept] = {
    Function.COUNT: Kept.EVENTS,
    Function.COUNT_DISTINCT: Kept.PAIRS,
    Function.SUM: Kept.NUMBERS,
    Function.TIME_SINCE: Kept.TIMES,
    Function.FIRST_SEEN: Kept.TIMES,
}


@dataclass(frozen=True, slots=True)
class Group:
    """``overs``: the window lengths in milliseconds, the longest last; of ``TIMES`` the one lifetime."""

    kept: Kept
    per: str
    value: str
    when: Node | None
    overs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """``place``: feature → its group's number and its window's place in that group. Computed features have none."""

    groups: tuple[Group, ...]
    place: Mapping[str, tuple[int, int]]
    #: How many pairs of a group and a field that it is read by there are.
    searches_max: int

    @property
    def windows_max(self) -> int:
        return max((len(group.overs) for group in self.groups), default=1)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of what is kept: states of equal plans hold the same."""
        return hashlib.sha256("\n".join(map(repr, self.groups)).encode()).hexdigest()


def plan(pack: Pack) -> Plan:
    overs: dict[tuple[Kept, str, str, Node | None, int], set[int]] = {}
    for one in pack.features:
        if one.function is not Function.VALUE:
            overs.setdefault(_shared(one), set()).add(one.over_ms)
    groups = [Group(*shared[:4], tuple(sorted(lengths))) for shared, lengths in overs.items()]
    numbers = {shared: number for number, shared in enumerate(overs)}
    place = {
        one.id: (numbers[_shared(one)], groups[numbers[_shared(one)]].overs.index(one.over_ms))
        for one in pack.features
        if one.function is not Function.VALUE
    }
    searches = {(place[one.id][0], one.read) for one in pack.features if one.id in place}
    return Plan(tuple(groups), place, len(searches))


def _shared(one: Feature) -> tuple[Kept, str, str, Node | None, int]:
    # The start of a row depends on the lifetime, so times are shared only where that is the same.
    apart = 0 if one.function in WINDOWED else one.over_ms
    return _KEPT[one.function], one.per, one.value, one.when, apart


def features_digest(feature: Feature, features: Sequence[Feature] = ()) -> str:
    """SHA-256, in hex, of what a feature means: not of its name, title, purpose or source.

    ``features``: all of the pack; a computed feature means what those it is computed of mean.
    """
    meant = repr((feature.function.value, feature.value, feature.per, feature.read, feature.when, feature.over_ms))
    if feature.computed is not None:
        parts = [f"{one.id}={features_digest(one, features)}" for one in asked_by(feature.computed, features)]
        meant += repr((feature.computed, parts))
    return hashlib.sha256(f"{meant}{feature.lifetime_ms}".encode()).hexdigest()


def asked_by(node: Node, features: Sequence[Feature]) -> list[Feature]:
    from_names = Pack("", "", "", "", {}, tuple(features), ())
    return from_names.needed(node)
