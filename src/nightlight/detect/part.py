"""One part of a divided state: an engine that sees the events that concern its keys, and speaks for these alone.

An event comes to the part of each key that it concerns. There the engine takes it as a whole, so it also keeps pieces
of keys that belong to other parts; nobody asks for them, and they expire as everything does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.definitions import Pack
from nightlight.detect.engine import Engine
from nightlight.detect.evaluate import Evaluate, Number, evaluator
from nightlight.detect.expression import kinds_of
from nightlight.detect.fields import Seen
from nightlight.detect.live import Hits
from nightlight.detect.shares import Plan, part_of
from nightlight.detect.windows import Hit

Rows = NDArray[np.int64]
_KIND = SEEN_COLUMNS.index("kind")


class BatchEngine(Engine, Protocol):
    def add_batch(self, columns: Mapping[str, Any]) -> Hits: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a part says of a batch: hits of rules that it decides, and values of features for rules that others do."""

    hits: Sequence[Hit]
    values: Sequence[tuple[Seen, Mapping[str, Number]]]


class Part:
    """``engine``: of this part alone. ``number``: which part, of ``parts``. Events come as rows in the columns of
    ``SEEN_COLUMNS``, in the order of the log, each once."""

    def __init__(self, engine: BatchEngine, plan: Plan, number: int, parts: int) -> None:
        self.engine = engine
        self._plan, self._number, self._parts = plan, number, parts
        #: By rule, the column of the key in whose part it is decided; -1: not in one part.
        self._where = np.array(
            [SEEN_COLUMNS.index(plan.alone[rule.id]) if rule.id in plan.alone else -1 for rule in engine.pack.rules]
        )
        self._shows = np.array([bool(shown) for shown in plan.shown])

    def keep(self, rows: Rows) -> None:
        """Takes events whose hits are known already."""
        if len(rows):
            self.engine.add_batch(_columns(rows))

    def add(self, rows: Rows) -> Told:
        """Takes events and says what came of them here."""
        hits: list[Hit] = []
        values: list[tuple[Seen, Mapping[str, Number]]] = []
        # Values are read right after their event; what lies between such events goes in one piece.
        shown = self._shows[rows[:, _KIND]]
        ends = {*(np.flatnonzero(shown) + 1).tolist(), len(rows)} - {0}
        start = 0
        for end in sorted(ends):
            piece = rows[start:end]
            hits += self._own(piece, self.engine.add_batch(_columns(piece)))
            if shown[end - 1]:
                seen = Seen(*rows[end - 1].tolist())
                mine = [
                    feature.id
                    for feature in self._plan.shown[seen.kind]
                    if part_of(getattr(seen, feature.read), self._parts) == self._number
                ]
                if mine:
                    values.append((seen, {name: self.engine.read(name, seen) for name in mine}))
            start = end
        return Told(hits, values)

    def _own(self, rows: Rows, found: Hits) -> Iterable[Hit]:
        where = self._where[found.rule]
        keys = rows[found.row, where]
        mine = (where >= 0) & (keys % self._parts == self._number)
        return map(found.hit, np.flatnonzero(mine).tolist())


class Meeting:
    """Where the values of one event from several parts come together."""

    def __init__(self, pack: Pack, plan: Plan) -> None:
        self._computed = {one.id: evaluator(one.computed) for one in pack.features if one.computed is not None}
        self._rules = [
            (rule, kinds_of(rule.when), evaluator(rule.when), [feature.id for feature in pack.needed(rule.when)])
            for rule in pack.rules
            if rule.id in plan.meeting
        ]

    def decide(self, seen: Seen, told: Iterable[Mapping[str, Number]]) -> list[Hit]:
        """The hits of the rules that no part could decide alone."""
        read = self.reader(seen, told)
        hits = []
        for rule, kinds, condition, asks in self._rules:
            about = getattr(seen, rule.about)
            if (kinds is None or seen.kind in kinds) and about and condition(seen, read):
                hits.append(Hit(rule.id, about, seen.number, seen.t, {name: read(name) for name in asks}))
        return hits

    def reader(self, seen: Seen, told: Iterable[Mapping[str, Number]]) -> _Reader:
        return _Reader(seen, {name: value for some in told for name, value in some.items()}, self._computed)


class _Reader:
    def __init__(self, seen: Seen, values: Mapping[str, Number], computed: Mapping[str, Evaluate]) -> None:
        self._seen, self._values, self._computed = seen, values, computed

    def __call__(self, name: str) -> Number:
        computed = self._computed.get(name)
        return self._values[name] if computed is None else computed(self._seen, self)


def _columns(rows: Rows) -> dict[str, NDArray[np.int64]]:
    return {name: rows[:, place] for place, name in enumerate(SEEN_COLUMNS)}
