"""How far chance alone may have moved a share."""

from __future__ import annotations

import math

from nightlight.detect.judged import Share


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Wilson's score interval of 95 %, between 0 and 1; of nothing, all that there is."""
    return Share(part, whole).interval


def newcombe(
    earlier: float, earlier_limits: tuple[float, float], later: float, later_limits: tuple[float, float]
) -> tuple[float, float]:
    """Limits of ``later - earlier``, two shares of different offences, from the limits of each.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998), method 10.
    """
    difference = later - earlier
    down = math.hypot(later - later_limits[0], earlier_limits[1] - earlier)
    up = math.hypot(later_limits[1] - later, earlier - earlier_limits[0])
    return max(-1.0, difference - down), min(1.0, difference + up)
