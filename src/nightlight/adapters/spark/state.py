"""The operator that keeps one part of the state.

What is durable is a snapshot of the part and the events since, as Spark's state: a batch adds its events and rewrites
nothing. The windows themselves stay in the memory of the worker that had the part last; one that has missed a batch,
or is new, makes up for it from what is durable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from nightlight.adapters.spark.visits import as_row, in_order
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack
from nightlight.detect.part import BatchEngine, Part
from nightlight.detect.plain import PlainEngine
from nightlight.detect.shares import Plan, plan
from nightlight.errors import UnavailableError

#: The environment variable that names the file of definitions which workers prepare for (``daemon.py``).
DEFINITIONS = "NIGHTLIGHT_STREAM_DEFINITIONS"
#: ``rule`` is empty where ``told`` holds values for rules that are decided elsewhere, and then ``event`` is the event.
OUTPUT = "number long, t long, rule string, about long, told string, event string"
#: Events of a part that may wait for the next snapshot; more where the state is larger, so that writing it stays a
#: small share of the work. Replaying so many takes a fraction of a second.
SNAPSHOT_EVENTS = 200_000
#: Longer than this, nothing that has expired stays in what is durable, by the log's time.
SNAPSHOT_MS = 86_400_000


@dataclass(slots=True)
class _Cached:
    sequence: int
    part: Part


#: Of this worker process, by run and part.
_cache: dict[tuple[str, int], _Cached] = {}


@lru_cache(maxsize=4)
def compiled(definitions: bytes, every_value: bool) -> tuple[Pack, Plan]:
    pack = read_definitions(definitions).pack
    return pack, plan(pack, every_value=every_value)


def engine_of(pack: Pack, snapshot: bytes | None, *, plain: bool) -> BatchEngine:
    """``plain``: nothing is compiled, which takes some seconds in each worker; it is ten times slower then."""
    if plain:
        return PlainEngine.new(pack) if snapshot is None else PlainEngine.restore(pack, snapshot)
    from nightlight.detect.compiled import Engine

    salt = int.from_bytes(os.urandom(8))  # an engine's own: snapshots hold no hashes
    return Engine.new(pack, salt) if snapshot is None else Engine.restore(pack, snapshot, salt)


class PartProcessor(StatefulProcessor):
    """``run``: names the checkpoint, so that workers never take the memory of another stream for theirs.
    ``snapshot``: after how many events."""

    def __init__(
        self, definitions: bytes, parts: int, run: str, *, every_value: bool, plain: bool, snapshot: int
    ) -> None:
        self._definitions, self._parts, self._run = definitions, parts, run
        self._every_value, self._plain, self._often = every_value, plain, snapshot

    def init(self, handle: StatefulProcessorHandle) -> None:
        self._head = handle.getValueState("head", "sequence long, first long, events long, since long")
        self._snapshot = handle.getValueState("snapshot", "data binary")
        self._events = handle.getMapState("events", "sequence long", "data binary")

    def handleInputRows(  # noqa: N802
        self, key: Any, rows: Iterator[Row], _timers: Any = None
    ) -> Iterator[Row]:
        number = int(key[0])
        head = self._head.get()
        # ``first``: of the batches that no snapshot contains; ``since``: the time of the last snapshot.
        sequence, first, waiting, since = head or (0, 0, 0, 0)
        part = self._part(number, sequence, first)
        given = list(rows)
        events = in_order(row.events for row in given)
        now = max(row.t for row in given)
        told = part.add(events)
        for hit in told.hits:
            values = json.dumps(hit.values)
            yield Row(number=hit.number, t=hit.t, rule=hit.rule, about=hit.about, told=values, event="")
        for seen, read in told.values:
            event = json.dumps(as_row(seen))
            yield Row(number=seen.number, t=seen.t, rule="", about=0, told=json.dumps(read), event=event)
        part.engine.expire(now)
        waiting += len(events)
        if waiting >= max(self._often, part.engine.live() // 2) or (since and now - since >= SNAPSHOT_MS):
            self._snapshot.update((part.engine.snapshot(),))
            for one in range(first, sequence):
                self._events.removeKey((one,))
            first, waiting, since = sequence + 1, 0, now
        else:
            self._events.updateValue((sequence,), (events.tobytes(),))
        self._head.update((sequence + 1, first, waiting, since or now))
        _cache[self._run, number] = _Cached(sequence + 1, part)

    def _part(self, number: int, sequence: int, first: int) -> Part:
        """The windows as they were after ``sequence`` batches."""
        pack, how = compiled(self._definitions, self._every_value)
        cached = _cache.pop((self._run, number), None)
        # One that is ahead saw a batch that came to nothing.
        if cached is not None and first <= cached.sequence <= sequence:
            part, first = cached.part, cached.sequence
        elif self._snapshot.exists():
            (data,) = self._snapshot.get() or (b"",)
            part = Part(engine_of(pack, bytes(data), plain=self._plain), how, number, self._parts)
        else:
            part = Part(engine_of(pack, None, plain=self._plain), how, number, self._parts)
        for one in range(first, sequence):
            found = self._events.getValue((one,))
            if found is None:
                raise UnavailableError("state_lost", f"Part {number} has lost batch {one} of its state.", retry=False)
            part.keep(in_order([bytes(found[0])]))
        return part

    def close(self) -> None:
        """Nothing is held beyond a batch but ``_cache``, which is meant to be."""
