"""Sums that a force wrote, held against what they should be the sums of: reported with the difference, never mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightlight.insight.span import NONE, Span

#: A line is about a force, a period, a group and a platform; None: about all of them.
About = tuple[str | None, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """``said`` is written there, ``added`` is what its parts add up to."""

    line: int
    header: str
    said: Span
    added: Span

    def __str__(self) -> str:
        return (
            f'line {self.line:,}, "{self.header}": it says {_words(self.said)}, its parts add up to '
            f"{_words(self.added)}: {_apart(self.said, self.added)}"
        )


class Totals:
    """Adds up lines as they come, under everything that a sum can be about."""

    def __init__(self) -> None:
        self._sums: dict[tuple[About, int], Span] = {}
        #: Without the offences whose platform nobody knows: some sums leave them out.
        self._known: dict[tuple[About, int], Span] = {}
        #: Since the last sum: of one block.
        self._block: dict[int, Span] = {}

    def add(self, about: Sequence[str], column: int, number: Span, *, known: bool) -> None:
        for one in _kinds_of(about):
            key = (one, column)
            self._sums[key] = self._sums.get(key, NONE) + number
            if known:
                self._known[key] = self._known.get(key, NONE) + number
        self._block[column] = self._block.get(column, NONE) + number

    def differs(self, about: About, column: int, number: Span) -> Span | None:
        """What the parts of a sum add up to, where it is another number; None if it holds."""
        key = (about, column)
        added = self._sums.get(key, NONE)
        held = (added, self._known.get(key), self._block.get(column))
        return None if any(one is not None and one.meet(number) is not None for one in held) else added

    def end_block(self) -> None:
        self._block.clear()


def _kinds_of(about: Sequence[str]) -> Iterator[About]:
    force, period, group, platform = about
    for one in dict.fromkeys((force, None)):
        for two in dict.fromkeys((period, None)):
            for three in dict.fromkeys((group, None)):
                for four in dict.fromkeys((platform, None)):
                    yield one, two, three, four


def _words(span: Span) -> str:
    if span.exact is not None:
        return f"{span.exact:,}"
    return f"{span.low:,} or more" if span.high is None else f"{span.low:,} to {span.high:,}"


def _apart(said: Span, added: Span) -> str:
    exact = said.exact is not None and added.exact is not None
    if added.high is not None and said.low > added.high:
        return f"{said.low - added.high:,}{'' if exact else ' or more'} too many"
    return f"{added.low - (said.high or 0):,}{'' if exact else ' or more'} too few"
