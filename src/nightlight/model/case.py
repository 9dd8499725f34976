"""A case: one or more reports about the same messages, and what a reviewer decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nightlight.model.report import Category


class CaseState(StrEnum):
    OPEN = "open"
    DECIDED = "decided"


class CaseSource(StrEnum):
    """What brought the case up."""

    REPORT = "report"
    #: Signals from metadata: nobody reported anything, and nothing is proven.
    DETECTION = "detection"


class Outcome(StrEnum):
    """What the reviewer found."""

    VIOLATION = "violation"
    NO_VIOLATION = "no_violation"
    INSUFFICIENT = "insufficient_evidence"


class Policy(StrEnum):
    """The rule a decision rests on. The wording shown to people is in ``POLICY_TITLES``."""

    CHILD_GROOMING = "child_safety.grooming"
    CHILD_SEXTORTION = "child_safety.sextortion"
    CHILD_IMAGERY = "child_safety.abuse_imagery"
    CHILD_CONTACT = "child_safety.unwanted_contact"
    THREATS = "safety.threats"
    HARASSMENT = "safety.harassment"
    SPAM = "platform.spam"
    FALSE_REPORT = "platform.false_report"
    NONE = "none"


POLICY_TITLES: dict[Policy, str] = {
    Policy.CHILD_GROOMING: "Child safety: grooming or sexual solicitation of a minor",
    Policy.CHILD_SEXTORTION: "Child safety: sextortion",
    Policy.CHILD_IMAGERY: "Child safety: abuse imagery",
    Policy.CHILD_CONTACT: "Child safety: unwanted contact with a minor",
    Policy.THREATS: "Safety: threats of harm",
    Policy.HARASSMENT: "Safety: harassment",
    Policy.SPAM: "Platform: spam",
    Policy.FALSE_REPORT: "Platform: report made in bad faith",
    Policy.NONE: "No rule broken",
}


@dataclass(frozen=True, slots=True)
class Case:
    """Times in milliseconds since 1970, UTC. ``subject`` is the reported account, None where none is known."""

    case_id: str
    opened_at: int
    state: CaseState
    subject: str | None
    room_id: str | None
    category: Category
    severity: int
    proven: int
    messages: int
    reports: int
    source: CaseSource = CaseSource.REPORT


@dataclass(frozen=True, slots=True)
class Overturn:
    """Another reviewer looked again and took a decision back. ``outcome``: what holds since then."""

    at: int
    by: str
    reason: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """A reviewer's decision on a case, made once. ``outcome``: as it was decided; ``holds``: what holds now."""

    decision_id: str
    case_id: str
    decided_at: int
    reviewer: str
    outcome: Outcome
    policy: Policy
    reason: str
    overturn: Overturn | None = None

    @property
    def holds(self) -> Outcome:
        return self.outcome if self.overturn is None else self.overturn.outcome
