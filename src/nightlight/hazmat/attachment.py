"""An encrypted attachment as a stream: AES-CTR, and SHA-256 over the ciphertext.

Hazard: CTR mode alone authenticates nothing. Whether a byte of plaintext is the one that was sent is known only when
the whole ciphertext has gone by and its hash fits. So plaintext never comes back from ``feed``: it goes into a sink
that this module makes for itself, and what the sink found is handed out by ``finish``, after the hash was checked.

Matrix client-server API, "Sending encrypted attachments": AES-256-CTR, 128-bit counter block, the hash in the event is
of the ciphertext.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from nightlight.errors import RefusedError

#: Bytes decrypted at once. Small enough for the caches that the hashes behind it read from.
PIECE = 262_144
_BLOCK = 16
#: ``update_into`` wants room for one block more, less a byte.
_ROOM = PIECE + _BLOCK - 1

T = TypeVar("T")
Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True, slots=True)
class Opening:
    """One way in which apps open a file.

    ``key``: 16, 24 or 32 bytes; the specification has 32, but browsers and matrix-nio open the others too. ``counter``:
    the first counter block, 16 bytes. ``counter_bits``: how much of the block counts, 128 or 64; apps differ, which
    matters only to a counter that runs over its 64 bits.
    """

    key: bytes = field(repr=False)
    counter: bytes = field(repr=False)
    counter_bits: int = 128

    def __post_init__(self) -> None:
        if len(self.key) not in (16, 24, 32) or len(self.counter) != _BLOCK or self.counter_bits not in (64, 128):
            raise RefusedError("attachment_malformed", "The file's key or counter has a length that none has.")

    @property
    def bytes_before_wrap(self) -> int:
        """Bytes until the lower 64 bits of the counter run over."""
        return (2**64 - int.from_bytes(self.counter[8:], "big")) * _BLOCK

    def wrapped(self) -> Opening:
        """The same, from the block on which a 64-bit counter begins again."""
        return Opening(self.key, self.counter[:8] + bytes(8), 64)


class Sink(Protocol[Result]):
    """Takes unproven plaintext. The view is only good until ``update`` returns."""

    def update(self, plaintext: memoryview, /) -> None: ...
    def result(self) -> Result: ...


class AttachmentStream(Generic[T]):
    """Decrypts what is fed and gives the sink's result out when, and only when, the ciphertext is the one hashed.

    ``sha256``: of the ciphertext, 32 bytes. ``size_max``: bytes. Constant memory whatever the length.
    """

    def __init__(self, opening: Opening, sha256: bytes, size_max: int, make_sink: Callable[[], Sink[T]]) -> None:
        self.size = 0
        self._opening = opening
        self._expected = sha256
        self._size_max = size_max
        self._sink = make_sink()
        self._hash = hashlib.sha256()
        self._cipher = _cipher(opening)
        self._until_wrap = opening.bytes_before_wrap if opening.counter_bits == 64 else None
        self._buffer = bytearray(_ROOM)
        self._over = False

    def feed(self, ciphertext: bytes | bytearray | memoryview) -> None:
        """Takes the next ciphertext; ``RefusedError('attachment_too_large')`` once it is more than ``size_max``."""
        if self._over:
            raise RuntimeError("the stream is finished")
        with memoryview(ciphertext) as whole:
            if self.size + len(whole) > self._size_max:
                self._end()
                raise too_large(self._size_max)
            for start in range(0, len(whole), PIECE):
                piece = whole[start : start + PIECE]
                self._hash.update(piece)
                self._open(piece)

    def finish(self) -> T:
        """What the sink found, or ``RefusedError('attachment_hash_mismatch')``. The plaintext buffer is wiped."""
        if self._over:
            raise RuntimeError("the stream is finished")
        self._end()
        if not hmac.compare_digest(self._hash.digest(), self._expected):
            raise hash_mismatch()
        return self._sink.result()

    def _end(self) -> None:
        self._over = True
        self._buffer[:] = bytes(_ROOM)

    def _open(self, piece: memoryview) -> None:
        if self._until_wrap is not None and self.size + len(piece) > self._until_wrap:
            before = max(0, self._until_wrap - self.size)
            if before:
                self._decrypt(piece[:before])
            self._cipher = _cipher(self._opening.wrapped())
            self._until_wrap = None  # 2^64 more blocks are more than anybody sends
            piece = piece[before:]
        self._decrypt(piece)

    def _decrypt(self, piece: memoryview) -> None:
        self._cipher.update_into(piece, self._buffer)
        self.size += len(piece)
        with memoryview(self._buffer) as plaintext:
            self._sink.update(plaintext[: len(piece)])


def plaintext_of(
    opening: Opening, sha256: bytes, ciphertext: Callable[[], Iterable[bytes]], size_max: int
) -> Iterator[bytes]:
    """The file itself, in pieces and in constant memory; ``RefusedError('attachment_hash_mismatch')``.

    ``ciphertext`` is asked for twice: all of it is held against the hash before the first byte is decrypted, and once
    more on the way, so that what changed in between never ends well. ``sha256``: of the ciphertext, 32 bytes.
    """
    actual, size = hashlib.sha256(), 0
    for chunk in ciphertext():
        actual.update(chunk)
        size += len(chunk)
        if size > size_max:
            raise too_large(size_max)
    if not hmac.compare_digest(actual.digest(), sha256):
        raise hash_mismatch()
    pieces = _Pieces()
    stream = AttachmentStream(opening, sha256, size_max, lambda: pieces)
    for chunk in ciphertext():
        stream.feed(chunk)
        yield from pieces.taken()
    stream.finish()


class _Pieces:
    """Plaintext whose ciphertext was proven before."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def update(self, plaintext: memoryview, /) -> None:
        self._pieces.append(bytes(plaintext))

    def result(self) -> None:
        return None

    def taken(self) -> list[bytes]:
        taken, self._pieces = self._pieces, []
        return taken


def too_large(size_max: int) -> RefusedError:
    return RefusedError("attachment_too_large", f"The file is larger than {size_max:,} bytes.")


def hash_mismatch() -> RefusedError:
    return RefusedError("attachment_hash_mismatch", "The file is not the one whose hash stands in the message.")


def _cipher(opening: Opening) -> CipherContext:
    # CTR decrypts by encrypting counters (NIST SP 800-38A, 6.5), so one direction serves both.
    return Cipher(algorithms.AES(opening.key), modes.CTR(opening.counter)).decryptor()
