# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is remembered for a minute, and never more of it than so much."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Generic, TypeVar

_SECONDS = 60.0
_ITEMS_MAX = 20_000

Key = TypeVar("Key")
Value = TypeVar("Value")


class MinuteCache(Generic[Key, Value]):
    def __init__(self) -> None:
        self._items: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def put(self, key: Key, value: Value) -> None:
        self._items[key] = (time.monotonic() + _SECONDS, value)
        self._items.move_to_end(key)
        while len(self._items) > _ITEMS_MAX:
            self._items.popitem(last=False)

    def get(self, key: Key) -> Value | None:
        until, value = self._items.get(key, (0.0, None))
        return value if time.monotonic() < until else None

    def take(self, key: Key) -> Value | None:
        """The value, once."""
        value = self.get(key)
        self._items.pop(key, None)
        return value
