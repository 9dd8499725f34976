"""Examining detection: whether events are judged, what rules may do, and what waits for somebody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nightlight.flows.rule_guard import RuleGuard
from nightlight.flows.rule_report import RuleReport, Running
from nightlight.model.health import Finding, Level
from nightlight.model.signal import AlertState, ChangeKind, RuleMode
from nightlight.ports import Store

#: More events than a service that runs leaves unjudged.
BEHIND_MAX = 10_000


@dataclass(frozen=True, slots=True)
class DetectionExamination:
    store: Store
    report: RuleReport
    guard: RuleGuard

    def run(self) -> Iterator[Finding]:
        seen = self.report.overview()
        if seen.state.running is Running.NOT_INSTALLED:
            yield Finding(
                Level.WARNING, "detection", "What detection needs is not installed: no event is judged.",
                "Type: pip install 'nightlight[detect]', or set NIGHTLIGHT_DETECTION=off.",
            )  # fmt: skip
            return
        if seen.state.running is Running.OFF:
            yield Finding(Level.OK, "detection", "It is off (NIGHTLIGHT_DETECTION).")
            return
        live = sum(line.mode is RuleMode.LIVE for line in seen.lines)
        said = f"{seen.in_force.pack.reference}: {live} of {len(seen.lines)} rules are live, the others are not felt."
        yield Finding(Level.OK, "detection", said)
        with self.store.read() as tx:
            behind = max(0, tx.last_event()[0] - tx.detected())
            waiting = len(tx.alerts(AlertState.OPEN, 10_000))
        if behind > BEHIND_MAX:
            yield Finding(
                Level.WARNING, "detection", f"{behind:,} events were not judged yet.",
                "Does `nightlight serve` run? It catches up by itself; its log says what keeps it.",
            )  # fmt: skip
        else:
            yield Finding(Level.OK, "detection", f"It is {behind:,} events behind; {waiting:,} alerts are open.")
        for line in seen.lines:
            if line.changed and line.mode is RuleMode.PAUSED and line.changed.kind is ChangeKind.PAUSED_ITSELF:
                yield Finding(
                    Level.WARNING, "rules", f"{line.rule.id} has paused itself: {line.changed.note}",
                    f"Look at what it said, then: nightlight rules shadow {line.rule.id}",
                )  # fmt: skip
        for found in self.guard.look():
            yield Finding(
                Level.WARNING, "rules", f"{found.rule} is outside of its bounds: {found.why}",
                "The service pauses it within five minutes.",
            )  # fmt: skip
