"""How long something took: in minutes, as a distribution, against targets that the operator sets itself."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightlight.errors import RefusedError

MINUTE_MS = 60_000
#: Times are told apart so finely: up to so many minutes, in steps of so many. Every step is rounded up to its end.
STEPS: tuple[tuple[int, int], ...] = ((120, 1), (1_440, 5), (43_200, 60))
_LAST_STEP = 1_440
#: The ends of the bars in a distribution; targets are added to them.
EDGES = (15, 60, 240, 1_440, 4_320, 10_080, 43_200)
PERCENTS = (50, 90, 95)
SEVERITIES = 5
_HOURS_MAX = 8_760
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,4})?", re.ASCII)


def step_of(took_ms: int) -> int:
    """Minutes, rounded up to what is told apart. A clock that was put back makes nothing shorter than no time.

    >>> step_of(90_000), step_of(121 * 60_000)
    (2, 125)
    """
    minutes = -(-max(0, took_ms) // MINUTE_MS)
    for upto, step in STEPS:
        if minutes <= upto:
            return -(-minutes // step) * step
    return -(-minutes // _LAST_STEP) * _LAST_STEP


@dataclass(frozen=True, slots=True)
class Targets:
    """Minutes for each severity, 0 the gravest."""

    minutes: tuple[int, ...]

    def of(self, severity: int) -> int:
        return self.minutes[min(max(severity, 0), SEVERITIES - 1)]

    @property
    def edges(self) -> tuple[int, ...]:
        """The ends of the bars: a target is always one of them, so that what is within it can be counted."""
        return tuple(sorted({*EDGES, *self.minutes}))


def read_targets(text: str, name: str) -> Targets:
    """Hours for severities 0 to 4, as ``1,4,24,72,168``. ``RefusedError('targets_malformed')``."""
    parts = [part.strip() for part in text.split(",")]
    hours = [float(part) for part in parts if _NUMBER.fullmatch(part)]
    if len(hours) != SEVERITIES or len(parts) != SEVERITIES:
        raise _malformed(name, f"{text[:80]!r} is not {SEVERITIES} numbers of hours with commas between them.")
    minutes = []
    for hour in hours:
        exact = hour * 60
        whole = round(exact)
        if not 0 < hour <= _HOURS_MAX or abs(exact - whole) > 1e-6 or step_of(whole * MINUTE_MS) != whole:
            raise _malformed(
                name,
                f"{hour:g} hours cannot be told apart from a little more or less: minutes are up to 2 hours, steps of "
                "5 minutes up to a day, hours up to 30 days, then days, up to a year.",
            )
        minutes.append(whole)
    if minutes != sorted(minutes):
        raise _malformed(name, f"{text[:80]!r} would give something grave more time than something less grave.")
    return Targets(tuple(minutes))


@dataclass(frozen=True, slots=True)
class Spread:
    """How long it took, so many times each. ``took``: by step, in minutes; ``waiting``: not yet."""

    took: Mapping[int, int]
    waiting: int = 0

    @property
    def count(self) -> int:
        return sum(self.took.values()) + self.waiting

    def percentile(self, percent: int) -> int | None:
        """Minutes within which so many of a hundred were done; None if by now fewer are (nearest rank).

        What still waits counts as longer than anything: else the slowest would be missing.
        """
        rank, below = -(-self.count * percent // 100), 0
        for step in sorted(self.took):
            below += self.took[step]
            if rank and below >= rank:
                return step
        return None

    def bars(self, edges: Sequence[int]) -> list[int]:
        """By the ends of the bars; then what took longer; then what waits."""
        counts = [0] * (len(edges) + 1)
        for step, count in self.took.items():
            counts[bisect_left(edges, step)] += count
        return [*counts, self.waiting]


def together(spreads: Iterable[Spread]) -> Spread:
    took: dict[int, int] = {}
    waiting = 0
    for spread in spreads:
        waiting += spread.waiting
        for step, count in spread.took.items():
            took[step] = took.get(step, 0) + count
    return Spread(took, waiting)


def minutes_words(minutes: int) -> str:
    """``15 min``, ``4 h``, ``3 days``; two parts where one does not say it.

    >>> minutes_words(90), minutes_words(1_440)
    ('1 h 30 min', '1 day')
    """
    if minutes < 60:
        return f"{minutes} min"
    days, rest = divmod(minutes, 1_440)
    hours, rest = divmod(rest, 60)
    parts = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{rest} min"] if rest and not days else []
    return " ".join(parts)


def bar_words(edges: Sequence[int]) -> list[str]:
    """What each bar is called."""
    return [
        *(f"≤ {minutes_words(edge)}" for edge in edges),
        f"> {minutes_words(edges[-1])}",
        "not yet",
    ]


def share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _malformed(name: str, message: str) -> RefusedError:
    return RefusedError("targets_malformed", f"{name}: {message}", "For example 1,4,24,72,168.")
