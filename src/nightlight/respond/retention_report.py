"""What a plan adds up to: how much goes by which rule and in which month, and what is next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nightlight.model.retention import Record
from nightlight.respond.calendar import DAY_MS, date_of, date_words
from nightlight.respond.retention import Fate, Line, why

#: Under this name stands what goes now, in place of a month.
NOW = "now"


@lru_cache(maxsize=65_536)
def _month(day: int) -> str:
    year, month, _ = date_of(day)
    return f"{year:04d}-{month:02d}"


@dataclass(slots=True)
class Totals:
    """Adds lines up. ``goes``: records by rule, kind and month, with ``NOW`` for what goes now; ``stays``: by fate.

    ``shown``: how many of the lines are listed whose turn comes next.
    """

    shown: int = 20
    cases: int = 0
    records: int = 0
    goes: dict[tuple[str, Record], dict[str, int]] = field(default_factory=dict)
    stays: dict[Fate, int] = field(default_factory=dict)
    _next: list[tuple[int, int, Line]] = field(default_factory=list)

    def add(self, lines: Iterable[Line]) -> None:
        """The lines of one case."""
        self.cases += 1
        for line in lines:
            self.records += 1
            fate, until, rule = line.fate, line.until, line.rule
            if (fate is not Fate.GOES and fate is not Fate.KEPT) or until is None or rule is None:
                self.stays[fate] = self.stays.get(fate, 0) + 1
                continue
            months = self.goes.get((rule.id, line.record))
            if months is None:
                months = self.goes[rule.id, line.record] = {}
            month = NOW if fate is Fate.GOES else _month(until // DAY_MS)
            months[month] = months.get(month, 0) + 1
            # The heap holds those that come first, the last of them on top.
            if len(self._next) < self.shown:
                heapq.heappush(self._next, (-until, -self.records, line))
            elif self.shown and until < -self._next[0][0]:
                heapq.heapreplace(self._next, (-until, -self.records, line))

    @property
    def next(self) -> list[Line]:
        """Whose turn comes first, in order."""
        return [line for _, _, line in sorted(self._next, key=lambda item: (-item[0], -item[1]))]

    @property
    def going(self) -> int:
        """How many records go now."""
        return sum(months.get(NOW, 0) for months in self.goes.values())


def line_values(line: Line) -> dict[str, Any]:
    """A line, for JSON."""
    rule = line.rule
    return {
        "case": line.case_id,
        "record": line.record.value,
        "fate": line.fate.value,
        "until": None if line.until is None else date_words(line.until),
        "rule": rule.id if rule else None,
        "legal_basis": rule.legal_basis if rule else None,
        "held_by": list(line.held_by),
        "why": why(line),
    }


def totals_values(totals: Totals, rules: str, at: int) -> Mapping[str, Any]:
    """The whole report, for JSON."""
    return {
        "rules": rules,
        "at": date_words(at),
        "cases": totals.cases,
        "records": totals.records,
        "going": totals.going,
        "goes": [
            {"rule": rule, "record": record.value, "months": dict(sorted(months.items(), key=month_order))}
            for (rule, record), months in sorted(totals.goes.items())
        ],
        "stays": {fate.value: number for fate, number in sorted(totals.stays.items())},
        "next": [line_values(line) for line in totals.next],
    }


def month_order(item: tuple[str, int]) -> tuple[bool, str]:
    return item[0] != NOW, item[0]
