"""Random events in columns, seeded: ties, gaps as long as windows, missing ids, few accounts that meet often."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.fields import BANDS, KINDS, RELATIONS, WORDS, Seen

START = 1_750_000_000_000
#: Ids far from every small number that tables hold themselves.
ID = 10**15
Columns = dict[str, NDArray[np.int64]]


def random_columns(seed: int, events: int, accounts: int = 60, step_ms: int = 600_000) -> Columns:
    """Times stand on whole steps, so that windows end exactly on events."""
    dice = np.random.default_rng(seed)

    def ids(many: int, missing: float) -> NDArray[np.int64]:
        drawn = np.minimum(dice.zipf(1.3, events) - 1, many - 1) + ID
        return np.where(dice.random(events) < missing, 0, drawn)

    steps = np.where(dice.random(events) < 0.4, 0, dice.integers(0, 4, events))
    steps = np.where(dice.random(events) < 0.002, dice.integers(100, 5_000, events), steps)
    small: dict[str, Any] = {
        "kind": dice.integers(1, len(KINDS), events),
        "messages": dice.integers(0, 50, events),
        "bytes": dice.integers(0, 9_000, events),
        "word": dice.integers(0, len(WORDS), events),
        "actor_band": dice.integers(0, len(BANDS), events),
        "target_band": dice.integers(0, len(BANDS), events),
        "relation": dice.integers(0, len(RELATIONS), events),
        "mutual": dice.integers(0, 2, events),
        "known_for": dice.integers(0, 10**9, events),
        "banned_links": dice.integers(0, 2, events),
        "banned_in_room": dice.integers(0, 5, events),
    }
    columns = {
        "number": np.arange(1, events + 1),
        "t": START + np.cumsum(steps) * step_ms,
        "actor": ids(accounts, 0.02),
        "target": ids(accounts, 0.05),
        "room": ids(20, 0.2) * 3,
        "item": ids(20, 0.2) * 5,
        **small,
    }
    return {name: np.asarray(columns[name], np.int64) for name in SEEN_COLUMNS}


def rows_of(columns: Columns) -> list[Seen]:
    return [Seen(*map(int, row)) for row in zip(*(columns[name] for name in SEEN_COLUMNS), strict=True)]


def part(columns: Columns, start: int, stop: int) -> Columns:
    return {name: column[start:stop] for name, column in columns.items()}
