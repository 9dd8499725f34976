"""A change of the contact policy: proposed by one person, decided by another, in force for a share of the accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ChangeState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    #: Was in force and was taken back.
    ROLLED_BACK = "rolled_back"


#: From which state a change may come to which; everything else was done by somebody in the database.
FOLLOWS = {
    ChangeState.PROPOSED: frozenset({ChangeState.APPROVED, ChangeState.REJECTED}),
    ChangeState.APPROVED: frozenset({ChangeState.ROLLED_BACK}),
    ChangeState.REJECTED: frozenset[ChangeState](),
    ChangeState.ROLLED_BACK: frozenset[ChangeState](),
}


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """``share``: for how many of a hundred accounts it holds. ``digest``: of the policy's text, hexadecimal."""

    number: int
    digest: str
    share: int
    state: ChangeState
    note: str
    proposed_by: str
    proposed_at: int
    decided_by: str | None = None
    decided_at: int | None = None
    signature: bytes | None = field(default=None, repr=False)

    @property
    def proposal(self) -> tuple[int, str, int, str, str, int]:
        """What never changes after it was proposed."""
        return self.number, self.digest, self.share, self.note, self.proposed_by, self.proposed_at

    def may_follow(self, before: PolicyChange) -> bool:
        """Whether this is the same change, decided upon: perhaps twice, while nobody looked."""
        if self.proposal != before.proposal:
            return False
        after = FOLLOWS[before.state]
        return self.state in after or any(self.state in FOLLOWS[step] for step in after)
