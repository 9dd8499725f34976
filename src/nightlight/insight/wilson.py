"""How far chance alone may have moved a share."""

from __future__ import annotations

import math

#: For a confidence of 95 %.
Z = 1.959963984540054


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Wilson's score interval of 95 %, between 0 and 1; of nothing, all that there is.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
    """
    if not whole:
        return 0.0, 1.0
    p, z2 = part / whole, Z * Z
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z / (1 + z2 / whole) * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole * whole))
    # At the ends the interval touches 0 and 1 exactly; what is left over is rounding.
    return (0.0 if part == 0 else max(0.0, middle - half)), (1.0 if part == whole else min(1.0, middle + half))


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
