"""An iterator that works in a thread of its own, a little ahead of who asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterator[T], many: int) -> Iterator[T]:
    """The same items, ``many`` of them made before they are asked for; and where that fails, the same error."""
    done = object()
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        waiting = deque(thread.submit(next, items, done) for _ in range(many))
        while (item := waiting.popleft().result()) is not done:
            waiting.append(thread.submit(next, items, done))
            yield item  # type: ignore[misc]
