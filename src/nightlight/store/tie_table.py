"""Ties in memory: sorted columns of plain numbers, in many small parts, so that finding and changing stay cheap.

The numbers of accounts are spread evenly (``prevent/names.py``), so their first bits make parts of equal size. A tie
takes 25 bytes, and up to a sixteenth more that arrays keep free for growing. See docs/adr/0014-relations-in-memory.md.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from nightlight.model.relation import Tie

#: 4,096 parts. An empty table takes about a megabyte; at ten million ties a part has 2,400 of them.
PART_BITS = 12
_SHIFT = 63 - PART_BITS
_END = int(max(Tie)) + 1


class Part:
    """Four columns of one length, sorted by (one, tie, other)."""

    __slots__ = ("ats", "ones", "others", "ties")

    def __init__(
        self,
        ones: Sequence[int] = (),
        ties: Sequence[int] = (),
        others: Sequence[int] = (),
        ats: Sequence[int] = (),
    ) -> None:
        self.ones = array("q", ones)
        self.ties = array("B", ties)
        self.others = array("q", others)
        self.ats = array("q", ats)

    def extend(self, ones: Sequence[int], ties: Sequence[int], others: Sequence[int], ats: Sequence[int]) -> None:
        self.ones.extend(ones)
        self.ties.extend(ties)
        self.others.extend(others)
        self.ats.extend(ats)

    def whole(self, one: int) -> tuple[int, int]:
        """Where the rows of ``one`` begin and end."""
        low = bisect_left(self.ones, one)
        return low, bisect_right(self.ones, one, low)

    def range(self, low: int, high: int, first: int, last: int) -> tuple[int, int]:
        """Where, among the rows of one account, those of the ties from ``first`` to ``last`` begin and end."""
        start = bisect_left(self.ties, first, low, high)
        return start, bisect_right(self.ties, last, start, high)

    def ranges(self, low: int, high: int, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The same for several pairs of first and last tie, which rise."""
        ties, end, found = self.ties, low, []
        for first, last in wanted:
            start = bisect_left(ties, first, end, high)
            end = bisect_right(ties, last, start, high)
            found.append((start, end))
        return found

    def rows(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Tie, other and time of each."""
        return list(zip(self.ties[start:end], self.others[start:end], self.ats[start:end], strict=True))

    def find(self, low: int, high: int, tie: int, other: int) -> int:
        """The row, or -1."""
        start, end = self.range(low, high, tie, tie)
        if start == end:
            return -1
        row = bisect_left(self.others, other, start, end)
        return row if row < end and self.others[row] == other else -1

    def delete(self, low: int, high: int) -> None:
        for column in (self.ones, self.ties, self.others, self.ats):
            del column[low:high]

    def keep(self, kept: Sequence[bool]) -> None:
        """Keeps the rows for which ``kept`` is true."""
        self.ones, self.ties, self.others, self.ats = (
            array(column.typecode, compress(column, kept)) for column in (self.ones, self.ties, self.others, self.ats)
        )


class TieTable:
    """Not safe for several threads at once; whoever holds it has a lock."""

    def __init__(self) -> None:
        self.parts = [Part() for _ in range(1 << PART_BITS)]

    def load(self, rows: Sequence[Iterable[int]]) -> None:
        """Appends rows (one, tie, other, at), sorted, that come after all that were loaded before."""
        if not rows:
            return
        ones, ties, others, ats = (list(column) for column in zip(*rows, strict=True))
        start = 0
        while start < len(ones):
            number = ones[start] >> _SHIFT
            end = bisect_left(ones, (number + 1) << _SHIFT, start)
            self.parts[number].extend(ones[start:end], ties[start:end], others[start:end], ats[start:end])
            start = end

    def part(self, one: int) -> Part:
        return self.parts[one >> _SHIFT]

    def at(self, one: int, tie: int, other: int) -> int | None:
        """Since when the tie holds, or None."""
        part = self.part(one)
        row = part.find(*part.whole(one), tie, other)
        return None if row < 0 else part.ats[row]

    def put(self, one: int, tie: int, other: int, at: int) -> None:
        part = self.part(one)
        start, end = part.range(*part.whole(one), tie, tie)
        row = bisect_left(part.others, other, start, end)
        if row < end and part.others[row] == other:
            part.ats[row] = at
            return
        part.ones.insert(row, one)
        part.ties.insert(row, tie)
        part.others.insert(row, other)
        part.ats.insert(row, at)

    def remove(self, one: int, tie: int, other: int) -> None:
        part = self.part(one)
        row = part.find(*part.whole(one), tie, other)
        if row >= 0:
            part.delete(row, row + 1)

    def others(self, one: int, tie: int, most: int) -> Sequence[int]:
        """With whom ``one`` has the tie, in the order of their numbers."""
        part = self.part(one)
        start, end = part.range(*part.whole(one), tie, tie)
        return part.others[start : min(end, start + most)]

    def count(self, one: int, tie: int) -> int:
        part = self.part(one)
        start, end = part.range(*part.whole(one), tie, tie)
        return end - start

    def remove_all(self, one: int) -> list[tuple[int, int]]:
        """Removes the rows of ``one``, and those of others that name it; (one, tie) of these.

        The second half reads every part once, as bytes, at the speed of memory.
        """
        part = self.part(one)
        part.delete(*part.whole(one))
        named = []
        pattern = array("q", [one]).tobytes()
        for part in self.parts:
            if part.others.tobytes().find(pattern) < 0:
                continue
            for row in reversed([row for row, other in enumerate(part.others) if other == one]):
                named.append((part.ones[row], part.ties[row]))
                part.delete(row, row + 1)
        return named

    def remove_older(self, part: Part, limits: Sequence[int]) -> list[tuple[int, int]]:
        """Removes from the part what is older than ``limits`` says of its tie; (one, tie) of what is gone."""
        kept = [at >= limits[tie] for tie, at in zip(part.ties, part.ats, strict=True)]
        if all(kept):
            return []
        gone = [(one, tie) for one, tie, stays in zip(part.ones, part.ties, kept, strict=True) if not stays]
        part.keep(kept)
        return gone

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """Everything, in order."""
        for part in self.parts:
            yield from zip(part.ones, part.ties, part.others, part.ats, strict=True)

    def __len__(self) -> int:
        return sum(len(part.ones) for part in self.parts)

    def bytes(self) -> int:
        """What the columns take, what arrays keep free included."""
        columns = (column for part in self.parts for column in (part.ones, part.ties, part.others, part.ats))
        return sum(column.__sizeof__() for column in columns)


def no_limits() -> list[int]:
    """For ``remove_older``: a list with a place for every tie, which removes nothing."""
    return [-1] * _END
