"""What verifying a bundle established: step by step, and what it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nightlight.evidence.bundle.attestation import Attestation
from nightlight.evidence.verify import VerifiedMessage
from nightlight.model.attachment import Digests


class Held(StrEnum):
    """``open``: could not be checked with what is here; said, and not held against the bundle."""

    YES = "yes"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """``proves``: in a sentence for a person. ``source``: where the check is written down."""

    name: str
    proves: str
    source: str
    held: Held = Held.YES


@dataclass(frozen=True, slots=True)
class Shown:
    """One message in its place. ``message`` is None where it could not be proven (``code`` says why)."""

    number: int
    event_id: str
    message: VerifiedMessage | None = field(repr=False)
    raw: str = field(repr=False)
    sender: str
    sent_at: int
    role: str
    own: bool
    omitted: int | None
    relation: tuple[str, str] | None
    code: str
    server_signature: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """An RFC 3161 time-stamp: milliseconds since 1970, UTC, and who made it."""

    at: int
    authority: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file attached to message ``number``.

    ``ciphertext``: SHA-256, hex, that the message fixes; None where it fixes none. ``code``: of the operator's check,
    empty where there was none. ``digests``: of the plaintext. ``match``: what the operator's list said. ``member``: of
    the bundle, where the encrypted file is in it; then ``digests`` are ``proven``, else they are the operator's word.
    """

    number: int
    event_id: str
    reference: str
    ciphertext: str | None
    code: str
    digests: Digests | None
    match: str | None
    member: str | None
    proven: bool


@dataclass(frozen=True, slots=True)
class BundleReport:
    """Everything that was established. Built only by ``verify_bundle``."""

    sha256: str
    attestation: Attestation
    steps: tuple[Step, ...]
    messages: tuple[Shown, ...]
    reports: tuple[dict[str, Any], ...] = field(repr=False)
    decision: dict[str, Any] = field(repr=False)
    approved_by: tuple[str, ...]
    pinned: bool
    stamp: Stamp | None
    files: tuple[ShownFile, ...]
    not_proven: tuple[str, ...]
