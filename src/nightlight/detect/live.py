"""What the live engines share: limits, hits in arrays, and the check of a batch before anything of it is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.definitions import Pack
from nightlight.detect.engine import ENTRIES_MAX
from nightlight.detect.evaluate import Number
from nightlight.detect.generated import VALUES_AT, Shown
from nightlight.detect.ranges import CODE, RANGES, unfit
from nightlight.detect.windows import Hit
from nightlight.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Limits:
    """What the state may grow to.

    ``entries_max``: keys and values together. From seven eighths on, new keys are not counted any more, so that keys
    that are known stay exact as long as possible; at the limit no new value is. ``values_per_key_max``: values, or
    events, of one key in a window; far above every sensible threshold. ``wide``: tables have more empty places, which
    takes up to twice the memory and little more than half of the time while they grow; for looking back at history.
    """

    entries_max: int = ENTRIES_MAX
    values_per_key_max: int = 100_000
    wide: bool = False

    def __post_init__(self) -> None:
        # Places in the tables have 31 bits; sums of so many numbers fit 63.
        if not (1 <= self.entries_max < 2**31 and 1 <= self.values_per_key_max <= 2**20):
            raise RefusedError("limits_unfit", "Limits: 1 to 2^31 - 1 entries, 1 to 2^20 values of a key.")

    @property
    def new_keys_max(self) -> int:
        return self.entries_max - self.entries_max // 8


@dataclass(frozen=True, slots=True)
class Hits:
    """Rules that held, in the order of events and then of the pack.

    ``row``: of the event in the batch; ``rule``: its number in the pack; ``raw``: int64 [hit, value], the values that
    the rule's condition and then its reason ask for, floats as their bits; ``shown`` says which is which. ``warming``:
    the rule asks for a feature that has not yet seen a whole window; such a hit does not count as raised.
    """

    pack: Pack
    shown: Sequence[Shown]
    row: NDArray[np.int64]
    rule: NDArray[np.int64]
    about: NDArray[np.int64]
    number: NDArray[np.int64]
    t: NDArray[np.int64]
    raw: NDArray[np.int64]
    warming: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.row)

    def __iter__(self) -> Iterator[Hit]:
        return map(self.hit, range(len(self)))

    def values(self, at: int) -> dict[str, Number]:
        """All values of one hit, those of the reason included."""
        shown = self.shown[int(self.rule[at])]
        raw = self.raw[at]
        floats = raw.view(np.float64)
        return {
            name: float(floats[place]) if name in shown.floats else int(raw[place])
            for place, name in enumerate(shown.names)
        }

    def hit(self, at: int) -> Hit:
        rule = int(self.rule[at])
        values = self.values(at)
        asked = {name: values[name] for name in self.shown[rule].condition}
        about, number, t = int(self.about[at]), int(self.number[at]), int(self.t[at])
        warming = bool(self.warming[at])
        return Hit(self.pack.rules[rule].id, about, number, t, asked, warming=warming, told=values)


def hits_of(
    pack: Pack,
    shown: Sequence[Shown],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    warm_from: NDArray[np.int64],
) -> Hits:
    """``rows``: as generated code writes them. ``warm_from``: by rule, since when all it asks for saw a window."""
    row, rule, about, t = (np.ascontiguousarray(rows[:, column]) for column in range(VALUES_AT))
    warming = t < warm_from[rule]
    return Hits(pack, shown, row, rule, about, numbers[row], t, np.ascontiguousarray(rows[:, VALUES_AT:]), warming)


def checked(columns: Mapping[str, Any]) -> dict[str, NDArray[np.integer[Any]]]:
    """The columns that engines read. ``RefusedError('events_unfit')`` for anything out of shape or range."""
    made: dict[str, NDArray[np.integer[Any]]] = {}
    length: int | None = None
    for name in SEEN_COLUMNS:
        if name not in columns:
            raise RefusedError(CODE, f"The column {name} is missing.", "See nightlight.detect.columns.")
        column = np.asarray(columns[name])
        if column.ndim != 1 or column.dtype.kind not in "iu":
            raise RefusedError(CODE, f"{name} is no column of whole numbers.", "See nightlight.detect.columns.")
        length = len(column) if length is None else length
        if len(column) != length:
            raise RefusedError(CODE, f"{name} has {len(column)} rows, other columns {length}.")
        low, high = RANGES[name]
        if length and not (low <= int(column.min()) and int(column.max()) <= high):
            raise unfit(name)
        made[name] = column
    return made
