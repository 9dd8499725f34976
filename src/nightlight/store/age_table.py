"""Ages in memory, by account: read like a mapping, kept as plain numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nightlight.model.account import UNKNOWN_AGE, Age
from nightlight.prevent.ages import pack_age

_NO_AGE = pack_age(UNKNOWN_AGE)


class Ages(Mapping[int, Age]):
    """Has an answer for every account: where nothing is known, the unknown age.

    Few ages differ, so each is one object for all who have it; and a table of nothing but numbers is none that the
    garbage collector has to walk through.
    """

    def __init__(self) -> None:
        self._packed: dict[int, int] = {}
        self._unpacked: dict[int, Age] = {_NO_AGE: UNKNOWN_AGE}

    def __getitem__(self, one: int) -> Age:
        return self._unpacked[self._packed.get(one, _NO_AGE)]

    def get(self, one: int, _default: object = None) -> Age:
        return self._unpacked[self._packed.get(one, _NO_AGE)]

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, one: int, age: Age) -> None:
        packed = pack_age(age)
        self._unpacked.setdefault(packed, age)
        self._packed[one] = packed

    def remove(self, one: int) -> None:
        self._packed.pop(one, None)
