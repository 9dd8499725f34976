"""What the log says of referrals, against what the tables hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.audit_erasures import ErasureClaims
from nightlight.flows.draft_referral import digest_of
from nightlight.model.draft import Draft
from nightlight.model.referral import Referral, ReferralState
from nightlight.model.retention import Record
from nightlight.ports import Transaction

#: The digest of an attestation that there is not, or that was erased.
_NOTHING = hashlib.sha256(b"").hexdigest()
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

    case_id: str
    agency: str
    attestation: str
    draft: str = ""
    state: ReferralState | None = None
    reviewed_by: str = ""
    reference: str = ""
    finished_at: int | None = None
    approvals: dict[str, str] = field(default_factory=dict)

    def without(self, gone: ErasureClaims) -> _Claim:
        """What is left of it, after what was erased of its case."""
        claim = self
        if gone.of(self.case_id, Record.CASE_EVIDENCE) and claim.draft:
            claim = replace(claim, draft=digest_of(Draft()))
        if gone.of(self.case_id, Record.REFERRAL_RECORD):
            claim = replace(claim, attestation=_NOTHING, approvals={}, reviewed_by="")
        if gone.of(self.case_id, Record.AGENCY_REFERENCE):
            claim = replace(claim, agency="", reference="")
        return claim


@dataclass(slots=True)
class ReferralClaims:
    """Collects what the log says, entry by entry, then compares."""

    _referrals: dict[str, _Claim] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self._referrals)

    def note(self, entry: LogEntry, detail: dict[str, Any]) -> None:
        if entry.kind == LogKind.REFERRAL_PROPOSED:
            claim = _Claim(entry.subject, detail["agency"], detail["attestation"])
            self._referrals[detail["referral"]] = claim
        elif entry.kind == LogKind.DRAFT_BEGUN:
            claim = _Claim(entry.subject, detail["agency"], _NOTHING, detail["draft"], ReferralState.DRAFT)
            self._referrals[detail["referral"]] = claim
        elif known := self._referrals.get(detail.get("referral", "")):
            self._referrals[detail["referral"]] = _after(known, entry, detail)

    def broken(self, tx: Transaction, gone: ErasureClaims) -> str | None:
        """The id of a referral that is not what the log says, if there is one."""
        for referral_id, claim in self._referrals.items():
            referral = tx.referral(referral_id)
            if referral is None or not _agrees(referral, claim.without(gone)):
                return referral_id
        return None


def _after(claim: _Claim, entry: LogEntry, detail: dict[str, Any]) -> _Claim:
    kind = LogKind(entry.kind)
    if kind is LogKind.REFERRAL_APPROVED:
        return replace(claim, approvals={**claim.approvals, entry.actor: detail["signature"]})
    if kind in (LogKind.REFERRAL_EXPORTED, LogKind.REFERRAL_FILED) and claim.finished_at is None:
        claim = replace(claim, finished_at=entry.at)
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
    given = {a.approver: hashlib.sha256(a.signature).hexdigest() for a in referral.approvals}
    if (given, referral.finished_at) != (claim.approvals, claim.finished_at):
        return False
    if claim.state is None:  # a bundle on its own, whose state the approvals decide
        return referral.draft is None
    return (
        referral.draft is not None
        and digest_of(referral.draft) == claim.draft
        and (referral.state, referral.reviewed_by, referral.reference)
        == (claim.state, claim.reviewed_by, claim.reference)
    )
