"""The lines below a header: which of them are data, and which are sums, notes, headings or nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from nightlight.errors import RefusedError
from nightlight.insight.cells import Numbers, read_number
from nightlight.insight.columns import Merged, Understood
from nightlight.insight.headers import ABOUT, FIGURES, Role
from nightlight.insight.layout import Kind
from nightlight.insight.mapping import Mapping
from nightlight.insight.spelling import shown

#: What holds for the lines below it where cells were merged. Not the platform: one that is not named is unknown.
FILLED = (Role.FORCE, Role.PERIOD, Role.OFFENCE)
_NOTE = re.compile(
    r"(?:notes?|source|n\.?b|please note|caveats?|key|footnotes?)\b.*|[*†‡§#¹²³⁰⁴-⁹].*"
    r"|\[?\(?\d{1,2}[\].)] .*|\(?[a-z][).] .*",
    re.IGNORECASE | re.DOTALL,
)
#: A cell that is so long and stands alone is a sentence.
_SENTENCE = 60
#: So many cells are remembered: a few make up nearly all.
_OFTEN_MAX = 16_384
#: Of what was noticed again and again, so many are told one by one.
_TOLD_MAX = 5
_SUM = re.compile(
    r"(?:.{0,60}\b)?(?:sub ?-?)?totals?\b.{0,60}|sum|overall|all (?:police )?(?:forces|platforms)",
    re.IGNORECASE,
)


class LineKind(StrEnum):
    DATA = "data"
    BLANK = "blank"
    SUM = "sum"
    NOTE = "note"
    HEADER = "header"
    SKIPPED = "skipped"


class Line(NamedTuple):
    """``number`` counts from 1. ``cells``: as many as there are columns, without space around them."""

    number: int
    cells: Sequence[str]
    kind: LineKind


class Noted:
    """How many there are, and the first few of them to show."""

    def __init__(self) -> None:
        self.number, self._first = 0, list[str]()

    def note(self, text: str) -> None:
        self.number += 1
        if len(self._first) < _TOLD_MAX:
            self._first.append(text)

    def __str__(self) -> str:
        more = self.number - len(self._first)
        return "; ".join(self._first) + (f"; and {more:,} more" if more else "")


@lru_cache(_OFTEN_MAX)
def is_sum(text: str) -> bool:
    return bool(_SUM.fullmatch(text.strip()))


def is_note(text: str) -> bool:
    return bool(_NOTE.fullmatch(text.strip())) or len(text) > _SENTENCE


@dataclass(frozen=True, slots=True)
class Body:
    """The lines of one table below its header; can be gone through more than once.

    ``fill``: columns in which an empty cell means what stands above it.
    """

    rows: Iterable[tuple[int, Sequence[str]]]
    understood: Understood
    said: Mapping
    merged: Merged | None = None
    #: A text file has no room beside its table; a workbook has, for remarks.
    text: bool = True
    fill: Collection[int] = ()

    def lines(self) -> Iterator[Line]:
        """``RefusedError``: ``cells_without_header``, ``merged_count``."""
        width, last = len(self.understood.columns), self.understood.header[-1]
        loose = [one.index for one in self.understood.columns if not one.header and one.words != "the mapping says so"]
        sorter = _Sorter(self.understood, self.said)
        above: dict[int, str] = {}
        anchors: dict[tuple[int, int], str] = {}
        for number, raw in self.rows:
            if number <= last:
                continue
            cells = [cell.strip() for cell in raw[:width]]
            if len(cells) < width:
                cells += [""] * (width - len(cells))
            if len(raw) > width or loose:
                self._check_width(number, raw, loose)
            if self.merged:
                self._unmerge(number, cells, anchors)
            kind = sorter.kind(number, cells)
            if kind is LineKind.DATA:
                for index in self.fill:
                    cells[index] = above[index] = cells[index] or above.get(index, "")
            elif kind is not LineKind.BLANK:
                above.clear()
            yield Line(number, cells, kind)

    def _check_width(self, number: int, raw: Sequence[str], loose: Collection[int]) -> None:
        width = len(self.understood.columns)
        more = [raw[index] for index in loose if index < len(raw)] + list(raw[width:])
        found = next((text for text in more if text.strip()), "")
        # One mark too many moves every cell after it.
        if found and self.text:
            raise RefusedError(
                "cells_without_header",
                f'Line {number:,}: "{shown(found)[:40]}" stands in a column without a header.',
                "Does a cell hold the mark that parts cells? Then it belongs in quotation marks. Or skip the line in "
                "the mapping.",
            )

    def _unmerge(self, number: int, cells: list[str], anchors: dict[tuple[int, int], str]) -> None:
        merged = self.merged or {}
        for column in self.understood.columns:
            index = column.index
            anchor = merged.get((number, index))
            if anchor is None:
                continue
            if anchor == (number, index):
                anchors[anchor] = cells[index]
            elif column.role in ABOUT:
                cells[index] = cells[index] or anchors.get(anchor, "")
            elif column.role in FIGURES and _is_number(anchors.get(anchor, ""), self.said.numbers):
                raise RefusedError(
                    "merged_count",
                    f'Line {number:,}, "{column.header}": one number stands in cells that were merged.',
                    "Nobody can tell how it is shared out. Ask the force, or skip the lines in the mapping.",
                )


class _Sorter:
    def __init__(self, understood: Understood, said: Mapping) -> None:
        self._skip = said.skip
        self._headings = [[*row, *[""] * (len(understood.columns) - len(row))] for row in understood.headings]
        counted = understood.kind is not Kind.OFFENCES
        self._about = [one.index for one in understood.columns if one.role in ABOUT]
        named = {one.index for one in understood.of(Role.PLATFORM, Role.PLATFORMS)}
        self._summed = self._about if counted else [index for index in self._about if index not in named]
        self._figures = [one.index for one in understood.figures] if counted else []
        #: Where a sentence may be a platform in somebody's words.
        self._named = named
        self._alone = len([one for one in understood.columns if one.role is not Role.IGNORE]) < 2

    def kind(self, number: int, cells: Sequence[str]) -> LineKind:
        if number in self._skip:
            return LineKind.SKIPPED
        first = next((index for index, cell in enumerate(cells) if cell), None)
        if first is None:
            return LineKind.BLANK
        if cells in self._headings:
            return LineKind.HEADER
        if self._is_note(first, cells):
            return LineKind.NOTE
        return LineKind.SUM if self._is_sum(first, cells) else LineKind.DATA

    def _is_note(self, first: int, cells: Sequence[str]) -> bool:
        if self._alone or any(cells[first + 1 :]):
            return False
        text = cells[first]
        return bool(_NOTE.fullmatch(text)) or (len(text) > _SENTENCE and first not in self._named)

    def _is_sum(self, first: int, cells: Sequence[str]) -> bool:
        named = False
        for index in self._summed:
            if cell := cells[index]:
                named = True
                if is_sum(cell):
                    return True
        if named:
            return False
        # Nothing says what the line is about: its label stands elsewhere, or it has none.
        labelled = is_sum(cells[first]) and first not in self._figures
        return bool(self._about) and (labelled or any(cells[index] for index in self._figures))


def _is_number(text: str, numbers: Numbers) -> bool:
    try:
        read_number(text, numbers)
    except RefusedError:
        return False
    return True
