"""Where the values of features come from: the events that count for one event, kept while the past goes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from nightlight.detect.definitions import WINDOWED, Feature, Function, Pack
from nightlight.detect.evaluate import Evaluate, Number, evaluator
from nightlight.detect.fields import Seen

#: How many of the events behind a value are named; of more, the newest.
NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class Source:
    """``events``: number and time of events that count, the newest last. ``count``: of all that count, named or not."""

    events: Sequence[tuple[int, int]]
    count: int


@dataclass(slots=True)
class _Trail:
    feature: Feature
    key: int
    condition: Evaluate | None
    events: deque[tuple[int, int]] = field(default_factory=deque)

    def see(self, seen: Seen) -> None:
        feature = self.feature
        if not self.key or getattr(seen, feature.per) != self.key:
            return
        if feature.function is Function.COUNT_DISTINCT and not getattr(seen, feature.value):
            return
        if self.condition is not None and not self.condition(seen, _no_features):
            return
        if feature.function not in WINDOWED and self.events and seen.t - self.events[-1][1] >= feature.over_ms:
            self.events.clear()  # the row of events had ended
        self.events.append((seen.number, seen.t))


class Sources:
    """Of the features of a pack, for the event ``about``. ``see`` wants the events up to it, in their order."""

    def __init__(self, pack: Pack, about: Seen) -> None:
        self._about = about
        self._trails = {
            one.id: _Trail(one, getattr(about, one.read), evaluator(one.when) if one.when is not None else None)
            for one in pack.features
            if one.function is not Function.VALUE
        }

    def see(self, seen: Seen) -> None:
        for trail in self._trails.values():
            trail.see(seen)

    def of(self, feature: str) -> Source:
        trail = self._trails.get(feature)
        if trail is None:
            return Source((), 0)
        since = self._about.t - trail.feature.over_ms
        events = [one for one in trail.events if one[1] > since or trail.feature.function not in WINDOWED]
        return Source(tuple(events[-NAMED_MAX:]), len(events))


def _no_features(name: str) -> Number:
    raise KeyError(name)
