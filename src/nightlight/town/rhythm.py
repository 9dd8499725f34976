"""When people are awake, at school and at work: shares of the hours of a day. Invented shapes."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

#: By hour, from 0: (young, weekend) -> how much is said in it, beside other hours.
_SHAPES = {
    (False, False): (2, 1, 0.5, 0.3, 0.3, 0.8, 2, 4, 5, 5, 5, 5, 6, 5, 5, 5, 5, 6, 7, 8, 9, 8, 6, 4),
    (False, True): (4, 2, 1, 0.5, 0.3, 0.4, 1, 2, 4, 6, 7, 7, 7, 6, 6, 6, 6, 7, 7, 8, 8, 8, 7, 5),
    (True, False): (1, 0.5, 0.2, 0.1, 0.1, 0.2, 2, 5, 2, 1, 2, 1, 4, 3, 4, 9, 10, 10, 10, 11, 11, 9, 5, 2),
    (True, True): (3, 1, 0.5, 0.3, 0.2, 0.2, 0.5, 1, 3, 6, 8, 9, 9, 9, 9, 9, 9, 9, 10, 10, 10, 9, 7, 4),
}
_REACHED = {key: tuple(accumulate(shape)) for key, shape in _SHAPES.items()}
#: Monday first.
WEEKDAYS = (0.95, 0.95, 0.97, 1.0, 1.1, 1.08, 0.95)


def hour_of_day(chance: float, *, young: bool, weekend: bool) -> int:
    """The hour that a number from 0 to below 1 stands for."""
    reached = _REACHED[young, weekend]
    return bisect_right(reached, chance * reached[-1])
