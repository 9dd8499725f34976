"""The worker itself. Reads a job and ciphertext from its standard input, seals itself first, answers, and ends.

Every line here runs where the plaintext of a reported file is: keep it short. The parent starts it (``process.py``).
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from contextlib import suppress
from typing import NoReturn

from nightlight.adapters.sealed.answer import (
    ANSWER_BYTES,
    FRAME,
    FRAME_MAX,
    JOB_BYTES,
    Job,
    encode_answer,
    encode_ready,
)
from nightlight.adapters.sealed.seal import seal
from nightlight.errors import RefusedError
from nightlight.hazmat.attachment import AttachmentStream, Opening
from nightlight.model.attachment import Digests

#: Address space beyond what the interpreter has when it is sealed, and processor time for one file.
MEMORY_BYTES = 64 * 2**20
CPU_SECONDS = 600


class AllDigests:
    """A sink that digests plaintext three ways at once; MD5, the slowest, on a thread beside the others."""

    def __init__(self) -> None:
        self._size = 0
        self._sha256 = hashlib.sha256()
        # Lists of known files are kept in these, too; nothing rests on them but the look-up.
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._work: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[None] = queue.SimpleQueue()
        threading.Thread(target=self._beside, daemon=True).start()

    def update(self, plaintext: memoryview, /) -> None:
        self._work.put(plaintext)
        self._size += len(plaintext)
        self._sha256.update(plaintext)
        self._sha1.update(plaintext)
        self._done.get()  # the buffer is used again

    def result(self) -> Digests:
        return Digests(self._size, self._sha256.digest(), self._sha1.digest(), self._md5.digest())

    def _beside(self) -> None:
        while (plaintext := self._work.get()) is not None:
            self._md5.update(plaintext)
            del plaintext
            self._done.put(None)


def main() -> NoReturn:
    """Ends with status 0 if an answer was written, with another one if not. Says nothing else, ever."""
    status = 1
    with suppress(BaseException):  # whatever it is, a traceback could hold plaintext
        status = _run()
    os._exit(status)


def _run() -> int:
    sink = AllDigests()
    _warm_up()
    os.write(1, encode_ready(seal(MEMORY_BYTES, CPU_SECONDS)))
    job = Job.decode(_exactly(JOB_BYTES))
    stream: AttachmentStream[Digests] = AttachmentStream(job.opening, job.sha256, job.size_max, lambda: sink)
    frame = bytearray(FRAME_MAX)
    found: Digests | RefusedError
    try:
        with memoryview(frame) as view:
            while length := FRAME.unpack(_exactly(FRAME.size))[0]:
                piece = view[:length]
                if length > FRAME_MAX or not _read_into(piece):
                    return 2
                stream.feed(piece)
        found = stream.finish()
    except RefusedError as e:
        found = e
    answer = encode_answer(found)
    return 0 if os.write(1, answer) == ANSWER_BYTES else 3


def _warm_up() -> None:
    """Whatever a library loads on first use, it loads now: later it could not."""
    warm = AttachmentStream(Opening(bytes(32), bytes(16)), hashlib.sha256(b"warm").digest(), 4, AllDigests)
    warm.feed(b"warm")
    encode_answer(warm.finish())
    encode_answer(RefusedError("warm", "up"))


def _exactly(length: int) -> bytes:
    data = bytearray(length)
    with memoryview(data) as view:
        if not _read_into(view):
            raise EOFError
    return bytes(data)


def _read_into(view: memoryview) -> bool:
    while len(view):
        got = os.readv(0, [view])
        if got == 0:
            return False
        view = view[got:]
    return True
