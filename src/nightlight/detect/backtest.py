"""What a pack would have said over a stretch of history: hits become signals, signals are counted.

A signal is raised when a rule holds and no signal of that rule about that account is active, or more than half of its
time is over (it is then renewed). State is one number for each rule and account that were touched, and six numbers for
each signal.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from nightlight.detect.batch import BatchHits, Columns
from nightlight.detect.definitions import DAY_MS, Pack
from nightlight.detect.fields import BANDS
from nightlight.detect.judged import Decisions, Judged, Labelled, Labels
from nightlight.model.contact import WATCH_FAMILIES

#: How new an account was at its first signal. Of the target of an event that is not known.
NEWNESS: Mapping[str, int] = {"under 7 days": 7 * DAY_MS, "7 to 29 days": 30 * DAY_MS}
OLDER, NEWNESS_UNKNOWN = "30 days and more", "not known"


@dataclass(frozen=True, slots=True)
class Example:
    """An event at which a signal was raised. ``reason``: in words. ``agreed``: SQL says the same of this event."""

    number: int
    t: int
    about: int
    values: Mapping[str, float]
    reason: str
    agreed: bool


@dataclass(frozen=True, slots=True)
class Touched:
    """Accounts, and who they were at their first signal. ``per_day``: see ``PackResult.days``."""

    accounts: int
    bands: Mapping[str, int]
    newness: Mapping[str, int]
    per_day: tuple[int, ...]
    judged: Judged
    labelled: Labelled | None = None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """``hits``: events at which it held. ``signals``: what was raised of it, counted by day in ``touched``."""

    id: str
    title: str
    family: str
    severity: str
    hits: int
    signals: int
    touched: Touched
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlap:
    """Accounts that both touched. ``jaccard``: of all that either touched, the share."""

    one: str
    other: str
    both: int
    jaccard: float


@dataclass(frozen=True, slots=True)
class PackResult:
    """``watch``: accounts about which signals of independent families were active at once, counted by day.

    ``days``: the first instant of each day, UTC, milliseconds.
    """

    reference: str
    days: tuple[int, ...]
    rules: tuple[RuleResult, ...]
    anyone: Touched
    watch: Touched
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True, slots=True)
class Versus:
    """Accounts that two packs touched."""

    only_a: int
    only_b: int
    both: int

    @property
    def jaccard(self) -> float:
        return jaccard(self.only_a + self.both, self.only_b + self.both, self.both)


@dataclass(frozen=True, slots=True)
class History:
    """What was looked at. Times in milliseconds since 1970; since <= t < until was counted.

    ``first``, ``last``: of all events in the files. ``doubled``: events that were there again, and left out.
    ``seen_accounts``: that did something. ``warm_since``: from here on the windows were full.
    """

    since: int
    until: int
    first: int
    last: int
    events: int
    doubled: int
    seen_accounts: int
    warm_since: int


@dataclass(frozen=True, slots=True)
class Backtest:
    history: History
    a: PackResult
    b: PackResult | None = None
    signalled: Versus | None = None
    watched: Versus | None = None


def jaccard(one: int, other: int, both: int) -> float:
    union = one + other - both
    return both / union if union else 0.0


@dataclass(slots=True)
class _Signals:
    """In the order of their events."""

    rule: array[int] = field(default_factory=lambda: array("q"))
    about: array[int] = field(default_factory=lambda: array("q"))
    t: array[int] = field(default_factory=lambda: array("q"))
    band: array[int] = field(default_factory=lambda: array("q"))
    known_for: array[int] = field(default_factory=lambda: array("q"))

    def rows(self) -> Iterator[tuple[int, int, int, int, int]]:
        return zip(self.rule, self.about, self.t, self.band, self.known_for, strict=True)


@dataclass(frozen=True, slots=True)
class _First:
    """The first signal about somebody."""

    t: int
    band: int
    known_for: int


class Tally:
    """Takes the hits of a pack in their order. ``examples``: how many events are kept for each rule."""

    def __init__(self, pack: Pack, since: int, until: int, examples: int) -> None:
        self.pack, self._since, self._until = pack, since, until
        self._hits = [0] * len(pack.rules)
        self._raised: list[dict[int, int]] = [{} for _ in pack.rules]
        self._signals = _Signals()
        #: By rule the events with the smallest drawn numbers, so that they come from the whole time.
        self._drawn: list[list[tuple[int, int, int, int]]] = [[] for _ in pack.rules]
        self._examples = examples

    def add(self, columns: Columns, hits: BatchHits) -> None:
        if not len(hits.row):
            return
        names = ("number", "t", "actor", "target", "actor_band", "target_band", "known_for")
        taken = [columns[name][hits.row].tolist() for name in names]
        by_actor = [rule.about == "actor" for rule in self.pack.rules]
        expires = [rule.expires_ms for rule in self.pack.rules]
        signals = self._signals
        for rule, number, t, actor, target, actor_band, target_band, known_for in zip(
            map(int, hits.rule), *taken, strict=True
        ):
            if not self._since <= t < self._until:
                continue
            self._hits[rule] += 1
            about = actor if by_actor[rule] else target
            raised = self._raised[rule].get(about)
            if raised is not None and 2 * (t - raised) <= expires[rule]:
                continue
            self._raised[rule][about] = t
            signals.rule.append(rule)
            signals.about.append(about)
            signals.t.append(t)
            signals.band.append(actor_band if by_actor[rule] else target_band)
            signals.known_for.append(known_for if by_actor[rule] else -1)
            self._draw(rule, number, t, about)

    def _draw(self, rule: int, number: int, t: int, about: int) -> None:
        kept = self._drawn[rule]
        order = -((number * 0x9E3779B97F4A7C15) % 2**64)  # Knuth's multiplicative hash: spread, and no dice
        drawn = order, number, t, about
        if len(kept) < self._examples:
            heapq.heappush(kept, drawn)
        elif kept:
            heapq.heappushpop(kept, drawn)

    def drawn(self) -> list[list[tuple[int, int, int]]]:
        """By rule the events to show, in their order: number, t, about."""
        return [sorted((number, t, about) for _, number, t, about in kept) for kept in self._drawn]

    def result(self, decisions: Decisions, labels: Labels | None, examples: Sequence[Sequence[Example]]) -> PackResult:
        first_day, last_day = self._since // DAY_MS, (self._until - 1) // DAY_MS
        days = last_day - first_day + 1
        by_rule: list[dict[int, _First]] = [{} for _ in self.pack.rules]
        per_day = [[0] * days for _ in self.pack.rules]
        all_days = [0] * days
        anyone: dict[int, _First] = {}
        for rule, about, t, band, known_for in self._signals.rows():
            first = _First(t, band, known_for)
            by_rule[rule].setdefault(about, first)
            if about not in anyone or (anyone[about].known_for < 0 <= known_for):
                anyone[about] = _First(anyone[about].t if about in anyone else t, band, known_for)
            per_day[rule][t // DAY_MS - first_day] += 1
            all_days[t // DAY_MS - first_day] += 1
        watched, watch_days = self._watch(first_day, days)
        watch = {about: _First(t, anyone[about].band, anyone[about].known_for) for about, t in watched.items()}
        rules = tuple(
            RuleResult(
                rule.id,
                rule.title,
                rule.family.value,
                rule.severity.value,
                self._hits[place],
                sum(per_day[place]),
                _touched(by_rule[place], per_day[place], decisions, labels),
                tuple(examples[place]) if examples else (),
            )
            for place, rule in enumerate(self.pack.rules)
        )
        return PackResult(
            self.pack.reference,
            tuple((first_day + day) * DAY_MS for day in range(days)),
            rules,
            _touched(anyone, all_days, decisions, labels),
            _touched(watch, watch_days, decisions, labels),
            tuple(self._overlaps(by_rule)),
        )

    def accounts(self) -> set[int]:
        return set(self._signals.about)

    def watched(self) -> set[int]:
        return set(self._watch(self._since // DAY_MS, (self._until - 1) // DAY_MS - self._since // DAY_MS + 1)[0])

    def _overlaps(self, by_rule: Sequence[Mapping[int, _First]]) -> Iterator[Overlap]:
        rules = self.pack.rules
        for one, other in combinations(range(len(rules)), 2):
            both = len(by_rule[one].keys() & by_rule[other].keys())
            if both:
                share = jaccard(len(by_rule[one]), len(by_rule[other]), both)
                yield Overlap(rules[one].id, rules[other].id, both, share)

    def _watch(self, first_day: int, days: int) -> tuple[dict[int, int], list[int]]:
        """Who came under watch, and when first; by day how many were under watch at some instant of it."""
        families = [rule.family for rule in self.pack.rules]
        expires = [rule.expires_ms for rule in self.pack.rules]
        since: dict[int, int] = {}
        counted: list[set[int]] = [set() for _ in range(days)]
        active: dict[int, dict[str, int]] = {}
        for rule, about, t, _, _ in self._signals.rows():
            ends = active.setdefault(about, {})
            ends[families[rule]] = max(ends.get(families[rule], 0), t + expires[rule])
            # Sorted from the last: the second of these ends is when fewer than two families are left.
            left = sorted((end for end in ends.values() if end > t), reverse=True)
            if len(left) < WATCH_FAMILIES:
                continue
            since.setdefault(about, t)
            last = min(left[WATCH_FAMILIES - 1], self._until) - 1
            for day in range(t // DAY_MS, last // DAY_MS + 1):
                counted[day - first_day].add(about)
        return since, [len(day) for day in counted]


def _touched(
    first: Mapping[int, _First], per_day: Sequence[int], decisions: Decisions, labels: Labels | None
) -> Touched:
    bands = Counter(BANDS[one.band] for one in first.values())
    newness = Counter(_newness(one.known_for) for one in first.values())
    return Touched(
        len(first),
        {band: bands[band] for band in BANDS},
        {name: newness[name] for name in (*NEWNESS, OLDER, NEWNESS_UNKNOWN)},
        tuple(per_day),
        decisions.judge({about: one.t for about, one in first.items()}),
        labels.judge(first.keys()) if labels is not None else None,
    )


def _newness(known_for: int) -> str:
    if known_for < 0:
        return NEWNESS_UNKNOWN
    return next((name for name, below in NEWNESS.items() if known_for < below), OLDER)
