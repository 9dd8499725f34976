"""The live engine without numba: plain windows behind the interface of ``compiled.Engine``, about ten times slower.

It has no limits on its state: it is for small installations and for where nothing can be compiled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.definitions import Function, Pack
from nightlight.detect.engine import Counters
from nightlight.detect.evaluate import Number
from nightlight.detect.fields import Seen
from nightlight.detect.generated import Shown, Writer
from nightlight.detect.groups import plan
from nightlight.detect.live import Hits, checked
from nightlight.detect.ranges import CODE, RANGES, unfit
from nightlight.detect.warming import Since, Warming
from nightlight.detect.windows import Hit, Windows, _Window, _Windowed
from nightlight.errors import RefusedError

MAGIC = b"nightlight-plain/1\n"
_ACCOUNTS = ("actor", "target")
_HINT = "Replay the log from its start, or from an older snapshot."


class PlainEngine:
    def __init__(self, pack: Pack, warming: Warming) -> None:
        self.pack, self.warming = pack, warming
        self.last_number, self.last_t = -1, 0
        self.counters = Counters()
        self._windows = Windows(pack)
        self._shown: tuple[Shown, ...] = Writer(pack, plan(pack)).shown
        self._number = {rule.id: number for number, rule in enumerate(pack.rules)}

    @classmethod
    def new(cls, pack: Pack, since: Since = None) -> Self:
        return cls(pack, Warming(pack, since))

    def add_batch(self, columns: Mapping[str, Any]) -> Hits:
        """As ``compiled.Engine.add_batch``."""
        given = checked(columns)
        heads: list[tuple[int, ...]] = []
        raws: list[np.ndarray[Any, Any]] = []
        width = max((len(shown.names) for shown in self._shown), default=0)
        for row, values in enumerate(zip(*(given[name].tolist() for name in SEEN_COLUMNS), strict=True)):
            for hit in self._take(Seen(*values)):
                number = self._number[hit.rule]
                raw = np.zeros(width, np.int64)
                for at, (name, value) in enumerate(hit.told.items()):
                    into = raw.view(np.float64) if name in self._shown[number].floats else raw
                    into[at] = value
                heads.append((row, number, hit.about, hit.number, hit.t, int(hit.warming)))
                raws.append(raw)
        head = np.array(heads, np.int64).reshape(-1, 6)
        row_, rule, about, number_, t, warming = (np.ascontiguousarray(head[:, column]) for column in range(6))
        raw_ = np.array(raws, np.int64).reshape(-1, width)
        return Hits(self.pack, self._shown, row_, rule, about, number_, t, raw_, warming.astype(np.bool_))

    def add(self, seen: Seen) -> list[Hit]:
        for name, (low, high) in RANGES.items():
            value = getattr(seen, name)
            if not isinstance(value, int):
                raise RefusedError(CODE, "An event is made of whole numbers of 64 bits.")
            if not low <= value <= high:
                raise unfit(name)
        return self._take(seen)

    def add_many(self, many: Sequence[Seen]) -> list[Hit]:
        return [hit for seen in many for hit in self.add(seen)]

    def _take(self, seen: Seen) -> list[Hit]:
        if seen.number <= self.last_number:
            self.counters = replace(self.counters, doubled=self.counters.doubled + 1)
            return []
        if seen.t < self.last_t:
            self.counters = replace(self.counters, clamped=self.counters.clamped + 1)
            seen = seen._replace(t=self.last_t)
        self.last_number, self.last_t = seen.number, seen.t
        hits = self._windows.add(seen)
        warm_from = self.warming.warm_from
        return [
            replace(
                hit,
                warming=bool(hit.t < warm_from[self._number[hit.rule]]),
                told={name: self._windows.read(name, seen) for name in self._shown[self._number[hit.rule]].names},
            )
            for hit in hits
        ]

    def read(self, name: str, seen: Seen) -> Number:
        return self._windows.read(name, seen._replace(t=max(seen.t, self.last_t)))

    def values(self, seen: Seen) -> dict[str, Number]:
        return {feature.id: self.read(feature.id, seen) for feature in self.pack.features}

    def warming_up(self, feature: str, now: int) -> bool:
        return self.warming.up(feature, now)

    def live(self) -> int:
        return self._windows.live()

    def expire(self, now: int) -> None:
        self.last_t = max(now, self.last_t)
        for kept in self._windows._kept.values():
            kept.expire(self.last_t)

    def forget(self, account: int) -> int:
        """Removes an account's keys and values from every window; returns how many went."""
        gone = 0
        kept = self._dump()
        for feature in self.pack.features:
            if feature.id in kept:
                by_key = feature.per in _ACCOUNTS
                by_value = feature.function is Function.COUNT_DISTINCT and feature.value in _ACCOUNTS
                rows = kept[feature.id]
                left = [row for row in rows if not ((by_key and row[0] == account) or (by_value and row[1] == account))]
                gone += len(rows) - len(left)
                kept[feature.id] = left
        self._load(kept)
        return gone

    def snapshot(self) -> bytes:
        self.expire(self.last_t)
        body = json.dumps(
            {
                "pack": self.pack.digest,
                "last": [self.last_number, self.last_t],
                "counters": asdict(self.counters),
                "since": dict(self.warming.since),
                "kept": self._dump(),
            }
        ).encode()
        return MAGIC + hashlib.sha256(body).digest() + body

    @classmethod
    def restore(cls, pack: Pack, data: bytes) -> Self:
        """``RefusedError``: ``snapshot_corrupted`` or ``snapshot_of_another_pack``; then replay the log instead."""
        start = len(MAGIC) + 32
        if data[: len(MAGIC)] != MAGIC or hashlib.sha256(data[start:]).digest() != data[len(MAGIC) : start]:
            raise RefusedError("snapshot_corrupted", "The snapshot is damaged, or none of this format.", _HINT)
        body = json.loads(data[start:])
        if body["pack"] != pack.digest:
            raise RefusedError("snapshot_of_another_pack", f"The snapshot is not of {pack.reference}.", _HINT)
        made = cls(pack, Warming(pack, body["since"]))
        made.last_number, made.last_t = body["last"]
        made.counters = Counters(**body["counters"])
        made._load(body["kept"])
        return made

    def _dump(self) -> dict[str, list[list[int]]]:
        """By feature, in order: key, value and time of each event; of times: key, first and last."""
        made: dict[str, list[list[int]]] = {}
        for name, kept in self._windows._kept.items():
            if isinstance(kept, _Windowed):
                events = {key: iter(window.events) for key, window in kept._of.items()}
                made[name] = [[key, next(events[key])[1], t] for t, key in kept._order]
            else:
                made[name] = [[key, first, last] for key, (first, last) in kept._of.items()]
        return made

    def _load(self, given: Mapping[str, list[list[int]]]) -> None:
        self._windows = Windows(self.pack)
        for name, kept in self._windows._kept.items():
            for key, value, t in given[name]:
                if isinstance(kept, _Windowed):
                    window = kept._of.setdefault(key, _Window())
                    window.events.append((t, value))
                    window.total += value
                    if kept._feature.function is Function.COUNT_DISTINCT:
                        window.values[value] = window.values.get(value, 0) + 1
                    kept._order.append((t, key))
                else:
                    kept._of[key] = value, t
