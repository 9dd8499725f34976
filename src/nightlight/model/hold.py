"""A hold: what it is on may not be erased until two people let go of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HoldKind(StrEnum):
    """``legal``: for proceedings or a review. ``preservation``: an agency asked that it be kept."""

    LEGAL = "legal"
    PRESERVATION = "preservation"


class HoldScope(StrEnum):
    """``account``: every case, also of the future, in which the account is the subject, reports, or wrote a message."""

    CASE = "case"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Hold:
    """Times in milliseconds since 1970, UTC. ``target``: a case id or an account id.

    ``until``: when it lapses by itself, None for never. ``proposed_by``: who would release it, for ``reason``; it takes
    another person, ``released_by``, to do so.
    """

    hold_id: str
    kind: HoldKind
    scope: HoldScope
    target: str
    why: str
    legal_basis: str
    agency: str
    reference: str
    placed_by: str
    placed_at: int
    until: int | None = None
    proposed_by: str | None = None
    proposed_at: int | None = None
    reason: str = ""
    released_by: str | None = None
    released_at: int | None = None

    def holds(self, now: int) -> bool:
        """Whether it holds at that time."""
        return self.released_at is None and (self.until is None or now < self.until)
