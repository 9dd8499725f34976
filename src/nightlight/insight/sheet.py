"""What one force says about one period and one group of offences, and what follows from it: no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from nightlight.insight.period import Period
from nightlight.insight.platforms import UNKNOWN
from nightlight.insight.span import NONE, UNLIMITED, Span, exactly, total

#: Lines of a table that are no platform.
TOTAL, KNOWN = "total", "known"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Whose figures they are, and about what."""

    force: str
    period: Period
    offence_group: str

    def __str__(self) -> str:
        return f"{self.force}, {self.period}, {self.offence_group}"


@dataclass(frozen=True)
class Sheet:
    """``sets``: how many offences name exactly these platforms (none: unknown). ``lines``: of a table instead.

    ``each_once``: no offence stands in two lines of the table.
    """

    place: Place
    sets: Mapping[frozenset[str], int]
    lines: Mapping[str, Span]
    each_once: bool = False

    @cached_property
    def _platforms(self) -> dict[str, Span]:
        return {name: span for name, span in self.lines.items() if name not in (TOTAL, KNOWN, UNKNOWN)}

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for names in self.sets for name in names).union(self._platforms)

    @cached_property
    def _difference(self) -> Span | None:
        """Known offences as what is left of the total."""
        if TOTAL in self.lines and UNKNOWN in self.lines:
            return self.lines[TOTAL].minus(self.lines[UNKNOWN])
        return None

    @property
    def known_is_stated(self) -> bool:
        """False: only the lines of a table say how many offences have a known platform, and they may overlap."""
        return bool(self.each_once or not self._platforms or KNOWN in self.lines or self._difference)

    @cached_property
    def _known(self) -> Span | None:
        if not self.lines:
            return exactly(sum(count for names, count in self.sets.items() if names))
        lines = self._platforms.values()
        # Each line is a part of what is known.
        span: Span | None = Span(max((line.low for line in lines), default=0), None)
        limits = [self.lines.get(KNOWN), self._difference]
        if limits == [None, None]:
            limits.append(_above(total(lines).high))
            limits.append(total(lines) if self.each_once else None)
        if TOTAL in self.lines:
            limits.append(_above(self.lines[TOTAL].high))
        for limit in limits:
            span = span.meet(limit) if span is not None and limit is not None else span
        return span

    @cached_property
    def _unknown(self) -> Span | None:
        if not self.lines:
            return exactly(self.sets.get(frozenset(), 0))
        rest = UNLIMITED
        if TOTAL in self.lines:
            whole = self.lines[TOTAL]
            if UNKNOWN in self.lines and whole.high is not None and self.lines[UNKNOWN].low > whole.high:
                return None
            rest = whole.minus(self.known)
        return rest.meet(self.lines.get(UNKNOWN, UNLIMITED))

    @property
    def contradictory(self) -> bool:
        """The figures cannot all be true: a platform with more offences than there are, say."""
        return self._known is None or self._unknown is None

    @property
    def without_platforms(self) -> bool:
        """Platforms are known and none is named: whoever divides by these makes every share too small."""
        return bool(self.lines) and not self._platforms and self.known != NONE

    @property
    def known(self) -> Span:
        return self._known or NONE

    @property
    def unknown(self) -> Span:
        return self._unknown or NONE

    @property
    def offences(self) -> Span:
        return self.lines.get(TOTAL) or self.known + self.unknown

    @cached_property
    def likely_known(self) -> Span:
        """What to divide by: if lines may overlap, as though they did not."""
        if self.known_is_stated:
            return self.known
        lines = total(self._platforms.values())
        return lines.meet(_above(self.known.high)) or self.known

    def union(self, names: frozenset[str]) -> Span:
        """Offences that name at least one of ``names``, none of them counted twice.

        Exact from offences. From a table between the limits of Fréchet (1935): no less than the largest line, no more
        than their sum, nor than all that are known.
        """
        if not self.lines:
            return exactly(sum(count for found, count in self.sets.items() if found & names))
        lines = [span for name, span in self._platforms.items() if name in names]
        span = total(lines)
        if len(lines) > 1 and not self.each_once:
            span = Span(max(line.low for line in lines), span.high)
        if not names <= self._platforms.keys():
            span += self._unlisted
        return span.meet(_above(self.known.high)) or span

    @cached_property
    def _unlisted(self) -> Span:
        """Known offences on platforms that the table leaves out: it may show the largest ones only."""
        lines = self._platforms.values()
        listed = total(lines)
        if listed.high is None or listed.high >= self.known.low:
            return NONE
        least = listed.low if self.each_once else max((line.low for line in lines), default=0)
        return _above(None if self.known.high is None else self.known.high - least)


def _above(high: int | None) -> Span:
    return Span(0, high)
