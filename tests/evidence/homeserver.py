"""Events as a homeserver builds them, written from the Matrix specification and apart from the code under test.

Server-server API: "Canonical JSON", "Calculating the content hash for an event", "Calculating the reference hash for
an event"; room versions 3, 4 and 11 for the event id and for what redaction keeps.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

ROOM = "!playground:example.org"
MALLORY, BOB = "@mallory:example.org", "@bob:example.org"
SENT_AT = 1_700_000_000_000

KEPT = {"type", "room_id", "sender", "state_key", "hashes", "depth", "prev_events", "auth_events", "origin_server_ts"}
KEPT_UP_TO_10 = KEPT | {"prev_state", "origin", "membership"}


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(value: Any) -> bytes:
    return hashlib.sha256(canonical(value)).digest()


def unpadded(digest: bytes) -> str:
    return base64.b64encode(digest).decode().rstrip("=")


def event_id_of(event: dict[str, Any], room_version: int) -> str:
    kept = KEPT if room_version >= 11 else KEPT_UP_TO_10
    redacted = {key: value for key, value in event.items() if key in kept} | {"content": {}}
    text = unpadded(sha256(redacted))
    return "$" + (text if room_version == 3 else text.replace("+", "-").replace("/", "_"))


def hashed(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its content hash."""
    covered = {key: value for key, value in event.items() if key not in ("unsigned", "signatures", "hashes")}
    return {**event, "hashes": {"sha256": unpadded(sha256(covered))}}


def build_event(
    content: dict[str, Any], *, sender: str = MALLORY, room_version: int = 11, **changed: Any
) -> tuple[dict[str, Any], str]:
    """A message event and its id, as the homeserver of ``sender`` stores them."""
    event = hashed(
        {
            "type": "m.room.encrypted",
            "room_id": ROOM,
            "sender": sender,
            "content": content,
            "origin_server_ts": SENT_AT,
            "depth": 12,
            "prev_events": ["$before"],
            "auth_events": ["$create", "$power", "$member"],
        }
        | changed
    )
    event["signatures"] = {"example.org": {"ed25519:a": "c2lnbmF0dXJl"}}
    event["unsigned"] = {"age": 77}
    return event, event_id_of(event, room_version)


def encrypted(session_id: str, message: bytes) -> dict[str, Any]:
    """The content of an ``m.room.encrypted`` event, as clients write it."""
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": unpadded(message),
        "device_id": "MALLORYS",
        "sender_key": unpadded(bytes(range(32))),
        "session_id": session_id,
    }


def payload(content: Any, room_id: Any = ROOM, event_type: Any = "m.room.message") -> bytes:
    """What a client encrypts (Matrix, "m.megolm.v1.aes-sha2")."""
    return json.dumps({"room_id": room_id, "type": event_type, "content": content}).encode()
