"""What there is to see of the rules: what each may do, how much it says, how often it was right, who changed what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nightlight.detect.definitions import DAY_MS, Feature, Rule
from nightlight.detect.judged import Share
from nightlight.flows.alerts import OUTCOME_MS
from nightlight.flows.change_rules import RuleDesk
from nightlight.flows.detect import Detection
from nightlight.flows.not_taken import NotTaken, not_taken
from nightlight.flows.rule_book import RulesInForce
from nightlight.model.signal import BacktestRecord, ChangeKind, RuleChange, RuleMode, Signal
from nightlight.ports import Transaction

#: Days that the picture of a rule's volume shows, today included.
DAYS = 30
#: The newest changes and signals that a page shows.
CHANGES_MAX = 50
SIGNALS_MAX = 50
#: Changes among which those of one rule are looked for.
_HISTORY_MAX = 2_000
#: Changes that may be about every rule at once.
_ABOUT_ALL = frozenset({ChangeKind.ADOPTED, ChangeKind.ROLLED_BACK})
_WINDOWS = (DAY_MS, 7 * DAY_MS, 30 * DAY_MS)


class Running(StrEnum):
    """Whether events are judged."""

    READY = "ready"
    #: It is reading the log, or has just begun: events are kept and judged later.
    CATCHING_UP = "catching_up"
    OFF = "off"
    NOT_INSTALLED = "not_installed"


@dataclass(frozen=True, slots=True)
class State:
    """``live``: values in memory. ``behind``: events of the log that nobody has judged yet."""

    running: Running
    live: int
    behind: int


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule in force. ``volume``: signals within a day, a week and thirty days, in every mode.

    ``precision``: of the accounts that the rule spoke about in the last 90 days and reviewers decided either way, how
    many were in violation. ``proposed_by``: who wants it to be live. ``changed``: the last change of this very rule.
    """

    rule: Rule
    mode: RuleMode
    meaning: str
    volume: tuple[int, int, int]
    precision: Share
    inconclusive: int
    proposed_by: str
    changed: RuleChange | None


@dataclass(frozen=True, slots=True)
class Overview:
    state: State
    in_force: RulesInForce
    lines: Sequence[RuleLine]
    changes: Sequence[RuleChange]
    not_taken: Sequence[NotTaken]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """Everything about one rule. ``text``: its lines in the file, with the number of the first.

    ``by_day``: day counted from 1970, and its signals; every one of the last ``DAYS``, the oldest first. ``modes``:
    signals of thirty days by the mode that they were raised in.
    """

    state: State
    in_force: RulesInForce
    line: RuleLine
    text: Sequence[str]
    features: Sequence[Feature]
    changes: Sequence[RuleChange]
    by_day: Sequence[tuple[int, int]]
    modes: Mapping[RuleMode, int]
    backtest: BacktestRecord | None
    signals: Sequence[Signal]


@dataclass(frozen=True, slots=True)
class RuleReport:
    """Reads only. ``detection``: None where it is switched off or, with ``installed`` false, cannot run here."""

    desk: RuleDesk
    detection: Detection | None
    installed: bool = True

    def overview(self) -> Overview:
        with self.desk.store.read() as tx:
            in_force = self.desk.book.in_force(tx)
            history = tx.rule_changes(_HISTORY_MAX)
            return Overview(
                self._state(tx),
                in_force,
                self._lines(tx, in_force, history),
                history[:CHANGES_MAX],
                not_taken(tx, self.desk.clock.now()),
            )

    def rule(self, rule_id: str) -> RuleFile:
        """``RefusedError('rule_unknown')``."""
        backtest = self.desk.backtested(rule_id)
        with self.desk.store.read() as tx:
            in_force, now = self.desk.book.in_force(tx), self.desk.clock.now()
            rule = in_force.rule(rule_id)
            history = tx.rule_changes(_HISTORY_MAX)
            today = now // DAY_MS
            # One millisecond earlier than the first day: the store counts what is later than that.
            counted = tx.signals_by_day(rule_id, (today - DAYS + 1) * DAY_MS - 1, DAY_MS)
            by_mode = tx.count_signals(now - _WINDOWS[-1])
            text = self.desk.book.text(tx, in_force.pack.digest).decode("utf-8", "replace")
            return RuleFile(
                self._state(tx),
                in_force,
                next(line for line in self._lines(tx, in_force, history) if line.rule.id == rule_id),
                lines_of(text, rule.line),
                in_force.pack.needed(rule.when),
                [one for one in history if one.rule == rule_id or one.kind in _ABOUT_ALL][:CHANGES_MAX],
                [(day, counted.get(day, 0)) for day in range(today - DAYS + 1, today + 1)],
                {mode: count for mode in RuleMode if (count := by_mode.get((rule_id, mode.value), 0))},
                backtest,
                tx.signals_of(rule_id, SIGNALS_MAX),
            )

    def _state(self, tx: Transaction) -> State:
        if self.detection is None:
            return State(Running.OFF if self.installed else Running.NOT_INSTALLED, 0, 0)
        running = Running.READY if self.detection.ready else Running.CATCHING_UP
        return State(running, self.detection.live(), max(0, tx.last_event()[0] - tx.detected()))

    def _lines(self, tx: Transaction, in_force: RulesInForce, history: Sequence[RuleChange]) -> list[RuleLine]:
        now = self.desk.clock.now()
        counts = [tx.count_signals(now - window) for window in _WINDOWS]
        found = tx.signal_outcomes(now - OUTCOME_MS)
        changed: dict[str, RuleChange] = {}
        for change in history:
            if change.kind not in _ABOUT_ALL:
                changed.setdefault(change.rule, change)

        def volume(rule: str, count: Mapping[tuple[str, str], int]) -> int:
            return sum(count.get((rule, mode.value), 0) for mode in RuleMode)

        made = []
        for rule in in_force.pack.rules:
            right, wrong = found.get((rule.id, "violation"), 0), found.get((rule.id, "no_violation"), 0)
            day, week, month = (volume(rule.id, count) for count in counts)
            made.append(
                RuleLine(
                    rule,
                    in_force.modes[rule.id],
                    in_force.meanings[rule.id],
                    (day, week, month),
                    Share(right, right + wrong),
                    found.get((rule.id, "inconclusive"), 0),
                    in_force.change.proposed.get(in_force.key(rule.id), ""),
                    changed.get(rule.id),
                )
            )
        return made


def lines_of(text: str, first: int) -> list[str]:
    """The item of a list that begins in line ``first`` (counted from 1), down to the next one of its depth."""
    lines = text.splitlines()[first - 1 :]
    if not lines:
        return []
    depth = _depth(lines[0])
    found = lines[:1]
    for line in lines[1:]:
        if line.strip() and _depth(line) <= depth:
            break
        found.append(line)
    while found and (not found[-1].strip() or found[-1].lstrip().startswith("#")):
        found.pop()
    return [line[depth:] for line in found]


def _depth(line: str) -> int:
    """How far an item is indented: its dash counts, for keys of the item may stand in the very column after it."""
    return len(line) - len(line.lstrip(" "))
