"""The story of a backtest: the past once more, through one pack or two, and what they would have said."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from nightlight.detect.backtest import Backtest, Example, History, PackResult, Tally, Versus
from nightlight.detect.batch import BatchEngine, Columns
from nightlight.detect.definitions import DAY_MS, Function, Pack, Rule
from nightlight.detect.fields import NEVER_MS, WORDS, Type, code
from nightlight.detect.judged import HORIZON_DAYS, Decisions, Labels
from nightlight.detect.pack_words import type_of_name, value_words
from nightlight.errors import RefusedError
from nightlight.ports import EventHistory

Progress = Callable[[int], object]
EngineFor = Callable[[Pack], BatchEngine]

_DECIDED = code(Type.KIND, "decision.made")
_NAMED = re.compile(r"\{([^{}]*)\}")
EXAMPLES_MAX = 100


class Replay:
    """Runs packs over a history. ``engine``: makes what keeps the windows of a pack."""

    def __init__(self, history: EventHistory, engine: EngineFor) -> None:
        self._history, self._engine = history, engine

    def run(
        self,
        packs: Sequence[Pack],
        *,
        since: int | None = None,
        until: int | None = None,
        examples: int = 3,
        labels: Labels | None = None,
        progress: Progress = lambda _: None,
    ) -> Backtest:
        """One pack, or two side by side. ``since`` and ``until``: what is counted; None: all. ``progress``: rows done.

        ``RefusedError('time_range')``; ``RefusedError`` of the history for events that cannot be read.
        """
        span = self._history.span
        start = span.first if since is None else since
        end = span.last + 1 if until is None else until
        if since is not None and until is not None and since >= until:
            raise RefusedError("time_range", "--from is later than --to.")
        if end <= span.first or start > span.last:
            raise RefusedError("time_range", "There are no events in this range.", "Leave out --from and --to for all.")
        if not 0 <= examples <= EXAMPLES_MAX:
            raise RefusedError("examples", f"Up to {EXAMPLES_MAX} examples for each rule.")
        horizon = HORIZON_DAYS * DAY_MS
        tallies = [Tally(pack, start, end, examples) for pack in packs]
        engines = [self._engine(pack) for pack in packs]
        decisions = Decisions(start, end, span.last, horizon)
        begin = min(warm_up_from(pack, start) for pack in packs)
        for columns in self._history.batches(begin, end + horizon):
            inside = bisect_left(columns["t"], end)
            if inside:
                part = {name: column[:inside] for name, column in columns.items()}
                for tally, engine in zip(tallies, engines, strict=True):
                    tally.add(part, engine.add_batch(part))
            _take_decisions(columns, decisions)
            progress(len(columns["t"]))
        results = [tally.result(decisions, labels, self._examples(tally)) for tally in tallies]
        history = History(
            start,
            end,
            span.first,
            span.last,
            span.events,
            span.doubled,
            self._history.accounts(start, end),
            span.first + max(longest_window(pack) for pack in packs),
        )
        return _backtest(history, tallies, results)

    def _examples(self, tally: Tally) -> list[list[Example]]:
        """Every example is worked out a second time, in SQL: where the engines differ, that is said."""
        pack, chosen = tally.pack, tally.drawn()
        found = self._history.values_at(pack, {number for events in chosen for number, _, _ in events})
        made: list[list[Example]] = []
        for place, (rule, events) in enumerate(zip(pack.rules, chosen, strict=True)):
            asked = [feature.id for feature in pack.needed(rule.when)]
            shown = []
            for number, t, about in events:
                values, held = found.get(number, ({}, set()))
                told = {name: values[name] for name in asked if name in values}
                shown.append(Example(number, t, about, told, reason_of(pack, rule, values), place in held))
            made.append(shown)
        return made


def longest_window(pack: Pack) -> int:
    """Milliseconds. 0 for a pack that looks back at nothing."""
    return max((feature.over_ms for feature in pack.features), default=0)


def warm_up_from(pack: Pack, start: int) -> int:
    """From when on events matter. A row of events may go back without end, as long as it has no gap."""
    if any(feature.function is Function.FIRST_SEEN for feature in pack.features):
        return -NEVER_MS
    return start - longest_window(pack)


def reason_of(pack: Pack, rule: Rule, values: Mapping[str, float]) -> str:
    """The reason in words, with the values of that event."""

    def put(found: re.Match[str]) -> str:
        kind = type_of_name(pack, found.group(1))
        value = values.get(found.group(1))
        return "?" if kind is None or value is None else value_words(kind, value)

    return _NAMED.sub(put, rule.reason)


def _take_decisions(columns: Columns, decisions: Decisions) -> None:
    for row in (columns["kind"] == _DECIDED).nonzero()[0].tolist():
        decisions.add(int(columns["target"][row]), int(columns["t"][row]), WORDS[int(columns["word"][row])])


def _backtest(history: History, tallies: Sequence[Tally], results: Sequence[PackResult]) -> Backtest:
    if len(results) == 1:
        return Backtest(history, results[0])
    one, other = tallies
    return Backtest(
        history,
        results[0],
        results[1],
        _versus(one.accounts(), other.accounts()),
        _versus(one.watched(), other.watched()),
    )


def _versus(one: set[int], other: set[int]) -> Versus:
    return Versus(len(one - other), len(other - one), len(one & other))
