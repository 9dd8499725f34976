"""Why detection said what it said of one event: every value, the events behind it, and each rule part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightlight.detect.definitions import Feature, Function, Rule
from nightlight.detect.evaluate import Number, evaluator
from nightlight.detect.expression import All, Node, kinds_of, names_of
from nightlight.detect.expression_words import expression_words
from nightlight.detect.fields import FIELDS
from nightlight.detect.pack_words import value_words
from nightlight.detect.sources import Source, Sources
from nightlight.detect.windows import Windows
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.detect import Detection, Judged
from nightlight.flows.people import People
from nightlight.flows.rule_book import RuleBook
from nightlight.model.event import LoggedEvent
from nightlight.model.signal import RuleMode, Signal
from nightlight.ports import Clock, Store, Transaction

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """``said``: the value in words. ``full``: whether all events that could count are still in the log."""

    feature: Feature
    value: Number
    said: str
    source: Source
    full: bool


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """``parts``: of the condition, in words, with whether each holds. ``holds``: all do, and there is an account."""

    rule: Rule
    mode: RuleMode
    holds: bool
    parts: Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``rules``: those that look at events of this kind. ``raised``: the signals that the event raised when it came.

    ``pack``: the rules in force now, which need not be those of then. ``read``: how many events were read for it.
    """

    logged: LoggedEvent
    pack: str
    features: Sequence[FeatureValue]
    rules: Sequence[RuleVerdict]
    raised: Sequence[Signal]
    read: int


@dataclass(frozen=True, slots=True)
class EventExplainer:
    store: Store
    clock: Clock
    people: People
    book: RuleBook
    detection: Detection

    def explain(self, event: str, reviewer: str) -> Explanation:
        """``event``: its number or its id. That somebody looked is logged before anything is shown.

        ``RefusedError``: ``event_unknown``.
        """
        with self.store.write() as tx:
            logged = self._find(tx, event)
            subject = self.people.pseudonym(logged.event.actor)
            tx.log(self.clock.now(), LogKind.SIGNALS_VIEWED, reviewer, subject, {})
            in_force = self.book.in_force(tx)
            raised = tx.signals_at(logged.number)
            (judged,) = self.detection.judged(tx, [logged])
            first = next(iter(tx.events_after(0, 1)), logged)
        pack, about = in_force.pack, judged.seen
        windows, sources = Windows(pack), Sources(pack, about)
        read = self._replay(windows, sources, judged, self._begin(judged, windows))

        def value(name: str) -> Number:
            return windows.read(name, about)

        features = []
        for one in pack.features:
            # What is not windowed may reach back as far as its row of events does.
            full = one.function is Function.VALUE or first.number <= 1 or first.received_at <= about.t - one.over_ms
            said = value_words(one.type, value(one.id))
            features.append(FeatureValue(one, value(one.id), said, sources.of(one.id), full))
        titles = {one.id: one.title for one in pack.features}
        rules = []
        for rule in pack.rules:
            kinds = kinds_of(rule.when)
            if kinds is not None and about.kind not in kinds:
                continue
            parts = [
                (expression_words(part, titles), bool(evaluator(part)(about, value))) for part in _parts(rule.when)
            ]
            holds = bool(getattr(about, rule.about)) and all(held for _, held in parts)
            rules.append(RuleVerdict(rule, in_force.modes[rule.id], holds, parts))
        return Explanation(logged, pack.reference, features, rules, raised, read)

    def _begin(self, judged: Judged, windows: Windows) -> int:
        """From when on events are read. A row of events without a gap may go back to the beginning."""
        if any(one.function is Function.FIRST_SEEN for one in windows.pack.features):
            return 0
        return judged.seen.t - max((one.over_ms for one in windows.pack.features), default=0)

    def _replay(self, windows: Windows, sources: Sources, judged: Judged, since: int) -> int:
        with self.store.read() as tx:
            number = tx.first_event_at(since) - 1 if since else 0
        read = 0
        while True:
            with self.store.read() as tx:
                page = [one for one in tx.events_after(number, _PAGE) if one.number <= judged.logged.number]
                for one in self.detection.judged(tx, page):
                    windows.add(one.seen)
                    sources.see(one.seen)
            if not page:
                return read
            read, number = read + len(page), page[-1].number

    def _find(self, tx: Transaction, event: str) -> LoggedEvent:
        number = int(event) if event.isascii() and event.isdigit() and len(event) < 19 else tx.event_number(event)
        found = next(iter(tx.events_after(number - 1, 1)), None) if number else None
        if found is None or found.number != number:
            raise RefusedError(
                "event_unknown",
                "There is no such event, or it is no longer kept.",
                "Name its number, as a signal shows it, or its id.",
            )
        return found


def _parts(node: Node) -> Sequence[Node]:
    """The event's own parts first: where one of these does not hold, the rule is about something else."""
    parts = node.parts if isinstance(node, All) else (node,)
    return sorted(parts, key=lambda part: not names_of(part) <= FIELDS.keys())
