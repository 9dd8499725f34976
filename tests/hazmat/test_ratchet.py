"""The ratchet goes forward as in real clients, and never back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import INDEX_MAX, SessionExport
from tests.hazmat.sender import Sender, one_step

BOUNDARIES = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1]


def as_the_client_does(sender: Sender, index: int) -> SessionExport:
    exported = sender.receiver().export_at(index)
    assert exported is not None
    return SessionExport.parse(base64url.decode_standard(exported.to_base64()))


@pytest.mark.parametrize("target", BOUNDARIES)
@pytest.mark.parametrize("start", BOUNDARIES)
def test_ratchet_turns_as_in_real_clients_at_every_boundary(start: int, target: int) -> None:
    sender = Sender(first=start)
    if start > target:
        with pytest.raises(RefusedError) as refused:
            sender.export.at(target)
        assert refused.value.code == "key_too_late"
    else:
        assert sender.export.at(target) == as_the_client_does(sender, target)


@given(seed=st.binary(max_size=8), ends=st.lists(st.integers(0, INDEX_MAX), min_size=2, max_size=2).map(sorted))
def test_ratchet_turns_as_in_real_clients(seed: bytes, ends: list[int]) -> None:
    sender = Sender(seed, first=ends[0])
    assert sender.export.at(ends[1]) == as_the_client_does(sender, ends[1])


@given(indexes=st.lists(st.integers(0, INDEX_MAX), min_size=3, max_size=3).map(sorted))
def test_the_way_to_an_index_does_not_matter(indexes: list[int]) -> None:
    start, middle, end = indexes
    export = Sender(first=start).export
    assert export.at(middle).at(end) == export.at(end)
    assert export.at(middle).message_key(end) == export.message_key(end)


@pytest.mark.parametrize("index", [0, 1, 254, 255, 256, 65_534, 65_535, 2**24 - 2, 2**24 - 1])
def test_one_step_is_the_one_in_the_specification(index: int) -> None:
    sender = Sender(first=index)
    assert sender.export.at(index + 1).ratchet == one_step(sender.ratchet, index)


@given(st.integers(1, INDEX_MAX))
def test_export_gives_nothing_from_before_it(index: int) -> None:
    export = Sender(first=index).export
    for earlier in (index - 1, index // 2, 0):
        with pytest.raises(RefusedError) as refused:
            export.message_key(earlier)
        assert refused.value.code == "key_too_late"


@pytest.mark.parametrize("index", [-1, -(2**32), INDEX_MAX + 1, 2**64])
def test_index_outside_of_the_ratchet_is_refused(index: int) -> None:
    with pytest.raises(RefusedError):
        Sender().export.at(index)


def test_export_reads_back_what_it_says() -> None:
    sender = Sender(first=77)
    assert sender.export == SessionExport(77, sender.ratchet, sender.public_key)


@pytest.mark.parametrize("length", [0, 1, 164, 166, 229])
def test_export_of_another_length_is_refused(length: int) -> None:
    data = (Sender().export_bytes + bytes(64))[:length]
    with pytest.raises(RefusedError) as refused:
        SessionExport.parse(data)
    assert refused.value.code == "session_export_malformed"


@pytest.mark.parametrize("version", [0, 2, 3, 255])
def test_export_of_another_version_is_refused(version: int) -> None:
    with pytest.raises(RefusedError):
        SessionExport.parse(bytes([version]) + Sender().export_bytes[1:])


@given(st.binary(max_size=300))
def test_any_bytes_are_an_export_or_refused(data: bytes) -> None:
    try:
        export = SessionExport.parse(data)
    except RefusedError:
        return
    assert len(data) == 165
    assert export.public_key == data[-32:]
