"""What the log says of referrals, against what the tables hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.draft_referral import digest_of
from nightlight.model.referral import Referral, ReferralState
from nightlight.ports import Transaction

#: Where each step leaves a draft. A draft that was proposed as urgent is approved with it.
_STATE_AFTER = {
    LogKind.DRAFT_BEGUN: ReferralState.DRAFT,
    LogKind.DRAFT_PROPOSED: ReferralState.PROPOSED,
    LogKind.DRAFT_APPROVED: ReferralState.APPROVED,
    LogKind.DRAFT_RETURNED: ReferralState.DRAFT,
    LogKind.DRAFT_WITHDRAWN: ReferralState.WITHDRAWN,
    LogKind.REFERRAL_FILED: ReferralState.FILED,
}


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one referral has to be. Empty and None: the log says nothing about it."""

    agency: str
    attestation: str
    draft: str = ""
    state: ReferralState | None = None
    reviewed_by: str = ""
    reference: str = ""


@dataclass(slots=True)
class ReferralClaims:
    """Collects what the log says, entry by entry, then compares."""

    _referrals: dict[str, _Claim] = field(default_factory=dict)
    _approvals: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self._referrals)

    def note(self, entry: LogEntry, detail: dict[str, Any]) -> None:
        if entry.kind == LogKind.REFERRAL_PROPOSED:
            self._referrals[detail["referral"]] = _Claim(detail["agency"], detail["attestation"])
        elif entry.kind == LogKind.REFERRAL_APPROVED:
            self._approvals.setdefault(detail["referral"], {})[entry.actor] = detail["signature"]
        elif entry.kind == LogKind.DRAFT_BEGUN:
            nothing = hashlib.sha256(b"").hexdigest()
            self._referrals[detail["referral"]] = _Claim(
                detail["agency"], nothing, detail["draft"], ReferralState.DRAFT
            )
        elif known := self._referrals.get(detail.get("referral", "")):
            self._referrals[detail["referral"]] = _after(known, entry, detail)

    def broken(self, tx: Transaction) -> str | None:
        """The id of a referral that is not what the log says, if there is one."""
        for referral_id, claim in self._referrals.items():
            referral = tx.referral(referral_id)
            if referral is None or not _agrees(referral, claim):
                return referral_id
            given = {a.approver: hashlib.sha256(a.signature).hexdigest() for a in referral.approvals}
            if given != self._approvals.get(referral_id, {}):
                return referral_id
        return None


def _after(claim: _Claim, entry: LogEntry, detail: dict[str, Any]) -> _Claim:
    kind = LogKind(entry.kind)
    if kind is LogKind.DRAFT_CHANGED:
        return replace(claim, draft=detail["draft"])
    if kind is LogKind.DRAFT_PROPOSED and detail["urgent"]:
        return replace(claim, state=ReferralState.APPROVED)
    if kind in (LogKind.DRAFT_APPROVED, LogKind.DRAFT_REVIEWED):
        claim = replace(claim, reviewed_by=entry.actor)
    if kind is LogKind.REFERRAL_FILED:
        claim = replace(claim, reference=detail["reference"])
    return replace(claim, state=_STATE_AFTER.get(kind, claim.state))


def _agrees(referral: Referral, claim: _Claim) -> bool:
    if referral.agency.name != claim.agency or hashlib.sha256(referral.attestation).hexdigest() != claim.attestation:
        return False
    if claim.state is None:  # a bundle on its own, whose state the approvals decide
        return referral.draft is None
    return (
        referral.draft is not None
        and digest_of(referral.draft) == claim.draft
        and (referral.state, referral.reviewed_by, referral.reference)
        == (claim.state, claim.reviewed_by, claim.reference)
    )
