"""How soon an agency has to have a referral, counted from the signature that sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightlight.model.draft import AgencyKind, Draft


@dataclass(frozen=True, slots=True)
class ReferralClock:
    """Times in milliseconds. ``by_priority``: for the NCA, whose regulations (SI 2026/268) know P1, P2 and P3.

    They say *immediately*, *as soon as reasonably practicable* and *without undue delay*, and name no hours: those are
    the operator's own.
    """

    due_ms: int
    urgent_ms: int
    by_priority: Mapping[str, int]

    def due_in(self, kind: AgencyKind, draft: Draft) -> int:
        """An urgent one never has more time than urgent ones have."""
        due = self.due_ms
        if kind is AgencyKind.NCA:
            due = self.by_priority.get(draft.value("incident.priority"), self.due_ms)
        return min(due, self.urgent_ms) if draft.urgent else due
