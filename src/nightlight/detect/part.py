"""One part of a divided state: the same windows, for the keys that belong to it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import cbor2

from nightlight.detect.definitions import Feature, Function, Pack
from nightlight.detect.evaluate import Evaluate, Number, evaluator
from nightlight.detect.expression import kinds_of
from nightlight.detect.fields import KINDS, Seen
from nightlight.detect.shares import Plan, part_of
from nightlight.detect.windows import Hit, State, state_of
from nightlight.errors import RefusedError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Told:
    """What a part says of one event: rules that it decided, and values of features for rules that others decide."""

    hits: Sequence[Hit]
    values: Mapping[str, Number]


class Part:
    """Events have to come in the order of the log, each once; those that do not concern a key of this part may be left
    out. ``number``: which part, of how many."""

    def __init__(self, pack: Pack, plan: Plan, number: int, parts: int) -> None:
        self._pack, self._plan, self._number, self._parts = pack, plan, number, parts
        self._kept: dict[str, State] = {
            one.id: state_of(one) for one in pack.features if one.function is not Function.VALUE
        }
        self._read_by = {one.id: one.read for one in pack.features}
        self._computed = {one.id: evaluator(one.computed) for one in pack.features if one.computed is not None}
        self._adding: list[list[tuple[Feature, Evaluate | None, State]]] = [[] for _ in KINDS]
        for one in pack.features:
            if one.id in self._kept:
                kinds = kinds_of(one.when) if one.when is not None else None
                condition = evaluator(one.when) if one.when is not None else None
                for kind in range(len(KINDS)) if kinds is None else kinds:
                    self._adding[kind].append((one, condition, self._kept[one.id]))
        self._asking: list[list[tuple[str, str, str, Evaluate, Sequence[str]]]] = [[] for _ in KINDS]
        for rule in pack.rules:
            if rule.id in plan.alone:
                asks = [feature.id for feature in pack.needed(rule.when)]
                of = (rule.id, rule.about, plan.alone[rule.id], evaluator(rule.when), asks)
                kinds = kinds_of(rule.when)
                for kind in range(len(KINDS)) if kinds is None else kinds:
                    self._asking[kind].append(of)

    def keep(self, seen: Seen) -> None:
        """Takes one event into the windows."""
        for feature, condition, state in self._adding[seen.kind]:
            key = getattr(seen, feature.per)
            if part_of(key, self._parts) == self._number and (condition is None or condition(seen, _no_features)):
                state.expire(seen.t)
                state.add(seen)

    def add(self, seen: Seen) -> Told:
        """Takes one event and says what came of it here."""
        self.keep(seen)
        hits, parts, mine = [], self._parts, self._number
        for rule, about, where, condition, asks in self._asking[seen.kind]:
            if (
                part_of(getattr(seen, where), parts) == mine
                and getattr(seen, about)
                and condition(seen, lambda name: self._read(name, seen))
            ):
                values = {name: self._read(name, seen) for name in asks}
                hits.append(Hit(rule, getattr(seen, about), seen.number, seen.t, values))
        shown = {
            feature.id: self._read(feature.id, seen)
            for feature in self._plan.shown[seen.kind]
            if part_of(getattr(seen, feature.read), parts) == mine
        }
        return Told(hits, shown)

    def _read(self, name: str, seen: Seen) -> Number:
        computed = self._computed.get(name)
        if computed is not None:
            return computed(seen, lambda other: self._read(other, seen))
        state = self._kept[name]
        state.expire(seen.t)
        return state.read(getattr(seen, self._read_by[name]), seen.t)

    def expire(self, now: int) -> None:
        """Forgets what is too old at ``now``, of all keys."""
        for state in self._kept.values():
            state.expire(now)

    def live(self) -> int:
        return sum(state.live() for state in self._kept.values())

    def snapshot(self) -> bytes:
        """All that is kept, as CBOR."""
        kept = {name: _packed(state.rows()) for name, state in self._kept.items()}
        return cbor2.dumps([_FORMAT, self._pack.digest, self._number, self._parts, kept])

    @classmethod
    def restore(cls, pack: Pack, plan: Plan, number: int, parts: int, data: bytes) -> Self:
        """``RefusedError('snapshot_corrupted')`` if it is not of this pack and this part, or not whole."""
        made = cls(pack, plan, number, parts)
        try:
            version, digest, of, out_of, kept = cbor2.loads(data)
            if (version, digest, of, out_of) != (
                _FORMAT,
                pack.digest,
                number,
                parts,
            ) or kept.keys() != made._kept.keys():
                raise ValueError
            for name, packed in kept.items():
                made._kept[name].load(_rows(packed))
        except (ValueError, TypeError, AttributeError, cbor2.CBORDecodeError):
            raise RefusedError(
                "snapshot_corrupted",
                f"The state of part {number} is damaged, or of other definitions.",
                "Start with a new checkpoint folder: the state is made again from the log.",
            ) from None
        return made


class Meeting:
    """Where the values of one event from several parts come together."""

    def __init__(self, pack: Pack, plan: Plan) -> None:
        self._computed = {one.id: evaluator(one.computed) for one in pack.features if one.computed is not None}
        self._rules = [
            (rule, evaluator(rule.when), [feature.id for feature in pack.needed(rule.when)])
            for rule in pack.rules
            if rule.id in plan.meeting
        ]

    def decide(self, seen: Seen, told: Iterable[Mapping[str, Number]]) -> list[Hit]:
        """The hits of the rules that no part could decide alone."""
        values = {name: value for some in told for name, value in some.items()}
        hits = []
        for rule, condition, asks in self._rules:
            kinds = kinds_of(rule.when)
            about = getattr(seen, rule.about)
            if (kinds is None or seen.kind in kinds) and about and condition(seen, self.reader(seen, values)):
                read = self.reader(seen, values)
                hits.append(Hit(rule.id, about, seen.number, seen.t, {name: read(name) for name in asks}))
        return hits

    def reader(self, seen: Seen, values: Mapping[str, Number]) -> _Reader:
        return _Reader(seen, values, self._computed)


class _Reader:
    def __init__(self, seen: Seen, values: Mapping[str, Number], computed: Mapping[str, Evaluate]) -> None:
        self._seen, self._values, self._computed = seen, values, computed

    def __call__(self, name: str) -> Number:
        computed = self._computed.get(name)
        return self._values[name] if computed is None else computed(self._seen, self)


def _packed(rows: Sequence[tuple[int, int, int]]) -> bytes:
    return array("q", [number for row in rows for number in row]).tobytes()


def _rows(packed: bytes) -> list[tuple[int, int, int]]:
    numbers = array("q")
    numbers.frombytes(packed)
    of = iter(numbers)
    return list(zip(of, of, of, strict=True))


def _no_features(name: str) -> Number:
    raise KeyError(name)
