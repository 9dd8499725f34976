"""A referral: what a decided case tells an agency, on its way there, approved by more than one person."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.model.draft import AgencyKind, Draft


@dataclass(frozen=True, slots=True)
class Agency:
    """Who may be told. ``recipient``: its public key for sealed files, an age recipient; empty where none is needed."""

    name: str
    recipient: str
    kind: AgencyKind = AgencyKind.POLICE


@dataclass(frozen=True, slots=True)
class Approver:
    """A person whose signature counts towards a referral. ``public_key``: Ed25519, 32 bytes."""

    name: str
    public_key: bytes


class ReferralState(StrEnum):
    """``draft``: being written. ``proposed``: waits for approvals. ``approved``: enough of them, or urgent.

    ``exported``: handed over at least once. ``filed``: the agency has it and said so. ``withdrawn``: given up before it
    went out.
    """

    DRAFT = "draft"
    PROPOSED = "proposed"
    APPROVED = "approved"
    EXPORTED = "exported"
    FILED = "filed"
    WITHDRAWN = "withdrawn"


#: States in which nothing of a referral changes any more but what comes back from the agency.
GONE_OUT = frozenset({ReferralState.EXPORTED, ReferralState.FILED})


@dataclass(frozen=True, slots=True)
class Approval:
    """An approver's signature over the attestation. ``signature``: the whole COSE_Sign1 message."""

    approver: str
    approved_at: int
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Referral:
    """Times in milliseconds since 1970, UTC. ``needed``: how many approvals.

    ``attestation``: what is signed, a COSE_Sign1 message, empty where no bundle goes along. ``contents``: the bundle's
    members but for signatures. ``timestamp``: an RFC 3161 response over the attestation, None where there is none.
    ``draft``: what it says, None for a bundle on its own. ``reviewed_by``: the second person who looked at it, empty
    until then; for an urgent one that is after it went out. ``reference``: what the agency calls it.
    ``attestation``: what is signed, a COSE_Sign1 message. ``contents``: the bundle's members but for signatures.
    ``timestamp``: an RFC 3161 response over the attestation, None where there is none. ``finished_at``: when the
    agency was first given it, None before.
    """

    referral_id: str
    case_id: str
    agency: Agency
    legal_basis: str
    proposed_by: str
    proposed_at: int
    needed: int
    state: ReferralState
    messages: int
    attestation: bytes = field(repr=False)
    contents: bytes = field(repr=False)
    approvals: tuple[Approval, ...]
    timestamp: bytes | None = field(default=None, repr=False)
    draft: Draft | None = field(default=None, repr=False)
    reviewed_by: str = ""
    reviewed_at: int | None = None
    reference: str = ""
    finished_at: int | None = None
