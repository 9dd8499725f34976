"""A whole number that may be known within limits only: small numbers are suppressed, overlaps are not stated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nightlight.errors import RefusedError

COUNT_MAX = 1_000_000_000
_EXACT = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,10}", re.ASCII)
_BELOW = re.compile(r"(?:<|less than|fewer than|under|below) ?(\d{1,3})", re.ASCII)
_AT_MOST = re.compile(r"(?:<=|≤|up to) ?(\d{1,3})|(\d{1,3}) or (?:less|fewer|under)", re.ASCII)
_BETWEEN = re.compile(r"(\d{1,3}) ?(?:-|–|to) ?(\d{1,3})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From ``low`` to ``high``, both included; ``high`` is None where nothing limits it."""

    low: int
    high: int | None

    def __post_init__(self) -> None:
        if not 0 <= self.low <= COUNT_MAX or (self.high is not None and not self.low <= self.high <= COUNT_MAX):
            raise RefusedError(
                "count_malformed",
                f"No count lies between {self.low} and {self.high}.",
                f"A count is a whole number up to {COUNT_MAX:,}; of two limits, the lower comes first.",
            )

    @property
    def exact(self) -> int | None:
        return self.low if self.low == self.high else None

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, None if self.high is None or other.high is None else self.high + other.high)

    def meet(self, other: Span) -> Span | None:
        """What both allow; None if they contradict each other."""
        low = max(self.low, other.low)
        highs = [one.high for one in (self, other) if one.high is not None]
        high = min(highs, default=None)
        return None if high is not None and low > high else Span(low, high)

    def minus(self, other: Span) -> Span:
        """What is left of a whole when a part of it is taken away: never less than nothing."""
        low = 0 if other.high is None else max(0, self.low - other.high)
        return Span(low, None if self.high is None else max(low, self.high - other.low))


NONE = Span(0, 0)
UNLIMITED = Span(0, None)


def exactly(count: int) -> Span:
    return Span(count, count)


def total(spans: Iterable[Span]) -> Span:
    return sum(spans, NONE)


def read_span(text: str, suppressed_max: int | None = None) -> Span:
    """``1,234``, ``<5``, ``fewer than 5``, ``1-4``, ``5 or fewer``, and ``*`` if the force says what its star hides.

    What is hidden is somewhere from 1 up: a force that writes "<5" has counted something. ``suppressed_max``: the most
    that a ``*`` or a ``c`` stands for. ``RefusedError('count_malformed')`` for anything else, the empty cell included.
    """
    word = " ".join(text.split()).casefold()
    if _EXACT.fullmatch(word):
        return exactly(int(word.replace(",", "")))
    if found := _BELOW.fullmatch(word):
        return Span(1, int(found[1]) - 1)
    if found := _AT_MOST.fullmatch(word):
        return Span(1, int(found[1] or found[2]))
    if found := _BETWEEN.fullmatch(word):
        return Span(int(found[1]), int(found[2]))
    if word in ("*", "c", "[c]") and suppressed_max is not None:
        return Span(1, suppressed_max)
    raise RefusedError(
        "count_malformed",
        f"{text[:40]!r} is not a count.",
        'A count is 1234, or 1,234; a suppressed one is "<5" or "1-4", or a star whose meaning is given.',
    )
