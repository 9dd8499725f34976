"""What goes through the two pipes: framed bytes in, and a fixed number of bytes out.

In: a job, then the ciphertext in frames, then an empty frame; an end without it means that nobody waits any more. Out:
the seals that hold, then one answer. Nothing else fits, so nothing else comes out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from nightlight.adapters.sealed.seal import REQUIRED, Seal
from nightlight.errors import RefusedError, UnavailableError
from nightlight.hazmat.attachment import Opening, hash_mismatch, too_large
from nightlight.model.attachment import Digests

#: Longest frame, bytes.
FRAME_MAX = 262_144
FRAME = struct.Struct(">I")

_JOB = struct.Struct(">4sBB32s16s32sQ")
_JOB_MAGIC = b"NLJ1"
JOB_BYTES = _JOB.size

_ANSWER = struct.Struct(">4sBQ32s20s16s")
_ANSWER_MAGIC = b"NLA1"
ANSWER_BYTES = _ANSWER.size
_FITS, _MISMATCH, _TOO_LARGE = range(3)

_READY = struct.Struct(">4sB")
_READY_MAGIC = b"NLS1"
READY_BYTES = _READY.size


@dataclass(frozen=True, slots=True)
class Job:
    """What the worker is asked. ``sha256``: of the ciphertext; ``size_max``: bytes."""

    opening: Opening = field(repr=False)
    sha256: bytes = field(repr=False)
    size_max: int

    def encode(self) -> bytes:
        key = self.opening.key
        bits, counter = self.opening.counter_bits, self.opening.counter
        return _JOB.pack(_JOB_MAGIC, len(key), bits, key, counter, self.sha256, self.size_max)

    @classmethod
    def decode(cls, data: bytes) -> Job:
        magic, length, bits, key, counter, sha256, size_max = _JOB.unpack(data)
        if magic != _JOB_MAGIC:
            raise ValueError("not a job")
        return cls(Opening(key[:length], counter, bits), sha256, size_max)


def encode_ready(seals: Seal) -> bytes:
    return _READY.pack(_READY_MAGIC, seals)


def decode_ready(data: bytes) -> Seal:
    """``UnavailableError`` unless everything required holds."""
    if len(data) != READY_BYTES:
        raise failed("did not come up")
    magic, bits = _READY.unpack(data)
    if magic != _READY_MAGIC or bits & REQUIRED != REQUIRED or bits > sum(Seal):
        raise failed("is not sealed")
    return Seal(bits)


def encode_answer(found: Digests | RefusedError) -> bytes:
    if isinstance(found, Digests):
        return _ANSWER.pack(_ANSWER_MAGIC, _FITS, found.size, found.sha256, found.sha1, found.md5)
    status = _TOO_LARGE if found.code == "attachment_too_large" else _MISMATCH
    return _ANSWER.pack(_ANSWER_MAGIC, status, 0, bytes(32), bytes(20), bytes(16))


def decode_answer(data: bytes, size: int, size_max: int) -> Digests:
    """The digests of a file that fits. ``RefusedError``: it does not; ``UnavailableError``: this is no answer.

    ``size``: what was sent. A stream cipher keeps lengths, so another number is a lie.
    """
    if len(data) != ANSWER_BYTES:
        raise failed("gave no answer")
    magic, status, said, sha256, sha1, md5 = _ANSWER.unpack(data)
    empty = (said, sha256, sha1, md5) == (0, bytes(32), bytes(20), bytes(16))
    if magic != _ANSWER_MAGIC:
        raise failed("gave no answer")
    if status == _MISMATCH and empty:
        raise hash_mismatch()
    if status == _TOO_LARGE and empty:
        raise too_large(size_max)
    if status != _FITS or said != size:
        raise failed("gave an answer that cannot be")
    return Digests(said, sha256, sha1, md5)


def failed(what: str) -> UnavailableError:
    return UnavailableError("worker_failed", f"The sealed worker {what}.")
