"""What fuzzing kept is replayed, and every good input is bent in small ways: nothing but ``RefusedError`` comes out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from tests.fuzz.targets import CORPUS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_fuzzing_found_is_refused_or_read(name: str) -> None:
    kept = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    assert kept, "run tests/fuzz/run.py for this target, and commit what it keeps"
    for data in [*kept, *TARGETS[name].seeds, b""]:
        with suppress(RefusedError):
            TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
def test_no_bent_input_raises_anything_but_a_refusal(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    bent = bytearray(data.draw(st.sampled_from(target.seeds)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(bent)))
        end = data.draw(st.integers(at, min(len(bent), at + 8)))
        bent[at:end] = data.draw(st.binary(max_size=8))
    with suppress(RefusedError):
        target.run(bytes(bent))
