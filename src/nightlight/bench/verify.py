"""Opening one reported message, beside vodozemac's own decryption of the same messages."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import vodozemac
from canonicaljson import encode_canonical_json
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from nightlight.bench.harness import Bench, Figure, Progress, alternate
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import verify_message
from nightlight.hazmat.megolm import MegolmMessage, SessionExport

_MESSAGES = 200
_ROOM = "!room:bench.example"


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one session: events with their ids, message keys, and the same for vodozemac."""

    events: list[tuple[str, dict[str, Any]]]
    keys: list[bytes]
    ciphertexts: list[vodozemac.MegolmMessage]
    inbound: vodozemac.InboundGroupSession
    export: SessionExport


def make_messages(count: int) -> Messages:
    session = vodozemac.GroupSession()
    inbound = vodozemac.InboundGroupSession(session.session_key)
    exported = inbound.export_at(0)
    assert exported is not None  # noqa: S101 - for the type checker
    export = SessionExport.parse(base64.b64decode(exported.to_base64() + "=="))
    made = Messages([], [], [], inbound, export)
    for number in range(count):
        payload = {"type": "m.room.message", "room_id": _ROOM, "content": {"msgtype": "m.text", "body": "x" * 80}}
        ciphertext = session.encrypt(json.dumps(payload).encode())
        made.ciphertexts.append(ciphertext)
        made.events.append(_event(ciphertext.to_base64(), session.session_id, number))
        made.keys.append(export.message_key(number))
    return made


def _measure(progress: Progress) -> Sequence[Figure]:
    progress("making messages")
    made = make_messages(_MESSAGES)
    public_key = Ed25519PublicKey.from_public_bytes(made.export.public_key)
    events, ciphertexts, keys, inbound = made.events, made.ciphertexts, made.keys, made.inbound
    messages = [MegolmMessage.parse(ciphertext.to_bytes()) for ciphertext in ciphertexts]

    def nightlight(number: int) -> object:
        event_id, raw = events[number % _MESSAGES]
        return verify_message(check_stored_event(raw, event_id), keys[number % _MESSAGES])

    def peer(number: int) -> object:
        message = messages[number % _MESSAGES]
        public_key.verify(message.signature, message.forms[0] + message.mac)
        return inbound.decrypt(ciphertexts[number % _MESSAGES])

    def signature(number: int) -> object:
        message = messages[number % _MESSAGES]
        return public_key.verify(message.signature, message.forms[0] + message.mac)

    progress("verifying")
    times = alternate({"nightlight": nightlight, "peer": peer, "signature": signature}, rounds=25, batch=_MESSAGES)
    ours, theirs = times["nightlight"], times["peer"]
    return [
        Figure(
            "verify",
            ours.rate,
            "messages/s on one core",
            5_000,
            "higher",
            {
                "p99_us": ours.p99 * 1e6,
                "vodozemac_decrypt_and_ed25519_per_s": theirs.rate,
                "ed25519_alone_per_s": times["signature"].rate,
            },
        ),
        Figure(
            "verify_ratio",
            theirs.median / ours.median,
            "of vodozemac's decrypt + Ed25519 check",
            0.5,
            "higher",
            {"nightlight_us": ours.median * 1e6, "vodozemac_us": theirs.median * 1e6},
        ),
    ]


def _event(ciphertext: str, session_id: str, number: int) -> tuple[str, dict[str, Any]]:
    """An event of room version 12 with its hashes; id and event."""
    event: dict[str, Any] = {
        "type": "m.room.encrypted",
        "room_id": _ROOM,
        "sender": "@mallory:bench.example",
        "origin_server_ts": 1_790_000_000_000 + number,
        "depth": number + 10,
        "prev_events": ["$" + "p" * 43],
        "auth_events": ["$" + "a" * 43, "$" + "b" * 43, "$" + "c" * 43],
        "content": {
            "algorithm": "m.megolm.v1.aes-sha2",
            "ciphertext": ciphertext,
            "session_id": session_id,
            "sender_key": "s" * 43,
            "device_id": "BENCH",
        },
    }
    event["hashes"] = {"sha256": base64.b64encode(_sha256(event)).rstrip(b"=").decode()}
    event_id = "$" + base64.urlsafe_b64encode(_sha256({**event, "content": {}})).rstrip(b"=").decode()
    return event_id, {**event, "signatures": {"bench.example": {"ed25519:a": "S" * 86}}, "unsigned": {"age": 1}}


def _sha256(value: dict[str, Any]) -> bytes:
    return hashlib.sha256(encode_canonical_json(value)).digest()


BENCH = Bench("verify", "Check a stored event and open its message, beside vodozemac on the same messages.", _measure)
