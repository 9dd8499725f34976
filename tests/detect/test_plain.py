"""The engine without numba answers as the compiled one does, so that callers need not care."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nightlight.detect.compiled import Engine
from nightlight.detect.definitions import Pack
from nightlight.detect.plain import PlainEngine
from nightlight.errors import RefusedError
from tests.detect.event_columns import ID, part, random_columns, rows_of
from tests.detect.packs import starter


@pytest.fixture(scope="module")
def pack() -> Pack:
    return starter()


def test_both_engines_give_the_same_hits_and_values_also_after_a_restart_and_a_deletion(pack: Pack) -> None:
    columns = random_columns(21, 6_000, accounts=20)
    plain, compiled = PlainEngine.new(pack), Engine.new(pack, 1)
    for start, stop in ((0, 2_000), (1_500, 4_000)):
        one, other = plain.add_batch(part(columns, start, stop)), compiled.add_batch(part(columns, start, stop))
        assert np.array_equal(one.raw, other.raw)
        assert list(one) == list(other)
        assert len(one) > 100
    assert plain.counters == compiled.counters
    plain, compiled = PlainEngine.restore(pack, plain.snapshot()), Engine.restore(pack, compiled.snapshot(), 2)
    assert plain.forget(ID + 2) > 0
    assert compiled.forget(ID + 2) > 0
    for seen in rows_of(part(columns, 4_000, 6_000)):
        assert plain.add(seen) == compiled.add(seen)
        assert plain.values(seen) == compiled.values(seen)
    assert (plain.last_number, plain.last_t) == (compiled.last_number, compiled.last_t)


def test_a_damaged_snapshot_is_refused(pack: Pack) -> None:
    data = PlainEngine.new(pack).snapshot()
    for at in range(0, len(data), 7):
        with pytest.raises(RefusedError) as refused:
            PlainEngine.restore(pack, data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        assert refused.value.code == "snapshot_corrupted"


def test_the_plain_engine_does_not_import_numba() -> None:
    code = "import sys, nightlight.detect.plain; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
