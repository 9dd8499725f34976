"""Which ids of events stand in files more than once: by sorting them, in shares that fit memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nightlight.adapters.parquet.row_groups import values

#: Ids that are sorted at once, 8 bytes each, and how many threads do so.
SHARE, THREADS = 2**26, 2
_ROWS = 2**20
#: Ids that rise by one are spread over all shares, too.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def doubled_ids(groups: Sequence[tuple[Path, int]], share: int = SHARE) -> NDArray[np.int64]:
    """``groups``: row groups with a column ``event``. ``share``: how many ids may be in memory for each thread."""
    rows = sum(pq.ParquetFile(path).metadata.row_group(group).num_rows for path, group in groups)
    shares = max(THREADS, -(-rows // share))

    def of_share(number: int) -> NDArray[np.int64]:
        return _twice(_ids(groups, number, shares))

    with ThreadPoolExecutor(THREADS, "doubled") as threads:
        return np.concatenate(list(threads.map(of_share, range(shares))))


def _ids(groups: Sequence[tuple[Path, int]], number: int, shares: int) -> NDArray[np.int64]:
    found: list[Any] = [np.zeros(0, np.int64)]
    for path, group in groups:
        for batch in pq.ParquetFile(path).iter_batches(_ROWS, row_groups=[group], columns=["event"]):
            ids = values(path, batch, "event")
            mixed = (ids.view(np.uint64) * _SPREAD) >> np.uint64(32)
            found.append(ids[mixed % np.uint64(shares) == np.uint64(number)])
    return np.concatenate(found)


def _twice(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    ids.sort()
    return np.unique(ids[1:][ids[1:] == ids[:-1]])
