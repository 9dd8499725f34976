"""A feature whose meaning is new has not seen a whole window yet: until then it is *warming up*, and says so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nightlight.detect.definitions import Pack

#: From when on features see events, milliseconds: of all, or by feature (others: always have). None: always have.
Since = int | Mapping[str, int] | None
#: Of a feature that always has seen events.
ALWAYS = -(2**62)


class Warming:
    def __init__(self, pack: Pack, since: Since) -> None:
        given = dict.fromkeys((one.id for one in pack.features), since) if isinstance(since, int) else dict(since or {})
        #: Only of features that are kept: a computed one is as new as those it is computed of.
        self.since: Mapping[str, int] = {
            one.id: given[one.id] for one in pack.features if one.id in given and one.computed is None
        }
        self._warm_from: dict[str, int] = {}
        for one in pack.features:
            parts = [part for part in pack.needed(one.computed) if part.computed is None] if one.computed else [one]
            self._warm_from[one.id] = max((self._warm(part.id, part.over_ms) for part in parts), default=ALWAYS)
        self.warm_from = np.array(
            [max((self._warm_from[one.id] for one in pack.needed(rule.when)), default=ALWAYS) for rule in pack.rules],
            np.int64,
        )

    def _warm(self, feature: str, over: int) -> int:
        return self.since[feature] + over if feature in self.since else ALWAYS

    def up(self, feature: str, now: int) -> bool:
        return now < self._warm_from[feature]
