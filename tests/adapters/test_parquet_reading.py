"""Ids that stand in files twice are all found, whatever fits memory; and reading ahead changes nothing but when."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.adapters.parquet.doubled import doubled_ids
from nightlight.adapters.parquet.read_ahead import read_ahead
from nightlight.errors import RefusedError

ids = st.lists(st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1)), max_size=80)


@given(st.lists(ids, min_size=1, max_size=3), st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_all_that_is_doubled_is_found_in_shares_of_any_size(files: list[list[int]], share: int) -> None:
    with TemporaryDirectory() as name:
        groups = []
        for place, some in enumerate(files):
            path = Path(name) / f"{place}.parquet"
            pq.write_table(pa.table({"event": np.array(some, np.int64)}), path, row_group_size=30)
            groups += [(path, group) for group in range(pq.ParquetFile(path).num_row_groups)]
        found = doubled_ids(groups, share).tolist()
    counted = Counter(one for some in files for one in some)
    assert sorted(found) == sorted(one for one, many in counted.items() if many > 1)


def test_an_event_without_an_id_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"event": pa.array([1, None], pa.int64())}), tmp_path / "a.parquet")
    with pytest.raises(RefusedError, match="event is empty in some rows"):
        doubled_ids([(tmp_path / "a.parquet", 0)])


@pytest.mark.parametrize("many", [0, 1, 2, 3, 50])
def test_the_same_items_in_the_same_order(many: int) -> None:
    assert list(read_ahead(iter(range(many)), 3)) == list(range(many))


def test_no_more_is_made_than_was_asked_for() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    reading = read_ahead(items(), 2)
    assert [next(reading), next(reading)] == [0, 1]
    reading.close()  # type: ignore[attr-defined]
    assert len(made) <= 4
    assert not any(thread.name.startswith("read-ahead") for thread in threading.enumerate())


def test_an_error_comes_where_it_happened() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise RefusedError("code", "Said.")

    reading = read_ahead(items(), 2)
    assert [next(reading), next(reading)] == [1, 2]
    with pytest.raises(RefusedError, match="Said"):
        next(reading)
