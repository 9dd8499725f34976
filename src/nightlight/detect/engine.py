"""What every engine of windows does, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nightlight.detect.definitions import Pack
from nightlight.detect.evaluate import Number
from nightlight.detect.fields import Seen
from nightlight.detect.windows import Hit

#: Keys and values that are kept at most, unless a setting says otherwise.
ENTRIES_MAX = 50_000_000


@dataclass(frozen=True, slots=True)
class Counters:
    """What was not taken as it came. ``dropped`` and ``capped``: additions to a window that a limit kept out."""

    doubled: int = 0
    clamped: int = 0
    dropped: int = 0
    capped: int = 0


class Engine(Protocol):
    """The state of all features of a pack, fed with the events of the log in their order."""

    @property
    def pack(self) -> Pack: ...
    @property
    def last_number(self) -> int:
        """Of the event that was added last; -1 before the first."""

    def add(self, seen: Seen) -> list[Hit]:
        """Takes one event. Returns the rules whose condition holds at it."""

    def add_many(self, many: Sequence[Seen]) -> Sequence[Hit]:
        """Takes several, in their order; far faster than one by one where the engine is compiled."""

    def read(self, name: str, seen: Seen) -> Number: ...
    def values(self, seen: Seen) -> Mapping[str, Number]:
        """Of all features, for the event that was added last."""

    def warming_up(self, feature: str, now: int) -> bool: ...
    def live(self) -> int: ...
    @property
    def counters(self) -> Counters:
        """Since the first event of this state."""

    def expire(self, now: int) -> None: ...
    def forget(self, account: int) -> int:
        """Removes an account's keys and values; returns how many went."""

    def snapshot(self) -> bytes: ...


class Engines(Protocol):
    """Makes engines. ``large``: how many events the log holds may be too many for a plain one."""

    def new(self, pack: Pack, since: int | None, *, large: bool) -> Engine:
        """``since``: from when on it sees events, milliseconds; None: it sees all there ever were."""

    def outgrown(self, engine: Engine) -> bool:
        """Whether there is a faster kind of engine for a log that has become long."""

    def restore(self, pack: Pack, data: bytes) -> Engine:
        """``RefusedError``: ``snapshot_corrupted``, ``snapshot_of_another_pack``."""


class Memory(Protocol):
    """Keeps the newest snapshot where a restart finds it."""

    def recall(self) -> bytes | None: ...
    def keep(self, data: bytes) -> None: ...
    def drop(self) -> None: ...
