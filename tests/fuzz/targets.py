"""Everything that reads bytes of strangers, as functions that may raise nothing but ``RefusedError``.

``run.py`` lets a coverage-guided fuzzer look for other exceptions; ``test_corpus.py`` replays in CI what it kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from nightlight.adapters.age import unseal
from nightlight.adapters.timestamp import in_der
from nightlight.errors import RefusedError
from nightlight.evidence import cose
from nightlight.evidence.attachment import attachments_of, without_file_keys
from nightlight.evidence.bundle.attestation import approve, open_approval, open_attestation
from nightlight.evidence.bundle.container import read_members, write_members
from nightlight.evidence.bundle.contents import ATTESTATION, MANIFEST, is_signature, manifest_of
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.checkpoint import LogSigner, open_checkpoint
from nightlight.evidence.hash_list import parse_hash_list
from nightlight.evidence.key_export import ExportLimits, open_key_export
from nightlight.evidence.log import open_entry
from nightlight.evidence.relation import relation_of
from nightlight.evidence.server_signature import verify_server_signature
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.timestamp import verify_timestamp
from nightlight.evidence.verify import open_content
from nightlight.hazmat import base64url, canonical_cbor, strict_json
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.hazmat.merkle import verify_inclusion
from nightlight.web.api.report_body import report_request
from tests.bundles import key
from tests.evidence.homeserver import build_event
from tests.evidence.key_file import key_file
from tests.evidence.test_attachment import described, message

VECTORS = Path(__file__).parents[1] / "vectors"
CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """``run`` takes any bytes. ``seeds``: good input to start from."""

    run: Callable[[bytes], None]
    seeds: list[bytes] = field(repr=False)


def _strict_json(data: bytes) -> None:
    strict_json.loads(data, depth_max=16)


def _megolm_message(data: bytes) -> None:
    message = MegolmMessage.parse(data)
    with suppress(RefusedError):
        message.verify_signature(_KEY)
    message.open(_KEY)


def _session_export(data: bytes) -> None:
    SessionExport.parse(data).message_key(2**32 - 1)


def _key_export(data: bytes) -> None:
    list(open_key_export(data, "a passphrase", ExportLimits(file_bytes=65_536, rounds=20, sessions=50)))


def _stored_event(data: bytes) -> None:
    event = strict_json.loads(data)
    if isinstance(event, dict):
        check_stored_event(event, str(event.get("event_id", _EVENT_ID)))


def _message_content(data: bytes) -> None:
    content = strict_json.loads(data)
    if isinstance(content, dict):
        relation_of(content)
        open_content("!room", content, _KEY)


def _report_body(data: bytes) -> None:
    value = strict_json.loads(data, depth_max=16)
    report_request(value, note_chars_max=4_000, messages_max=50, context_max=20)


def _checkpoint(data: bytes) -> None:
    open_checkpoint(data, [_LOG.key])


def _log_entry(data: bytes) -> None:
    value = strict_json.loads(data, depth_max=16)
    if not isinstance(value, dict) or not isinstance(value.get("proof"), list):
        return
    entry = open_entry(value.get("entry"))
    proof = [str(step).encode()[:32].ljust(32) for step in value["proof"]]
    verify_inclusion(entry.leaf, entry.number - 1, entry.number + 5, proof, bytes(32))


def _canonical_cbor(data: bytes) -> None:
    again = canonical_cbor.dumps(canonical_cbor.loads(data))
    assert again == data, "two spellings of one value"


def _attestation(data: bytes) -> None:
    open_attestation(data)


def _attestation_payload(data: bytes) -> None:
    """What a dishonest operator can put under a signature that holds."""
    open_attestation(cose.sign(data, key("operator"), "application/vnd.nightlight.attestation.v1+cbor"))


def _approval(data: bytes) -> None:
    open_approval(_MEMBERS[ATTESTATION], data, _ATTESTED.approvers)


def _bundle(data: bytes) -> None:
    verify_bundle(data)


def _bundle_member(data: bytes) -> None:
    """The bundle of a dishonest operator: ``NAME\\nCONTENT`` in place of one member, and everything signed anew."""
    name, _, content = data.partition(b"\n")
    members = {n: d for n, d in _MEMBERS.items() if not is_signature(n)}
    members[name.decode("latin-1")] = content
    members[MANIFEST] = manifest_of(members)
    attested = replace(_ATTESTED, manifest=hashlib.sha256(members[MANIFEST]).digest()).sign(key("operator"))
    members[ATTESTATION] = attested
    for number, approver in enumerate(("alex", "billie"), 1):
        members[f"approvals/{number:02d}.cose"] = approve(attested, key(approver))
    try:
        written = write_members(members)
    except ValueError:
        return  # our own writer takes no such name
    verify_bundle(written)


def _timestamp(data: bytes) -> None:
    verify_timestamp(data, b"what was signed", [_ROOT])
    verify_timestamp(data, b"what was signed")


def _timestamp_order(data: bytes) -> None:
    in_der(data)


def _attached_files(data: bytes) -> None:
    content = strict_json.loads(data)
    if isinstance(content, dict):
        for file in attachments_of(message(content)):
            assert file.reference
        without_file_keys(content)


def _hash_list(data: bytes) -> None:
    parse_hash_list(data)


def _server_keys(data: bytes) -> None:
    published = strict_json.loads(data)
    if isinstance(published, dict):
        verify_server_signature(_SIGNED, published)


def _sealed(data: bytes) -> None:
    unseal(data, [_IDENTITY])


def _member(name: str) -> bytes:
    return name.encode() + b"\n" + _MEMBERS[name]


def _megolm_seeds() -> list[bytes]:
    vectors = json.loads((VECTORS / "megolm.json").read_text())
    return [base64url.decode_standard(message["message"]) for message in vectors["messages"]]


_KEY = bytes(range(32))
_EVENT, _EVENT_ID = build_event({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA", "session_id": "S"})
_BUNDLE = (VECTORS / "case.bundle").read_bytes()
_MEMBERS = read_members(_BUNDLE)
_ATTESTED = open_attestation(_MEMBERS[ATTESTATION])
_CHECKPOINT = _MEMBERS["log/checkpoint.txt"]
_LOG = LogSigner("sim.example/nightlight", key("log"))
_SERVER_KEYS = _MEMBERS["server-keys.json"]
_PRESERVED = _MEMBERS["messages/0001.json"]
_SIGNED = check_stored_event(json.loads(_PRESERVED), _ATTESTED.messages[0].event_id)
_ROOT = (VECTORS / "timestamp_root.pem").read_bytes()
_IDENTITY = (VECTORS / "sealed.key").read_text().splitlines()[1]
_REPORT = {
    "room_id": "!room",
    "category": "grooming",
    "note": "a note",
    "language": "en",
    "messages": [{"event_id": "$event", "message_key": "A" * 43, "role": "context"}, {"event_id": "$other"}],
}

TARGETS: dict[str, Target] = {
    "strict_json": Target(_strict_json, [b'{"a": [1, 2.5, "\\u00e9", null, true]}', b'["\\ud83c\\udf19"]']),
    "megolm_message": Target(_megolm_message, _megolm_seeds()),
    "session_export": Target(_session_export, [b"\x01" + bytes(4) + bytes(160)]),
    "key_export": Target(_key_export, [(VECTORS / "key_export.txt").read_bytes(), key_file([], "a passphrase")]),
    "stored_event": Target(_stored_event, [json.dumps(_EVENT).encode()]),
    "message_content": Target(_message_content, [json.dumps(_EVENT["content"]).encode()]),
    "report_body": Target(_report_body, [json.dumps(_REPORT).encode()]),
    "checkpoint": Target(_checkpoint, [_CHECKPOINT]),
    "log_entry": Target(_log_entry, [json.dumps(item).encode() for item in json.loads(_MEMBERS["log/entries.json"])]),
    "canonical_cbor": Target(_canonical_cbor, [cose.payload_of(_MEMBERS[ATTESTATION]), b"\xa1\x61a\x82\x01\xf5"]),
    "attestation": Target(_attestation, [_MEMBERS[ATTESTATION]]),
    "attestation_payload": Target(_attestation_payload, [cose.payload_of(_MEMBERS[ATTESTATION])]),
    "approval": Target(_approval, [_MEMBERS["approvals/01.cose"]]),
    "bundle": Target(_bundle, [_BUNDLE]),
    "bundle_member": Target(
        _bundle_member, [_member(name) for name in sorted(_MEMBERS) if name.endswith((".json", ".txt"))]
    ),
    "timestamp": Target(_timestamp, [(VECTORS / "timestamp.tsr").read_bytes()]),
    "timestamp_order": Target(_timestamp_order, [(VECTORS / "timestamp_unordered.tsr").read_bytes()]),
    "attached_files": Target(
        _attached_files, [json.dumps({"msgtype": "m.image", "body": "x", "file": described()}).encode()]
    ),
    "hash_list": Target(_hash_list, [b"d41d8cd98f00b204e9800998ecf8427e\n# a list\n" + b"0" * 64 + b"\n"]),
    "server_keys": Target(_server_keys, [_SERVER_KEYS]),
    "sealed": Target(_sealed, [(VECTORS / "sealed.age").read_bytes()]),
}
