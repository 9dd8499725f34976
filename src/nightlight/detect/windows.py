"""Exact windows in plain Python, one event at a time: what every other engine has to agree with.

The time of an event is when it was taken, never falling; the order is that of the numbers. The window is (t - W, t]. A
feature is read after its own event was added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nightlight.detect.definitions import WINDOWED, Feature, Function, Pack
from nightlight.detect.evaluate import Evaluate, Number, evaluator
from nightlight.detect.expression import kinds_of
from nightlight.detect.fields import KINDS, NEVER_MS, Seen


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule's condition held at an event. ``about``: the keyed number of an account. ``values``: what it asked for;
    ``told``: of a live engine, that and what its reason names.

    ``warming``: one of these has not seen a whole window yet, so nothing may follow from it.
    """

    rule: str
    about: int
    number: int
    t: int
    values: Mapping[str, Number]
    warming: bool = False
    told: Mapping[str, Number] = field(default_factory=dict, compare=False)


@dataclass(slots=True)
class _Window:
    """What one key has of one feature: its events that are not too old, the oldest first."""

    events: deque[tuple[int, int]] = field(default_factory=deque)
    total: int = 0
    #: Of count_distinct: how many of the events have each value.
    values: dict[int, int] = field(default_factory=dict)


class _Windowed:
    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._of: dict[int, _Window] = {}
        #: Keys in the order of their events, so that what nobody asks for goes, too.
        self._order: deque[tuple[int, int]] = deque()

    def add(self, seen: Seen) -> None:
        feature = self._feature
        key = getattr(seen, feature.per)
        value = getattr(seen, feature.value) if feature.value else 1
        if not key or (feature.function is Function.COUNT_DISTINCT and not value):
            return
        window = self._of.setdefault(key, _Window())
        window.events.append((seen.t, value))
        window.total += value
        if feature.function is Function.COUNT_DISTINCT:
            window.values[value] = window.values.get(value, 0) + 1
        self._order.append((seen.t, key))

    def expire(self, now: int) -> None:
        while self._order and self._order[0][0] <= now - self._feature.over_ms:
            _, key = self._order.popleft()
            window = self._of[key]
            _, value = window.events.popleft()
            window.total -= value
            if self._feature.function is Function.COUNT_DISTINCT:
                window.values[value] -= 1
                if not window.values[value]:
                    del window.values[value]
            if not window.events:
                del self._of[key]

    def read(self, key: int, _now: int) -> int:
        window = self._of.get(key)
        if window is None:
            return 0
        match self._feature.function:
            case Function.COUNT:
                return len(window.events)
            case Function.COUNT_DISTINCT:
                return len(window.values)
            case _:
                return window.total

    def live(self) -> int:
        return sum(max(1, len(window.values)) for window in self._of.values())


class _Times:
    """``time_since`` and ``first_seen``: by key the first and the last time, forgotten after a lifetime."""

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._of: dict[int, tuple[int, int]] = {}

    def add(self, seen: Seen) -> None:
        key = getattr(seen, self._feature.per)
        if key:
            first, _ = self._of.pop(key, (seen.t, 0))
            self._of[key] = first, seen.t  # at the end: the order is that of the last times

    def expire(self, now: int) -> None:
        while self._of:
            key, (_, last) = next(iter(self._of.items()))
            if last > now - self._feature.over_ms:
                return
            del self._of[key]

    def read(self, key: int, now: int) -> int:
        times = self._of.get(key)
        if times is None:
            return NEVER_MS
        return now - (times[1] if self._feature.function is Function.TIME_SINCE else times[0])

    def live(self) -> int:
        return len(self._of)


class Windows:
    """The state of all features of a pack. Events have to come in the order of the log, each once."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._kept: dict[str, _Windowed | _Times] = {
            one.id: _Windowed(one) if one.function in WINDOWED else _Times(one)
            for one in pack.features
            if one.function is not Function.VALUE
        }
        self._read_by = {one.id: one.read for one in pack.features}
        self._computed = {one.id: evaluator(one.computed) for one in pack.features if one.computed is not None}
        self._adding: list[list[tuple[Evaluate | None, _Windowed | _Times]]] = [[] for _ in KINDS]
        for one in pack.features:
            if one.id in self._kept:
                kinds = kinds_of(one.when) if one.when is not None else None
                for kind in range(len(KINDS)) if kinds is None else kinds:
                    condition = evaluator(one.when) if one.when is not None else None
                    self._adding[kind].append((condition, self._kept[one.id]))
        self._asking: list[list[tuple[str, str, Evaluate, Sequence[str]]]] = [[] for _ in KINDS]
        for rule in pack.rules:
            kinds = kinds_of(rule.when)
            asks = [feature.id for feature in pack.needed(rule.when)]
            for kind in range(len(KINDS)) if kinds is None else kinds:
                self._asking[kind].append((rule.id, rule.about, evaluator(rule.when), asks))

    def add(self, seen: Seen) -> list[Hit]:
        """Takes one event. Returns the rules whose condition holds at it."""
        for state in self._kept.values():
            state.expire(seen.t)
        for condition, state in self._adding[seen.kind]:
            if condition is None or condition(seen, _no_features):
                state.add(seen)
        hits = []
        for rule, about, condition, asks in self._asking[seen.kind]:
            if getattr(seen, about) and condition(seen, lambda name: self.read(name, seen)):
                values = {name: self.read(name, seen) for name in asks}
                hits.append(Hit(rule, getattr(seen, about), seen.number, seen.t, values))
        return hits

    def read(self, name: str, seen: Seen) -> Number:
        """The value of a feature for an event that was added last."""
        computed = self._computed.get(name)
        if computed is not None:
            return computed(seen, lambda other: self.read(other, seen))
        return self._kept[name].read(getattr(seen, self._read_by[name]), seen.t)

    def values(self, seen: Seen) -> dict[str, Number]:
        """Of all features, for the event that was added last."""
        return {feature.id: self.read(feature.id, seen) for feature in self.pack.features}

    def live(self) -> int:
        """How many values of keys are kept."""
        return sum(state.live() for state in self._kept.values())


def _no_features(name: str) -> Number:
    raise KeyError(name)
