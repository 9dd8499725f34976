"""The members of a bundle but for the signatures: what was said, reported, decided and logged."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from canonicaljson import encode_canonical_json

from nightlight.evidence.bundle.files import BundledFile, file_members
from nightlight.evidence.log import LogEntry
from nightlight.hazmat import base64url
from nightlight.model.case import POLICY_TITLES, Case, Decision
from nightlight.model.report import Relation, Report
from nightlight.model.verdict import MessageVerdict

FORMAT = "nightlight-bundle/1"
MESSAGES_MAX = 2_000

MANIFEST, ATTESTATION, TIMESTAMP = "manifest.json", "attestation.cose", "timestamp.tsr"
CONVERSATION, REPORTS, DECISION = "conversation.json", "reports.json", "decision.json"
CHECKPOINT, ENTRIES, SERVER_KEYS = "log/checkpoint.txt", "log/entries.json", "server-keys.json"
ATTACHMENTS = "attachments.json"
README = "README.txt"

README_TEXT = """EVIDENCE BUNDLE (nightlight-bundle/1)

This file proves by itself what it says. That the messages are what was stored, unchanged, rests on nobody's word; for
the rest, the signatures say whose word it is. To check all of it, offline, on any computer with Python 3.11 or newer:

    pip install nightlight
    nightlight verify THIS-FILE

The command prints step by step what is proven, by whom, when, and what is not proven. It ends with an error if anything
in this file was changed, left out, added or taken from another bundle.

What is in it:
    conversation.json    the disclosed messages in the room's order, the key of each, and how many were left out
    messages/            each message as the homeserver stored it: encrypted, with its hashes
    reports.json         what the people who reported said
    attachments.json     what was found out about files that were sent with them
    attachments/         such files, encrypted as they were sent, where the safety team had kept them
    decision.json        what the safety team decided, and why
    log/                 entries of the operator's transparency log about this case, with proofs
    manifest.json        the SHA-256 of every member above
    attestation.cose     the operator's signature over the manifest and the decision (COSE_Sign1, Ed25519)
    approvals/           the signatures of those who approved the hand-over
    timestamp.tsr        a time-stamp over the signatures (RFC 3161), if there is one

A key opens exactly one message. Messages that were not disclosed are not in here, and cannot be opened with this file.
The layout, and how to check each part by hand, is described in docs/bundle.md of the source code.
"""


@dataclass(frozen=True, slots=True)
class BundledMessage:
    """One disclosed message. ``event``: as preserved. ``omitted``: messages left out before it, None if not known."""

    event_id: str
    event: bytes = field(repr=False)
    message_key: bytes | None = field(repr=False)
    verdict: MessageVerdict
    role: str
    own: bool
    omitted: int | None
    relation: Relation | None

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.event).digest()


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """A log entry with its inclusion proof in the tree of the bundle's checkpoint."""

    entry: LogEntry
    proof: Sequence[bytes]


def build_contents(
    case: Case,
    decision: Decision,
    messages: Sequence[BundledMessage],
    reports: Sequence[Report],
    checkpoint: str,
    entries: Sequence[ProvenEntry],
    *,
    server_keys: Mapping[str, Any] | None = None,
    files: Sequence[BundledFile] = (),
) -> dict[str, bytes]:
    """Every member but attestation, approvals and time-stamp; ``manifest.json`` binds all others."""
    members = {README: README_TEXT.encode()}
    listed = []
    for number, message in enumerate(messages, 1):
        name = f"messages/{number:04d}.json"
        members[name] = message.event
        listed.append(_listed(message, name))
    members[CONVERSATION] = _json({"case_id": case.case_id, "complete": False, "messages": listed})
    chosen = {message.event_id for message in messages}
    members[REPORTS] = _json([_report(report, chosen) for report in reports])
    members[DECISION] = _json(
        {
            "case_id": case.case_id,
            "subject": case.subject,
            "outcome": decision.outcome,
            "policy": decision.policy,
            "policy_title": POLICY_TITLES[decision.policy],
            "reason": decision.reason,
            "reviewer": decision.reviewer,
            "decided_at": decision.decided_at,
        }
    )
    members[CHECKPOINT] = checkpoint.encode()
    members[ENTRIES] = _json(
        [
            {
                "entry": item.entry.opening(),
                "proof": [base64.b64encode(step).decode() for step in item.proof],
            }
            for item in entries
        ]
    )
    if server_keys:
        members[SERVER_KEYS] = _json(server_keys)
    if files:
        lines, blobs = file_members(files)
        members |= {ATTACHMENTS: _json(lines), **blobs}
    members[MANIFEST] = manifest_of(members)
    return members


def manifest_of(members: Mapping[str, bytes]) -> bytes:
    """``manifest.json`` over these members, whatever they are."""
    listed = [
        {"name": name, "size": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest()}
        for name in sorted(members)
    ]
    return _json({"format": FORMAT, "members": listed})


def is_signature(name: str) -> bool:
    """Whether a member is a signature over the others, and so not in the manifest."""
    return name in (MANIFEST, ATTESTATION, TIMESTAMP) or name.startswith("approvals/")


def _listed(message: BundledMessage, name: str) -> dict[str, Any]:
    relation = message.relation
    return {
        "event_id": message.event_id,
        "file": name,
        "message_key": base64url.encode_urlsafe(message.message_key) if message.message_key else None,
        "role": message.role,
        "own": message.own,
        "omitted_before": message.omitted,
        "relation": {"kind": relation.kind, "event_id": relation.event_id} if relation else None,
        "verdict": message.verdict.verdict,
        "code": message.verdict.code,
    }


def _report(report: Report, chosen: set[str]) -> dict[str, Any]:
    return {
        "report_id": report.report_id,
        "received_at": report.received_at,
        "reporter": report.reporter,
        "room_id": report.room_id,
        "category": report.category,
        "note": report.note,
        "language": report.language,
        "source": report.source,
        "messages": [message.event_id for message in report.messages if message.event_id in chosen],
        "messages_left_out": sum(1 for message in report.messages if message.event_id not in chosen),
    }


def _json(value: Any) -> bytes:
    return encode_canonical_json(value)
