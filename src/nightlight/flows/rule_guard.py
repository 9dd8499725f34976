"""The guard: a rule that says too much, or is surely wrong too often, pauses itself and says why."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.definitions import DAY_MS, Rule
from nightlight.detect.judged import Share
from nightlight.errors import RefusedError
from nightlight.flows.alerts import OUTCOME_MS
from nightlight.flows.change_rules import ITSELF, RuleDesk
from nightlight.model.signal import RuleChange, RuleMode
from nightlight.ports import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule outside of its bounds, and why."""

    rule: str
    mode: RuleMode
    why: str


@dataclass(frozen=True, slots=True)
class RuleGuard:
    store: Store
    desk: RuleDesk

    def look(self) -> list[Finding]:
        """Rules that are outside of their bounds now, paused ones left out. Changes nothing."""
        now = self.desk.clock.now()
        with self.store.read() as tx:
            in_force = self.desk.book.in_force(tx)
            # What a rule said before its last change is not held against what it is now.
            since = {change.rule: change.at for change in reversed(tx.rule_changes(1_000)) if change.rule}
            day = tx.count_signals(now - DAY_MS)
            outcomes = tx.signal_outcomes(now - OUTCOME_MS)
            found = []
            for rule in in_force.pack.rules:
                mode = in_force.modes[rule.id]
                if mode is RuleMode.PAUSED:
                    continue
                if since.get(rule.id, 0) > now - DAY_MS:
                    count = tx.signals_since(rule.id, max(now - DAY_MS, since[rule.id]))
                else:
                    count = sum(day.get((rule.id, one.value), 0) for one in RuleMode)
                why = _too_much(rule, count) or _too_wrong(rule, outcomes)
                if why:
                    found.append(Finding(rule.id, mode, why))
        return found

    def run(self) -> Sequence[RuleChange]:
        """Pauses what is outside of its bounds. Every process may run it: a rule is paused once."""
        made = []
        for finding in self.look():
            try:
                made.append(self.desk.pause(finding.rule, ITSELF, finding.why))
            except RefusedError:
                continue  # somebody was faster, or other rules are in force by now
            _log.warning("The rule %s has paused itself: %s", finding.rule, finding.why)
        return made


def _too_much(rule: Rule, count: int) -> str:
    most = rule.bounds.per_day
    return f"{count:,} signals within 24 hours; its bound is {most:,}." if count > most else ""


def _too_wrong(rule: Rule, outcomes: Mapping[tuple[str, str], int]) -> str:
    right, wrong = outcomes.get((rule.id, "violation"), 0), outcomes.get((rule.id, "no_violation"), 0)
    share, bounds = Share(right, right + wrong), rule.bounds
    if share.whole < bounds.after or share.interval[1] * 100 >= bounds.precision_percent:
        return ""
    return (
        f"Of {share.whole:,} accounts that reviewers decided about, {right:,} were in violation: surely fewer than "
        f"{bounds.precision_percent} %, its bound."
    )
