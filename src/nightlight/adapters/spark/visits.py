"""Events on their way to the parts of the state: rows of 64-bit numbers, one buffer for a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.fields import KEYS, KINDS, Seen
from nightlight.detect.shares import Plan
from nightlight.errors import RefusedError

_ROW = np.dtype("<i8")
_KIND, _T = SEEN_COLUMNS.index("kind"), SEEN_COLUMNS.index("t")


class Deal:
    """Deals events out to the parts that they concern."""

    def __init__(self, plan: Plan, parts: int) -> None:
        self._parts = parts
        self._concerned = np.array([[key in plan.fields[kind] for key in KEYS] for kind in range(len(KINDS))])
        self._keys = [SEEN_COLUMNS.index(key) for key in KEYS]

    def out(self, events: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
        """Each part with its events, possibly none: it learns so what time it is. ``RefusedError('kind_unknown')``."""
        rows = np.column_stack([events.column(name).to_numpy().astype(_ROW, copy=False) for name in SEEN_COLUMNS])
        kinds = rows[:, _KIND]
        if (kinds >= len(KINDS)).any():
            raise RefusedError("kind_unknown", "In the log are kinds of events that this version does not know.")
        concerned = self._concerned[kinds]
        # For nobody's key it is part 0, as in shares.part_of: numpy's remainder has the sign of the divisor, too.
        parts = rows[:, self._keys] % self._parts
        for part in range(self._parts):
            wanted = ((parts == part) & concerned).any(axis=1)
            yield part, rows[wanted].tobytes()


def in_order(buffers: Iterable[bytes]) -> NDArray[np.int64]:
    """The events of several buffers, by number."""
    rows = np.frombuffer(b"".join(buffers), _ROW).reshape(-1, len(SEEN_COLUMNS))
    return rows[np.argsort(rows[:, 0], kind="stable")]


def as_row(seen: Seen) -> list[int]:
    return [getattr(seen, name) for name in SEEN_COLUMNS]
