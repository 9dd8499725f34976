"""Counting what an account did with many others, without looking at each of them for every decision.

Somebody who asked five thousand people has five thousand ties. A tally holds their times, sorted, by kind and by the
age band of the other one; counting those since a time is then a search by halves, however many there are.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactOutcome
from nightlight.model.relation import Tie

#: A decision counts for its own outcome and for every milder one.
DECIDED_TIES = tuple(range(Tie.DECIDED_ALLOW, Tie.DECIDED_DENY + 1))
_SINGLE = (Tie.REFUSED_BY, Tie.BLOCKED_BY, Tie.PROVEN_BY)

Kind = tuple[int, AgeBand]


def at_least(outcome: ContactOutcome) -> int:
    """The kind under which decisions with this outcome or a stricter one are counted."""
    return int(Tie.DECIDED_ALLOW) + outcome


def entries(ties: Iterable[tuple[int, int]], band: AgeBand) -> list[tuple[Kind, int]]:
    """What one other account adds to a tally. ``ties`` with it: (tie, time)."""
    made: list[tuple[Kind, int]] = []
    decided = [0] * len(DECIDED_TIES)
    for tie, at in ties:
        if tie in _SINGLE:
            made.append(((int(tie), band), at))
        elif DECIDED_TIES[0] <= tie <= DECIDED_TIES[-1]:
            for level in range(tie - DECIDED_TIES[0] + 1):
                decided[level] = max(decided[level], at)
    made.extend(((DECIDED_TIES[level], band), at) for level, at in enumerate(decided) if at)
    return made


class Tally:
    """Never changed: ``changed`` gives a new one, so whoever holds one sees one instant."""

    __slots__ = ("_times", "_whom")

    def __init__(self, times: Mapping[Kind, array[int]], whom: array[int]) -> None:
        self._times = times
        self._whom = whom

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int]], band: Callable[[int], AgeBand]) -> Tally:
        """``rows``: (tie, whom, time), each of a tie that is counted. ``band``: of an account."""
        of_each: dict[int, list[tuple[int, int]]] = {}
        single: dict[Kind, list[int]] = {}
        decided: set[int] = set()
        several: set[int] = set()
        for tie, whom, _ in rows:
            if tie >= DECIDED_TIES[0]:
                (several if whom in decided else decided).add(whom)
        for tie, whom, at in rows:
            if whom in several:
                of_each.setdefault(whom, []).append((tie, at))
            else:
                single.setdefault((tie, band(whom)), []).append(at)
        times: dict[Kind, list[int]] = {}
        for (tie, of), ats in single.items():
            for kind in range(DECIDED_TIES[0], tie + 1) if tie >= DECIDED_TIES[0] else (tie,):
                times.setdefault((kind, of), []).extend(ats)
        for whom, ties in of_each.items():
            for kind_of, at in entries(ties, band(whom)):
                times.setdefault(kind_of, []).append(at)
        names = {whom for _, whom, _ in rows}
        return cls({kind: array("q", sorted(ats)) for kind, ats in times.items()}, array("q", sorted(names)))

    def __contains__(self, whom: int) -> bool:
        row = bisect_right(self._whom, whom)
        return row > 0 and self._whom[row - 1] == whom

    def __len__(self) -> int:
        """How many others it holds."""
        return len(self._whom)

    def changed(self, whom: int, before: Iterable[tuple[Kind, int]], after: Iterable[tuple[Kind, int]]) -> Tally:
        """The tally after what ``whom`` adds to it has changed."""
        times = dict(self._times)
        fresh: set[Kind] = set()
        for kind, at in before:
            times[kind] = column = times[kind][:]
            fresh.add(kind)
            del column[bisect_right(column, at) - 1]
        for kind, at in after:
            if kind not in fresh:
                times[kind] = times[kind][:] if kind in times else array("q")
                fresh.add(kind)
            insort(times[kind], at)
        names = self._whom
        if whom not in self:
            names = names[:]
            insort(names, whom)
        return Tally(times, names)

    def count(self, kind: int, bands: Collection[AgeBand], since: int) -> int:
        """How many others there are of these bands with a time later than ``since``."""
        found = 0
        for band in bands:
            column = self._times.get((kind, band))
            if column:
                found += len(column) - bisect_right(column, since)
        return found


@dataclass(frozen=True, slots=True)
class Crowd:
    """A tally with some accounts left out of it, because they are looked at one by one."""

    tally: Tally
    left_out: tuple[tuple[Kind, int], ...] = ()

    def count(self, kind: int, bands: Collection[AgeBand], since: int) -> int:
        """How many others there are of these bands with a time later than ``since``."""
        found = self.tally.count(kind, bands, since)
        for (of, band), at in self.left_out:
            if of == kind and at > since and band in bands:
                found -= 1
        return found
