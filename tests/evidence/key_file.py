"""Key export files, written from the Matrix client-server API, "Key exports", apart from the code under test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tests.hazmat.sender import Sender

HEADER, FOOTER = b"-----BEGIN MEGOLM SESSION DATA-----", b"-----END MEGOLM SESSION DATA-----"
SALT, IV = bytes(range(16)), bytes(range(100, 116))


def entry(sender: Sender, **changed: Any) -> dict[str, Any]:
    """One session as clients list it."""
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "forwarding_curve25519_key_chain": [],
        "room_id": "!playground:example.org",
        "sender_claimed_keys": {"ed25519": "A" * 43},
        "sender_key": "B" * 43,
        "session_id": sender.session_id,
        "session_key": base64.b64encode(sender.export_bytes).decode().rstrip("="),
    } | changed


def blob(content: bytes, passphrase: str, rounds: int = 3, version: int = 1) -> bytes:
    """The bytes inside the base64."""
    keys = hashlib.pbkdf2_hmac("sha512", passphrase.encode(), SALT, rounds, 64)
    encryptor = Cipher(AES(keys[:32]), CTR(IV)).encryptor()
    body = struct.pack(">B16s16sI", version, SALT, IV, rounds) + encryptor.update(content)
    return body + hmac.digest(keys[32:], body, "sha256")


def armour(data: bytes, line: int = 128, newline: bytes = b"\n") -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + line] for at in range(0, len(text), line)]
    return newline.join([HEADER, *lines, FOOTER]) + newline


def key_file(sessions: list[Any], passphrase: str, rounds: int = 3) -> bytes:
    return armour(blob(json.dumps(sessions).encode(), passphrase, rounds))
