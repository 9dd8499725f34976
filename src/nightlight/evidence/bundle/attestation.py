"""What the operator signs: which evidence, which decision, for whom; and what approvers sign on top of it.

The attestation is platform testimony: the operator says that this evidence was verified and that this was decided. It
is not the sender's signature; what the sender did is proven by the messages themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.errors import RefusedError
from nightlight.evidence import cose
from nightlight.hazmat import canonical_cbor

ATTESTATION_TYPE = "application/vnd.nightlight.attestation.v1+cbor"
APPROVAL_TYPE = "application/vnd.nightlight.approval.v1"
VERSION = 1


@dataclass(frozen=True, slots=True)
class AttestedMessage:
    """``sha256``: of the preserved event, canonical JSON."""

    event_id: str
    sha256: bytes
    role: str
    verdict: str
    code: str


@dataclass(frozen=True, slots=True)
class NamedKey:
    """An approver, an agency or the operator by name, with the key: Ed25519, or an age recipient as text."""

    name: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Attestation:
    """Times in milliseconds since 1970, UTC. ``manifest``: SHA-256 of ``manifest.json``, which binds every member.

    ``approvers`` and ``needed``: whose signatures count, and how many it takes. They stand under the operator's
    signature, so that nobody can lower them afterwards.
    """

    bundle_id: str
    case_id: str
    operator: NamedKey
    homeserver: str
    agency: str
    recipient: str
    legal_basis: str
    outcome: str
    policy: str
    decided_at: int
    proposed_at: int
    proposed_by: str
    messages: tuple[AttestedMessage, ...]
    reports: tuple[str, ...]
    manifest: bytes
    log_key: str
    log_size: int
    log_root: bytes
    needed: int
    approvers: tuple[NamedKey, ...]
    software: str

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        """The COSE_Sign1 message. ``key`` is the operator's, whose public half the attestation names."""
        value = {"version": VERSION, **asdict(self)}
        return cose.sign(canonical_cbor.dumps(_lists(value)), key, ATTESTATION_TYPE)


def open_attestation(data: bytes) -> Attestation:
    """The attestation, signed by the key that it names as its operator's.

    Whose key that is, is another question: compare it with what the operator published. ``RefusedError``:
    ``attestation_malformed``, ``signature_*``, ``cbor_malformed``.
    """
    claimed = _parse(canonical_cbor.loads(cose.payload_of(data)))
    public = claimed.operator.key
    signed = cose.open_signed(data, {cose.key_id(public): public}, ATTESTATION_TYPE)
    return _parse(canonical_cbor.loads(signed.payload))


def approve(attestation: bytes, key: Ed25519PrivateKey) -> bytes:
    """An approval: a COSE_Sign1 message over exactly these bytes, which it does not repeat."""
    return cose.sign(attestation, key, APPROVAL_TYPE, detached=True)


def open_approval(attestation: bytes, approval: bytes, approvers: Sequence[NamedKey]) -> NamedKey:
    """Which of ``approvers`` approved this attestation; ``RefusedError``: ``signature_*``."""
    keys = {cose.key_id(approver.key): approver.key for approver in approvers}
    signed = cose.open_signed(approval, keys, APPROVAL_TYPE, detached_payload=attestation)
    return next(approver for approver in approvers if approver.key == signed.public_key)


def stamped_bytes(attestation: bytes, approvals: Mapping[str, bytes]) -> bytes:
    """What a time-stamp is over: the digests of the attestation and of every approval, by approver."""
    parts = [attestation, *(approvals[name] for name in sorted(approvals))]
    return b"nightlight/stamp/1\n" + b"".join(hashlib.sha256(part).digest() for part in parts)


def fingerprint(public_key: bytes) -> str:
    """A key in a form that people compare: SHA-256 in groups of four."""
    digest = hashlib.sha256(public_key).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


_FIELDS: dict[str, type] = {
    "bundle_id": str,
    "case_id": str,
    "homeserver": str,
    "agency": str,
    "recipient": str,
    "legal_basis": str,
    "outcome": str,
    "policy": str,
    "decided_at": int,
    "proposed_at": int,
    "proposed_by": str,
    "manifest": bytes,
    "log_key": str,
    "log_size": int,
    "log_root": bytes,
    "needed": int,
    "software": str,
}
_MESSAGE = {"event_id": str, "sha256": bytes, "role": str, "verdict": str, "code": str}
_NAMED = {"name": str, "key": bytes}
_COMPOSED = {"version", "operator", "messages", "reports", "approvers"}


def _parse(value: Any) -> Attestation:
    if not isinstance(value, dict) or value.keys() != _FIELDS.keys() | _COMPOSED or value["version"] != VERSION:
        raise _malformed("it has other fields, or another version")
    plain = _typed({name: value[name] for name in _FIELDS}, _FIELDS)
    messages = tuple(AttestedMessage(**_typed(item, _MESSAGE)) for item in _listed(value["messages"]))
    approvers = tuple(NamedKey(**_typed(item, _NAMED)) for item in _listed(value["approvers"]))
    operator = NamedKey(**_typed(value["operator"], _NAMED))
    reports = tuple(_listed(value["reports"]))
    if any(not isinstance(report, str) for report in reports):
        raise _malformed("a report is no text")
    keys = [approver.key for approver in approvers]
    if any(len(key) != 32 for key in (operator.key, *keys)) or len(set(keys)) != len(keys):
        raise _malformed("a key is not 32 bytes, or counts twice")
    if len({approver.name for approver in approvers}) != len(approvers) or not 1 <= plain["needed"] <= len(approvers):
        raise _malformed("its approvers do not hold together")
    if any(len(digest) != 32 for digest in (plain["manifest"], plain["log_root"], *(m.sha256 for m in messages))):
        raise _malformed("a digest is not 32 bytes")
    if min(plain["decided_at"], plain["proposed_at"], plain["log_size"]) < 0:
        raise _malformed("a number is negative")
    return Attestation(operator=operator, messages=messages, reports=reports, approvers=approvers, **plain)


def _typed(value: Any, fields: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != fields.keys():
        raise _malformed("a part of it has other fields")
    if any(type(value[name]) is not kind for name, kind in fields.items()):
        raise _malformed("a field has the wrong kind")
    return value


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _malformed("a field has the wrong kind")
    return value


def _lists(value: Any) -> Any:
    """Tuples as lists and enumerations as text, as CBOR has them."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value


def _malformed(why: str) -> RefusedError:
    return RefusedError("attestation_malformed", f"This is not an attestation: {why}.")
