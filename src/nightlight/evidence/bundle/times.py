"""Whether the times in a bundle follow each other: sent, reported, decided, attested.

Each comes from a clock that somebody set. A wrong one is no forgery, and often nobody's of those who are here, so it
does not refuse the bundle; but nobody should have to find it by comparing dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightlight.evidence.bundle.attestation import Attestation
from nightlight.evidence.bundle.reading import Steps, count
from nightlight.evidence.bundle.report import Shown
from nightlight.evidence.bundle.stamp import CLOCK_SKEW_MS

_SOURCE = "docs/bundle.md, Times"


def compare_times(
    messages: Sequence[Shown], reports: Sequence[Mapping[str, Any]], attestation: Attestation, steps: Steps
) -> tuple[str, ...]:
    """What contradicts itself by more than ``CLOCK_SKEW_MS``, in words; nothing where all follows."""
    found = []
    reported_at = {event: report["received_at"] for report in reversed(reports) for event in report["messages"]}
    early = [shown for shown in messages if _after(shown.sent_at, reported_at.get(shown.event_id, shown.sent_at))]
    if early:
        numbers = ", ".join(str(shown.number) for shown in early)
        found.append(f"{count(len(early), 'message')} ({numbers}) dated after the report of it")
    if any(_after(report["received_at"], attestation.decided_at) for report in reports):
        found.append("a report dated after the decision")
    if _after(attestation.decided_at, attestation.proposed_at):
        found.append("a decision dated after its attestation")
    if found:
        steps.open(
            "Times that contradict each other",
            f"There is {', and '.join(found)}. At least one clock was wrong, of the server that took the message or of "
            "the operator. What was said and by which account does not depend on it; when, does.",
            _SOURCE,
        )
    else:
        steps.held(
            "The times follow each other",
            "By the clocks of the servers, each message was sent before it was reported, reported before the decision, "
            "and decided before it was attested.",
            _SOURCE,
        )
    return tuple(found)


def _after(earlier: int, later: int) -> bool:
    return earlier > later + CLOCK_SKEW_MS
