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
