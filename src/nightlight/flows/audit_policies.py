"""What the log says about contact policies, held against the tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.model.contact_policy import ChangeState
from nightlight.ports import Transaction

_STATES: dict[str, ChangeState] = {
    LogKind.POLICY_PROPOSED: ChangeState.PROPOSED,
    LogKind.POLICY_APPROVED: ChangeState.APPROVED,
    LogKind.POLICY_REJECTED: ChangeState.REJECTED,
    LogKind.POLICY_ROLLED_BACK: ChangeState.ROLLED_BACK,
}


@dataclass(slots=True)
class _Claim:
    digest: str
    share: int
    proposed: tuple[str, int]
    state: ChangeState = ChangeState.PROPOSED
    decided: tuple[str | None, int | None] = (None, None)


@dataclass(slots=True)
class PolicyClaims:
    """Changes of the contact policy, as the log tells them."""

    _changes: dict[int, _Claim] = field(default_factory=dict)

    def note(self, entry: LogEntry, detail: Mapping[str, Any]) -> None:
        state = _STATES.get(entry.kind)
        if state is ChangeState.PROPOSED:
            proposed = (entry.actor, entry.at)
            self._changes[detail["change"]] = _Claim(detail["digest"], detail["share"], proposed)
        elif state is not None and detail["change"] in self._changes:
            claim = self._changes[detail["change"]]
            claim.state, claim.decided = state, (entry.actor, entry.at)

    def broken(self, tx: Transaction) -> int | None:
        """The number of a change that is not what the log says; None if all are."""
        stored = {change.number: change for change in tx.policy_changes()}
        for number in sorted(stored.keys() | self._changes.keys()):
            change, claim = stored.get(number), self._changes.get(number)
            if change is None or claim is None:
                return number
            said = (claim.digest, claim.share, claim.proposed, claim.state, claim.decided)
            kept = (
                change.digest,
                change.share,
                (change.proposed_by, change.proposed_at),
                change.state,
                (change.decided_by, change.decided_at),
            )
            text = tx.policy_text(change.digest)
            if kept != said or text is None or hashlib.sha256(text).hexdigest() != claim.digest:
                return number
        return None
