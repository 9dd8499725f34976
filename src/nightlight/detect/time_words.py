"""Lengths of time in words."""

from __future__ import annotations

from nightlight.detect.fields import NEVER_MS

_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))


def duration_words(milliseconds: float) -> str:
    """``7 days``, ``90 minutes``: in the largest unit that gives a whole number."""
    if milliseconds == NEVER_MS:
        return "never"
    for size, unit in _UNITS:
        if milliseconds and milliseconds % size == 0:
            count = int(milliseconds // size)
            return f"{count:,} {unit}" + ("s" if count != 1 else "")
    return f"{milliseconds:,.0f} milliseconds"


def about_words(milliseconds: float) -> str:
    """The same for a measured time: rounded to a tenth of its unit."""
    if milliseconds == NEVER_MS:
        return "never"
    size, unit = next(((size, unit) for size, unit in _UNITS if milliseconds >= size), _UNITS[-1])
    return f"{milliseconds / size:.1f}".removesuffix(".0") + f" {unit}s"
