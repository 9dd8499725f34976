"""The stream that opens attachments: what it gives out is proven, and nothing comes out before it is."""

from __future__ import annotations

import hashlib
import itertools
import os
import resource
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from nio.crypto.attachments import encrypt_attachment

from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.hazmat.attachment import PIECE, AttachmentStream, Opening

SIZE_MAX = 10_000_000


class Collecting:
    """A sink for tests: all of the plaintext."""

    def __init__(self) -> None:
        self._data = bytearray()

    def update(self, plaintext: memoryview, /) -> None:
        self._data += plaintext

    def result(self) -> bytes:
        return bytes(self._data)


def opened(opening: Opening, sha256: bytes, *chunks: bytes, size_max: int = SIZE_MAX) -> bytes:
    stream: AttachmentStream[bytes] = AttachmentStream(opening, sha256, size_max, Collecting)
    for chunk in chunks:
        stream.feed(chunk)
    return stream.finish()


def by_nio(plaintext: bytes) -> tuple[bytes, Opening, bytes]:
    """A file as matrix-nio encrypts it: ciphertext, what opens it, and the hash of the ciphertext."""
    ciphertext, description = encrypt_attachment(plaintext)
    key = base64url.decode_urlsafe(description["key"]["k"])
    counter = base64url.decode_standard(description["iv"])
    return ciphertext, Opening(key, counter), base64url.decode_standard(description["hashes"]["sha256"])


def by_blocks(opening: Opening, data: bytes) -> bytes:
    """CTR written out: each block's counter by itself, with as many bits counting as the opening says."""
    cipher = Cipher(algorithms.AES(opening.key), modes.ECB()).encryptor()  # noqa: S305 - the reference, block by block
    start, bits = int.from_bytes(opening.counter, "big"), opening.counter_bits
    keystream = b""
    for number in range(-(-len(data) // 16)):
        block = (start >> bits << bits) | ((start + number) % 2**bits)
        keystream += cipher.update(block.to_bytes(16, "big"))
    return bytes(a ^ b for a, b in zip(data, keystream, strict=False))


@given(st.binary(max_size=3_000), st.lists(st.integers(0, 3_000), max_size=6))
def test_what_another_client_encrypted_opens_however_it_is_cut(plaintext: bytes, cuts: list[int]) -> None:
    ciphertext, opening, sha256 = by_nio(plaintext)
    edges = [0, *sorted(cuts), len(ciphertext)]
    chunks = [ciphertext[a:b] for a, b in itertools.pairwise(edges)]
    assert opened(opening, sha256, *chunks, ciphertext[edges[-1] :]) == plaintext


def test_chunks_larger_than_the_buffer_open_too() -> None:
    plaintext = os.urandom(PIECE * 3 + 5)
    ciphertext, opening, sha256 = by_nio(plaintext)
    assert opened(opening, sha256, ciphertext) == plaintext


@given(
    st.integers(16, 32).filter(lambda n: n in (16, 24, 32)), st.integers(0, 5), st.sampled_from([64, 128]), st.data()
)
def test_a_counter_that_runs_over_counts_as_apps_count(length: int, before: int, bits: int, data: Any) -> None:
    prefix = data.draw(st.binary(min_size=8, max_size=8))
    counter = prefix + (2**64 - 1 - before).to_bytes(8, "big")
    opening = Opening(data.draw(st.binary(min_size=length, max_size=length)), counter, bits)
    ciphertext = data.draw(st.binary(max_size=200))
    cut = data.draw(st.integers(0, 200))
    found = opened(opening, hashlib.sha256(ciphertext).digest(), ciphertext[:cut], ciphertext[cut:])
    assert found == by_blocks(opening, ciphertext)


@pytest.mark.parametrize("attack", ["one bit", "cut short", "made longer", "emptied", "other file"])
def test_ciphertext_other_than_the_one_hashed_gives_nothing(attack: str) -> None:
    ciphertext, opening, sha256 = by_nio(b"[a red circle]" * 50)
    other = {
        "one bit": bytes([ciphertext[0] ^ 1]) + ciphertext[1:],
        "cut short": ciphertext[:-1],
        "made longer": ciphertext + b"\x00",
        "emptied": b"",
        "other file": by_nio(b"[a blue square]" * 50)[0],
    }[attack]
    with pytest.raises(RefusedError) as caught:
        opened(opening, sha256, other)
    assert caught.value.code == "attachment_hash_mismatch"


def test_endless_stream_ends_at_the_limit() -> None:
    stream = AttachmentStream(Opening(bytes(32), bytes(16)), bytes(32), 1_000, Collecting)
    fed = 0
    with pytest.raises(RefusedError) as caught:
        while True:
            stream.feed(bytes(300))
            fed += 300
    assert (caught.value.code, fed) == ("attachment_too_large", 900)


def test_unproven_plaintext_cannot_be_had() -> None:
    """Not from feed, not from an attribute, and not after a refusal."""
    marker = b"[a red circle that nobody proved]"
    ciphertext, opening, _ = by_nio(marker * 4)
    stream = AttachmentStream(opening, bytes(32), SIZE_MAX, Collecting)
    assert stream.feed(ciphertext) is None  # type: ignore[func-returns-value]
    with pytest.raises(RefusedError):
        stream.finish()
    for again in (lambda: stream.finish(), lambda: stream.feed(b"more")):
        with pytest.raises(RuntimeError):
            again()
    assert marker not in bytes(stream._buffer)


def test_neither_keys_nor_counters_are_shown() -> None:
    shown = repr(Opening(b"k" * 32, b"c" * 16))
    assert "kkkk" not in shown
    assert "cccc" not in shown


@pytest.mark.parametrize(
    ("key", "counter", "bits"), [(31, 16, 128), (33, 16, 128), (32, 8, 128), (32, 16, 32), (0, 0, 0)]
)
def test_opening_of_a_wrong_size_is_refused(key: int, counter: int, bits: int) -> None:
    with pytest.raises(RefusedError):
        Opening(bytes(key), bytes(counter), bits)


def test_memory_does_not_grow_with_the_file() -> None:
    class Dropping:
        def update(self, plaintext: memoryview, /) -> None: ...
        def result(self) -> None: ...

    piece = bytes(PIECE)
    expected = hashlib.sha256()
    for _ in range(800):
        expected.update(piece)
    stream: AttachmentStream[None] = AttachmentStream(Opening(bytes(32), bytes(16)), expected.digest(), 2**40, Dropping)
    stream.feed(piece)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(799):
        stream.feed(piece)
    stream.finish()
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 20_000  # of 200,000 that went through
