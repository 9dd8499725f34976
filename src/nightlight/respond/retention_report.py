"""What a plan adds up to: how much goes by which rule and in which month, and what is next."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nightlight.model.retention import Record
from nightlight.respond.calendar import date_words
from nightlight.respond.retention import Fate, Kept, Line, Planner, Term, why

#: Under this name stands what goes now, in place of a month.
NOW = "now"


def month_of(at: int) -> str:
    return date_words(at)[:7]


@dataclass(slots=True)
class _Alike:
    """Cases with the very same terms, of which the same is to be said."""

    terms: tuple[Term, ...]
    anyway: Fate | None
    #: When the turn of the first of their records comes, far away where none ever does.
    first: int
    cases: int = 0


_NEVER = 2**63


class Totals:
    """Adds cases up as they stand at ``now``. ``shown``: how many of the records whose turn comes next are listed."""

    def __init__(self, now: int, shown: int = 20) -> None:
        self.now = now
        self.shown = shown
        # By the identity of the terms: alike cases share them, and hashing them would take longer than planning.
        self._alike: dict[tuple[int, Fate | None], _Alike] = {}
        self._next: list[tuple[int, int, Line]] = []
        self._least = _NEVER if shown else -_NEVER
        self._number = 0

    def add(self, kept: Kept, planner: Planner) -> None:
        """One case."""
        terms, anyway = planner.terms(kept), planner.kept_anyway(kept)
        alike = self._alike.get((id(terms), anyway))
        if alike is None:
            ends = [term.until for term in terms if term.until is not None]
            first = _NEVER if anyway is not None else min(ends, default=_NEVER)
            # It keeps the terms, so that no others can get their identity.
            alike = self._alike[id(terms), anyway] = _Alike(terms, anyway, first)
        alike.cases += 1
        if alike.first < self._least:
            self._list(planner.plan(kept, self.now))

    def _list(self, lines: Iterable[Line]) -> None:
        """The heap holds those whose turn comes first, the last of them on top."""
        for line in lines:
            self._number += 1
            until = _NEVER if line.until is None else line.until
            if len(self._next) < self.shown:
                heapq.heappush(self._next, (-until, -self._number, line))
            elif until < -self._next[0][0]:
                heapq.heapreplace(self._next, (-until, -self._number, line))
        if len(self._next) == self.shown:
            self._least = -self._next[0][0]

    @property
    def cases(self) -> int:
        return sum(alike.cases for alike in self._alike.values())

    @property
    def records(self) -> int:
        return sum(alike.cases * len(alike.terms) for alike in self._alike.values())

    @property
    def goes(self) -> dict[tuple[str, Record], dict[str, int]]:
        """By rule and kind, how many records go in which month; under ``NOW`` those that go now."""
        found: dict[tuple[str, Record], Counter[str]] = defaultdict(Counter)
        for alike in self._alike.values():
            for term in alike.terms if alike.anyway is None else ():
                if term.rule is not None and term.until is not None:
                    month = NOW if term.until <= self.now else month_of(term.until)
                    found[term.rule.id, term.record][month] += alike.cases
        return {key: dict(months) for key, months in found.items()}

    @property
    def stays(self) -> dict[Fate, int]:
        """How many records stay whatever their age, and why."""
        found: Counter[Fate] = Counter()
        for alike in self._alike.values():
            if alike.anyway is not None:
                found[alike.anyway] += alike.cases * len(alike.terms)
        return dict(found)

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


def totals_values(totals: Totals, rules: str) -> Mapping[str, Any]:
    """The whole report, for JSON."""
    return {
        "rules": rules,
        "at": date_words(totals.now),
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
