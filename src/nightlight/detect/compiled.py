"""The live engine: what ``generated.py`` writes for a pack, compiled by numba, over the tables of ``layout.py``."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightlight.detect import layout, storage
from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.definitions import Function, Pack
from nightlight.detect.engine import Counters
from nightlight.detect.evaluate import Number, evaluator
from nightlight.detect.fields import Seen
from nightlight.detect.generated import Writer, count_column
from nightlight.detect.groups import Kept, plan
from nightlight.detect.live import Hits, Limits, checked, hits_of
from nightlight.detect.machine_code import CodeStore, machine_code
from nightlight.detect.ranges import CODE, unfit
from nightlight.detect.snapshot import read_snapshot, write_snapshot
from nightlight.detect.warming import Since, Warming
from nightlight.detect.windows import Hit
from nightlight.errors import RefusedError

_CHUNK = 4096
#: The type has the name of a method below.
Snapshot = bytes
_ACCOUNTS = ("actor", "target")


class Engine:
    """The state of all features of a pack, fed in batches or event by event, in the order of the log.

    Equal, event by event, to ``windows.Windows``. Not safe for several threads at once.
    """

    def __init__(self, pack: Pack, salt: int, limits: Limits, warming: Warming, store: CodeStore | None) -> None:
        """Use ``new`` or ``restore``."""
        self.pack, self.limits = pack, limits
        self.warming = warming
        self._plan = plan(pack)
        self._bounds = storage.Bounds(
            (salt + 2**63) % 2**64 - 2**63,
            limits.entries_max,
            limits.new_keys_max,
            limits.values_per_key_max,
            storage.WIDE if limits.wide else storage.TIGHT,
        )
        writer = Writer(pack, self._plan)
        self._shown = writer.shown
        code = machine_code(writer.text(), store)
        self._process, self._code = code.process, code.called
        self._state = storage.new_state(self._code, self._plan, self._bounds)
        #: Events since the tables were last looked at: are they far too long?
        self._since_look = 0
        self._events = np.zeros((len(SEEN_COLUMNS), _CHUNK), np.int64)
        self._event: Any = np.zeros((len(SEEN_COLUMNS), 1), np.int64)
        self._event_bytes = self._event.data.cast("B")
        self._write_event = struct.Struct(f"={len(SEEN_COLUMNS)}q").pack_into
        self._out = np.zeros((max(_CHUNK, 2 * len(pack.rules)), writer.width), np.int64)
        self._out_float = self._out.view(np.float64)
        self._feature = {one.id: one for one in pack.features}
        self._computed = {one.id: evaluator(one.computed) for one in pack.features if one.computed is not None}

    @classmethod
    def new(
        cls,
        pack: Pack,
        salt: int,
        limits: Limits | None = None,
        since: Since = None,
        store: CodeStore | None = None,
    ) -> Self:
        """``salt``: secret and random, 64 bits. ``since``: from when on features see events (``Warming``).

        ``store``: keeps machine code; without it the first engine of a pack in a process takes some seconds.
        """
        return cls(pack, salt, limits or Limits(), Warming(pack, since), store)

    # Events in

    def add_batch(self, columns: Mapping[str, Any]) -> Hits:
        """Takes events in columns (``columns.py``), in the order of the log.

        ``RefusedError('events_unfit')`` if anything of them cannot be: then none was taken. Those whose number was
        here already are passed over; a time before the last one counts as that. Both are counted.
        """
        given = checked(columns)
        numbers = np.asarray(given["number"], np.int64)
        found = []
        for start in range(0, len(numbers), _CHUNK):
            length = min(_CHUNK, len(numbers) - start)
            for place, name in enumerate(SEEN_COLUMNS):
                self._events[place, :length] = given[name][start : start + length]
            for rows in self._run(self._events, length):
                rows[:, 0] += start
                found.append(rows)
        rows = np.concatenate(found) if found else np.zeros((0, self._out.shape[1]), np.int64)
        return hits_of(self.pack, self._shown, rows, numbers, self.warming.warm_from)

    def add(self, seen: Seen) -> list[Hit]:
        """Takes one event. The same as a batch of one."""
        try:
            self._write_event(self._event_bytes, 0, *seen)
        except struct.error:
            raise RefusedError(CODE, "An event is made of whole numbers of 64 bits.") from None
        rows = self._run(self._event, 1)
        if not rows:
            return []
        number = np.array([seen.number], np.int64)
        return list(hits_of(self.pack, self._shown, np.concatenate(rows), number, self.warming.warm_from))

    def add_many(self, many: Sequence[Seen]) -> list[Hit]:
        """Takes events one after another. The same as a batch of them."""
        try:
            columns = np.array(many, np.int64).reshape(-1, len(SEEN_COLUMNS)).T
        except (OverflowError, TypeError, ValueError):
            raise RefusedError(CODE, "An event is made of whole numbers of 64 bits.") from None
        return list(self.add_batch(dict(zip(SEEN_COLUMNS, columns, strict=True))))

    def _run(self, events: NDArray[np.int64], length: int) -> list[NDArray[np.int64]]:
        found = []
        start = 0
        while True:
            start, hits = self._process(events, start, length, self._out, self._out_float, self._state)
            if start < 0:
                raise unfit(SEEN_COLUMNS[-1 - start])
            if hits:
                found.append(self._out[:hits].copy())
            if start == length:
                break
            if not self._code.spare(self._state):
                self._state = storage.grown(self._code, self._state, self._bounds.room)
        self._since_look += length
        if self._since_look >= _CHUNK:
            self._since_look = 0
            if self._code.sparse(self._state):
                self._rebuild()
        return found

    # Values out

    def read(self, name: str, seen: Seen) -> Number:
        """The value of a feature for an event that was added last."""
        computed = self._computed.get(name)
        if computed is not None:
            return computed(seen, lambda other: self.read(other, seen))
        feature = self._feature[name]
        number, window = self._plan.place[name]
        group = self._plan.groups[number]
        key = getattr(seen, feature.read)
        t = max(seen.t, self.last_t)
        # As generated code does it, in the first row of ``work``.
        self._state[8][0, [layout.OF, layout.KEY]] = number if key else -1, key
        self._code.look(self._state, 1, self.last_t)
        match feature.function:
            case Function.TIME_SINCE:
                return int(self._code.since(self._state, 0, t))
            case Function.FIRST_SEEN:
                return int(self._code.since_first(self._state, 0, t))
            case Function.SUM:
                return int(self._code.total(self._state, 0, window))
            case _:
                return int(self._code.count(self._state, 0, count_column(group, window)))

    def values(self, seen: Seen) -> dict[str, Number]:
        """Of all features, for the event that was added last."""
        return {feature.id: self.read(feature.id, seen) for feature in self.pack.features}

    def warming_up(self, feature: str, now: int) -> bool:
        return self.warming.up(feature, now)

    # What is kept

    @property
    def last_number(self) -> int:
        """Of the last event that was taken, -1 before the first."""
        return int(self._state[7][layout.LAST_NUMBER])

    @property
    def last_t(self) -> int:
        return int(self._state[7][layout.LAST_T])

    @property
    def counters(self) -> Counters:
        return Counters(*map(int, self._state[7][layout.DOUBLED : layout.CAPPED + 1]))

    def live(self) -> int:
        """How many values of keys are kept; one that features share, once."""
        return int(self._state[7][layout.NODES_USED])

    def entries(self) -> int:
        """Keys and values: what ``Limits.entries_max`` bounds."""
        return self.live() + int(self._state[7][layout.KEYS_USED])

    def bytes(self) -> int:
        """All tables of the state."""
        return storage.state_bytes(self._state)

    def expire(self, now: int) -> None:
        """Time passes without an event: what is too old at ``now`` goes. A time before the last one changes nothing."""
        self._state[7][layout.LAST_T] = max(now, self.last_t)
        self._code.expire_all(self._state)
        if self._code.sparse(self._state):
            self._rebuild()

    def forget(self, account: int) -> int:
        """Removes an account's keys and values from every window; returns how many values went.

        What was in the buffers of the last batch goes, too.
        """
        groups = self._plan.groups
        by_key = np.array([group.per in _ACCOUNTS for group in groups], np.bool_)
        by_value = np.array([group.kept is Kept.PAIRS and group.value in _ACCOUNTS for group in groups], np.bool_)
        gone = int(self._code.forget(self._state, account, by_key, by_value)) if groups else 0
        for buffer in (self._events, self._event, self._out, self._state[8]):
            buffer.fill(0)
        return gone

    def _rebuild(self) -> None:
        self._state = storage.state_of(self._code, self._plan, self._bounds, storage.contents(self._code, self._state))

    # Snapshots

    def snapshot(self) -> Snapshot:
        """All that is kept, and nothing older than the windows and lifetimes allow."""
        what = storage.contents(self._code, self._state)
        return write_snapshot(self.pack, self._plan.digest, what, self.warming.since)

    @classmethod
    def restore(
        cls,
        pack: Pack,
        data: Snapshot,
        salt: int,
        limits: Limits | None = None,
        store: CodeStore | None = None,
    ) -> Self:
        """``RefusedError``: ``snapshot_corrupted`` or ``snapshot_of_another_pack``; then replay the log instead.

        ``salt`` may be another one than before: a snapshot holds no hashes.
        """
        what, since = read_snapshot(pack, plan(pack).digest, data)
        made = cls(pack, salt, limits or Limits(), Warming(pack, since), store)
        made._state = storage.state_of(made._code, made._plan, made._bounds, what)
        return made
