"""A referral: evidence of a decided case on its way to an agency, signed by us and approved by several people."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Agency:
    """Who may be given evidence. ``recipient``: the agency's public key for sealed files, an age recipient."""

    name: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Approver:
    """A person whose signature counts towards a referral. ``public_key``: Ed25519, 32 bytes."""

    name: str
    public_key: bytes


class ReferralState(StrEnum):
    """``proposed``: waits for approvals. ``approved``: enough of them. ``exported``: handed over at least once."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    EXPORTED = "exported"


@dataclass(frozen=True, slots=True)
class Approval:
    """An approver's signature over the attestation. ``signature``: the whole COSE_Sign1 message."""

    approver: str
    approved_at: int
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Referral:
    """Times in milliseconds since 1970, UTC. ``needed``: how many approvals.

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
    finished_at: int | None = None
