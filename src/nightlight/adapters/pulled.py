"""Turning what is pushed into a sink into chunks that can be pulled, with little of it in memory at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator

from nightlight.ports import Sink

_CHUNK = 524_288
_AHEAD = 3


class _AbandonedError(Exception):
    """Nobody pulls any more."""


class _Pipe:
    """A sink that waits for whoever pulls."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._turn = threading.Condition()
        self._parts: list[bytes] = []
        self._size = 0
        self._abandoned = False
        self.ended = False

    def write(self, data: bytes, /) -> int:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= _CHUNK:
            self._put()
        return len(data)

    def flush(self) -> None:
        return None

    def end(self) -> None:
        if self._parts:
            self._put()

    def _put(self) -> None:
        chunk = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        with self._turn:
            self._turn.wait_for(lambda: len(self._chunks) < _AHEAD or self._abandoned)
            if self._abandoned:
                raise _AbandonedError
            self._chunks.append(chunk)
            self._turn.notify_all()

    def close(self) -> None:
        with self._turn:
            self.ended = True
            self._turn.notify_all()

    def abandon(self) -> None:
        with self._turn:
            self._abandoned = True
            self._turn.notify_all()

    def get(self) -> bytes | None:
        with self._turn:
            self._turn.wait_for(lambda: self._chunks or self.ended)
            chunk = self._chunks.popleft() if self._chunks else None
            self._turn.notify_all()
            return chunk


def pulled(push: Callable[[Sink], None]) -> Generator[bytes, None, None]:
    """What ``push`` writes, in chunks; it runs in a thread of its own, a little ahead. Raises what it raises."""
    pipe = _Pipe()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            push(pipe)
            pipe.end()
        except BaseException as e:  # noqa: BLE001 - raised where it is pulled
            failure.append(e)
        finally:
            pipe.close()

    thread = threading.Thread(target=run, name="pulled", daemon=True)
    thread.start()
    try:
        while (chunk := pipe.get()) is not None:
            yield chunk
        if failure:
            raise failure[0]
    finally:
        pipe.abandon()
        thread.join()
