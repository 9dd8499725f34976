"""What the simulated homeserver knows, and how a test changes it. Ciphertext is real Megolm, hashes are real."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import vodozemac
from canonicaljson import encode_canonical_json
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nio.crypto.attachments import encrypt_attachment

from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import SessionExport

SERVER_NAME = "sim.example"
SERVER_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
ADMIN_TOKEN = "simulated-admin-token"
MODULE_SECRET = "simulated-module-secret-0123456789abcdef"


@dataclass
class SimulatedRoom:
    """Membership by account, and one Megolm session for each sender."""

    room_id: str
    members: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, vodozemac.GroupSession] = field(default_factory=dict)
    inbound: dict[str, vodozemac.InboundGroupSession] = field(default_factory=dict)
    depth: int = 5


@dataclass
class SimulatedWorld:
    """Accounts, rooms, events and reports, and the ways to change them."""

    tokens: dict[str, str] = field(default_factory=dict)
    rooms: dict[str, SimulatedRoom] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    members_at: dict[str, dict[str, str]] = field(default_factory=dict)
    redacted: set[str] = field(default_factory=set)
    message_keys: dict[str, bytes] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    quarantined: set[str] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)
    lost_media: set[str] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)
    media_redirect: str | None = None
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_reports: list[dict[str, Any]] = field(default_factory=list)
    user_reports: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    down: bool = False
    down_after: str | None = None
    broken_answer: str | None = None
    delays: dict[str, float] = field(default_factory=dict)  # seconds, by the end of the path
    clock: Callable[[], int] = lambda: int(time.time() * 1000)
    before_answer: Callable[[str], None] | None = None  # is told the path

    # Changing the world

    def account(self, localpart: str) -> str:
        name = f"@{localpart}:{SERVER_NAME}"
        self.accounts.setdefault(name, {"locked": False, "suspended": False, "deactivated": False})
        return name

    def token_for(self, account: str) -> str:
        token = f"openid-{len(self.tokens)}-{hashlib.sha256(account.encode()).hexdigest()[:12]}"
        self.tokens[token] = account
        return token

    def room(self, *members: str) -> str:
        room_id = "!" + base64url.encode_urlsafe(hashlib.sha256(f"room {len(self.rooms)}".encode()).digest())
        self.rooms[room_id] = SimulatedRoom(room_id, dict.fromkeys(members, "join"))
        return room_id

    def say(self, room_id: str, sender: str, text: str, **content: Any) -> str:
        """An encrypted message; returns its event id. Its message key is in ``message_keys``."""
        payload = {
            "type": "m.room.message",
            "room_id": room_id,
            "content": {"msgtype": "m.text", "body": text, **content},
        }
        return self.encrypt(room_id, sender, json.dumps(payload).encode())

    def upload(self, plaintext: bytes, **changes: Any) -> dict[str, Any]:
        """Encrypts a file as matrix-nio does and uploads it; returns its description (``EncryptedFile``)."""
        ciphertext, description = encrypt_attachment(plaintext)
        mxc = f"mxc://{SERVER_NAME}/media{len(self.blobs)}"
        self.blobs[mxc] = ciphertext
        return {"url": mxc, **description, **changes}

    def send_file(self, room_id: str, sender: str, description: dict[str, Any], **content: Any) -> str:
        """An encrypted picture message; returns its event id."""
        return self.say(room_id, sender, "shape.png", msgtype="m.image", file=description, **content)

    def encrypt(self, room_id: str, sender: str, plaintext: bytes) -> str:
        """Any plaintext as an encrypted event; returns its event id."""
        room = self.rooms[room_id]
        if sender not in room.sessions:
            room.sessions[sender] = vodozemac.GroupSession()
            room.inbound[sender] = vodozemac.InboundGroupSession(room.sessions[sender].session_key)
        session = room.sessions[sender]
        index = session.message_index
        ciphertext = session.encrypt(plaintext)
        event_id = self.store(
            room_id,
            sender,
            "m.room.encrypted",
            {
                "algorithm": "m.megolm.v1.aes-sha2",
                "ciphertext": ciphertext.to_base64(),
                "device_id": "SIMULATED",
                "sender_key": "K" * 43,
                "session_id": session.session_id,
            },
        )
        self.message_keys[event_id] = self.session(room_id, sender).message_key(index)
        return event_id

    def session(self, room_id: str, sender: str) -> SessionExport:
        """The sender's whole session, as a member of the room holds it."""
        exported = self.rooms[room_id].inbound[sender].export_at(0)
        assert exported is not None
        return SessionExport.parse(base64url.decode_standard(exported.to_base64()))

    def store(self, room_id: str, sender: str, kind: str, content: dict[str, Any]) -> str:
        """An event of room version 12 with its hashes (server-server API, "Calculating the content hash" ff.)."""
        room = self.rooms[room_id]
        room.depth += 1
        event: dict[str, Any] = {
            "auth_events": ["$" + "a" * 43],
            "content": content,
            "depth": room.depth,
            "origin_server_ts": self.clock(),
            "prev_events": ["$" + "p" * 43],
            "room_id": room_id,
            "sender": sender,
            "type": kind,
        }
        event["hashes"] = {"sha256": base64.b64encode(_sha256(event)).rstrip(b"=").decode()}
        redacted = {**event, "content": {}}
        event_id = "$" + base64url.encode_urlsafe(_sha256(redacted))
        self.events[event_id] = {**event, "signatures": {SERVER_NAME: {"ed25519:a": _signature(redacted)}}}
        self.members_at[event_id] = dict(room.members)
        return event_id

    def published_keys(self) -> dict[str, Any]:
        """Server-server API, "Publishing keys"."""
        public = base64url.encode_standard(SERVER_KEY.public_key().public_bytes_raw())
        keys: dict[str, Any] = {
            "server_name": SERVER_NAME,
            "verify_keys": {"ed25519:a": {"key": public}},
            "old_verify_keys": {},
            "valid_until_ts": 2_000_000_000_000,
        }
        return {**keys, "signatures": {SERVER_NAME: {"ed25519:a": _signature(keys)}}}

    def prune(self, event_id: str) -> None:
        """What is left of a redacted event when the retention of its content has ended."""
        self.events[event_id] = {**self.events[event_id], "content": {}}

    def purge(self, room_id: str) -> None:
        """Deletes a room with its events and their reports, as an administrator can."""
        del self.rooms[room_id]
        gone = {event_id for event_id, event in self.events.items() if event["room_id"] == room_id}
        for event_id in gone:
            del self.events[event_id], self.members_at[event_id]
        self.event_reports[:] = [report for report in self.event_reports if report["room_id"] != room_id]

    def report(self, reporter: str, room_id: str, event_id: str, reason: str) -> None:
        number = _next_number(self.event_reports)
        entry = {"id": number, "received_ts": 1_700_000_000_000 + number, "user_id": reporter, "room_id": room_id}
        sender = self.events[event_id]["sender"] if event_id in self.events else None
        more = {"reason": reason, "score": -100, "sender": sender, "name": None, "canonical_alias": None}
        self.event_reports.append({**entry, "event_id": event_id, **more})

    def report_account(self, reporter: str, target: str, reason: str) -> None:
        number = _next_number(self.user_reports)
        entry = {"id": number, "received_ts": 1_700_000_000_000 + number, "user_id": reporter}
        self.user_reports.append({**entry, "target_user_id": target, "reason": reason})


def _next_number(entries: list[dict[str, Any]]) -> int:
    return entries[-1]["id"] + 1 if entries else 1


def _signature(value: dict[str, Any]) -> str:
    return base64url.encode_standard(SERVER_KEY.sign(encode_canonical_json(value)))


def _sha256(value: dict[str, Any]) -> bytes:
    return hashlib.sha256(encode_canonical_json(value)).digest()
