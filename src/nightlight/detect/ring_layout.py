"""Two columns with lines between them: in an order with few crossings, at heights that keep lines short.

The order: K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system structures",
1981 (barycentres, sweeping to and fro). Nothing is drawn by lot, so the same graph gives the same layout.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

A = TypeVar("A", bound=Hashable)
B = TypeVar("B", bound=Hashable)
_SWEEPS = 12


def ordered(left: Sequence[A], right: Sequence[B], links: Collection[tuple[A, B]]) -> tuple[list[A], list[B]]:
    """Both columns in the best order that the sweeps came by, what came first in the upper half."""
    of_left: dict[A, list[B]] = defaultdict(list)
    of_right: dict[B, list[A]] = defaultdict(list)
    for one, other in links:
        of_left[one].append(other)
        of_right[other].append(one)
    best = list(left), list(right)
    fewest = crossings(*best, links)
    # From the order as it is, and from that of a walk along the lines: long chains come out straight only from there.
    for start in (list(left), _walked(left, right, of_left, of_right)):
        now = start, list(right)
        for sweep in range(_SWEEPS):
            second = _by_barycentre(now[1], of_right, now[0], turned=sweep % 2 == 1)
            now = _by_barycentre(now[0], of_left, second, turned=sweep % 4 >= 2), second
            count = crossings(*now, links)
            if count < fewest:
                best, fewest = now, count
    return (best[0][::-1], best[1][::-1]) if left and 2 * best[0].index(left[0]) >= len(left) else best


def _walked(
    left: Sequence[A], right: Sequence[B], of_left: Mapping[A, Sequence[B]], of_right: Mapping[B, Sequence[A]]
) -> list[A]:
    """The left column in the order of a breadth-first walk, from where a first walk ended: from an end of the graph."""
    place, other_place = {one: n for n, one in enumerate(left)}, {one: n for n, one in enumerate(right)}

    def walk(starts: Sequence[A]) -> list[A]:
        reached: dict[A, None] = {}
        for start in starts:
            ahead = [start] if start not in reached else []
            reached.setdefault(start)
            while ahead:
                joints = dict.fromkeys(it for at in ahead for it in sorted(of_left[at], key=other_place.__getitem__))
                beside = [one for it in joints for one in sorted(of_right[it], key=place.__getitem__)]
                ahead = [one for one in dict.fromkeys(beside) if one not in reached]
                reached.update(dict.fromkeys(ahead))
        return list(reached)

    return walk(walk(left)[::-1])


def crossings(left: Sequence[A], right: Sequence[B], links: Collection[tuple[A, B]]) -> int:
    """How many pairs of lines cross."""
    at_left = {one: place for place, one in enumerate(left)}
    at_right = {one: place for place, one in enumerate(right)}
    before: list[int] = []
    count = 0
    for _, place in sorted((at_left[one], at_right[other]) for one, other in links):
        # Those above on the left that end below on the right; of one account the later ones end below, so none counts.
        count += bisect_left(before, -place)
        insort(before, -place)
    return count


def _by_barycentre(column: Sequence[A], links: Mapping[A, Sequence[B]], other: Sequence[B], *, turned: bool) -> list[A]:
    """``turned``: what is equal changes places, or the sweeps would never get past it."""
    place = {one: number for number, one in enumerate(other)}
    centre = {
        one: sum(place[it] for it in links[one]) / len(links[one]) if links.get(one) else len(other) for one in column
    }
    return sorted(reversed(column) if turned else column, key=centre.__getitem__)


def spread(wanted: Sequence[float | None], first: float, last: float, gap: float) -> list[float]:
    """Heights in this order, ``gap`` apart at least, between ``first`` and ``last``, close to those that are wanted.

    None: evenly spread. There has to be room: ``last - first >= gap * (len(wanted) - 1)``.
    """
    count = len(wanted)
    step = (last - first) / max(1, count - 1)
    even = [first + place * step for place in range(count)] if count > 1 else [(first + last) / 2]
    heights = [even[place] if one is None else one for place, one in enumerate(wanted)]
    for place in range(count):
        lowest = first + place * gap
        heights[place] = max(heights[place], lowest, heights[place - 1] + gap if place else lowest)
    for place in reversed(range(count)):
        highest = last - (count - 1 - place) * gap
        heights[place] = min(heights[place], highest)
    return heights
