"""The parent's side of the sealed worker: starts it, streams ciphertext through it, believes as little as it can.

The parent never decrypts. It holds the file's key only to hand it over, and hashes the ciphertext itself: whether that
is the file which the message names does not rest on the worker's word.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import nightlight
from nightlight.adapters.sealed.answer import (
    ANSWER_BYTES,
    FRAME,
    FRAME_MAX,
    READY_BYTES,
    Job,
    decode_answer,
    decode_ready,
    failed,
)
from nightlight.errors import RefusedError, UnavailableError
from nightlight.hazmat.attachment import Opening, hash_mismatch, too_large
from nightlight.model.attachment import Digests

#: In isolated mode the interpreter looks at no environment and no working folder, so it is told where the house is.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from nightlight.adapters.sealed.worker import main; main()"
_ROOT = str(Path(nightlight.__file__).parents[1])
COMMAND = (sys.executable, "-I", "-c", _START, _ROOT)

_PIPE_BYTES = 1_048_576
_F_SETPIPE_SZ = 1031


@dataclass(frozen=True, slots=True)
class SealedWorker:
    """Implements ``nightlight.ports.Digester``. ``seconds``: how long one file may take, the download included."""

    seconds: float
    command: tuple[str, ...] = COMMAND

    def digest(self, opening: Opening, sha256: bytes, ciphertext: Iterable[bytes], size_max: int) -> Digests:
        """Digests of the plaintext.

        ``RefusedError``: ``attachment_hash_mismatch``, ``attachment_too_large``. ``UnavailableError``: the worker did
        not come up, is not sealed, crashed, hung or gave an answer that cannot be. What ``ciphertext`` raises comes
        through.
        """
        with self._started() as (process, given, answered):
            decode_ready(_read(answered, READY_BYTES))
            actual = hashlib.sha256()
            size = 0
            try:
                given.write(Job(opening, sha256, size_max).encode())
                for chunk in ciphertext:
                    size += len(chunk)
                    if size > size_max:
                        raise too_large(size_max)
                    actual.update(chunk)
                    _send(given, chunk)
                given.write(FRAME.pack(0))
                given.flush()
            except (BrokenPipeError, ConnectionResetError):
                raise failed("ended while it was at work") from None
            answer = _read(answered, ANSWER_BYTES + 1)  # one more than there may be
            ended = process.wait()
        if ended != 0:
            raise failed("ended while it was at work")
        fits = hmac.compare_digest(actual.digest(), sha256)
        try:
            found = decode_answer(answer, size, size_max)
        except RefusedError as e:
            if fits or e.code != "attachment_hash_mismatch":
                raise failed("contradicts what was sent to it") from None
            raise
        if not fits:
            raise failed("contradicts what was sent to it") from hash_mismatch()
        return found

    @contextmanager
    def _started(self) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # it has nothing to say, and a traceback could hold plaintext
                env={},
                cwd="/",
                close_fds=True,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as e:
            raise UnavailableError("worker_failed", f"The sealed worker cannot be started ({e.strerror}).") from None
        over = threading.Timer(self.seconds, process.kill)
        over.daemon = True
        over.start()
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        _widen(process.stdin)
        try:
            yield process, _Whole(process.stdin), process.stdout  # type: ignore[misc]
        finally:
            over.cancel()
            process.kill()
            with suppress(OSError):
                process.stdin.close()
            process.stdout.close()
            process.wait()


class _Whole:
    """Writes everything, however little the pipe takes at once."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def write(self, data: bytes | memoryview) -> int:
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                sent += self._pipe.write(view[sent:]) or 0
        return sent

    def flush(self) -> None:
        self._pipe.flush()


def _send(given: IO[bytes], chunk: bytes) -> None:
    with memoryview(chunk) as view:
        for start in range(0, len(view), FRAME_MAX):
            piece = view[start : start + FRAME_MAX]
            given.write(FRAME.pack(len(piece)))
            given.write(piece)


def _read(answered: IO[bytes], length: int) -> bytes:
    """Up to ``length`` bytes, fewer only where the pipe ends."""
    data = b""
    while len(data) < length and (more := answered.read(length - len(data))):
        data += more
    return data


def _widen(pipe: IO[bytes]) -> None:
    with suppress(OSError):  # a smaller pipe is only slower
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
