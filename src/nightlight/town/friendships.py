"""Who is connected with whom, and for every connected pair how many others are connected with both."""

from __future__ import annotations

from array import array


class Friendships:
    """A connection is an index; its number of common connections is kept right as others come and go."""

    def __init__(self) -> None:
        self.of: list[dict[int, int]] = []
        self.one = array("i")
        self.other = array("i")
        self.mutual = array("i")
        #: Whether anything may be said on it: it stands, and neither is banned.
        self.live = array("b")
        #: How much is said on it, beside others.
        self.weight = array("f")

    def add_person(self) -> None:
        self.of.append({})

    def common(self, one: int, other: int) -> set[int]:
        return self.of[one].keys() & self.of[other].keys()

    def connect(self, one: int, other: int, weight: float) -> int:
        """A new connection between two who have none."""
        edge = len(self.one)
        common = self.common(one, other)
        for third in common:
            self.mutual[self.of[one][third]] += 1
            self.mutual[self.of[other][third]] += 1
        self.one.append(one)
        self.other.append(other)
        self.mutual.append(len(common))
        self.live.append(1)
        self.weight.append(weight)
        self.of[one][other] = self.of[other][one] = edge
        return edge

    def part(self, one: int, other: int) -> None:
        edge = self.of[one].pop(other)
        del self.of[other][one]
        self.live[edge] = 0
        for third in self.common(one, other):
            self.mutual[self.of[one][third]] -= 1
            self.mutual[self.of[other][third]] -= 1
