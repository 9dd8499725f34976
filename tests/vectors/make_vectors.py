"""Writes new vectors beside this file. The tests do not run it: what it writes is random, and vectors do not change.

Nothing of Nightlight is used here: the messages and session exports are vodozemac's, the file is matrix-nio's, and
the message key is HKDF-Extract (RFC 5869 §2.2) computed by OpenSSL's command line.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import vodozemac
from nio.crypto.key_export import encrypt_and_save

HERE = Path(__file__).parent
ROOM = "!playground:example.org"
PASSPHRASE = "placeholder passphrase"
ROUNDS = 10_000


def unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def message_key(export: str) -> str:
    ratchet = base64.b64decode(export + "=" * (-len(export) % 4))[5:133]
    command = ["openssl", "mac", "-digest", "SHA256", "-macopt", "hexkey:" + "00" * 32, "-binary", "-in", "-", "HMAC"]
    return unpadded(subprocess.run(command, input=ratchet, capture_output=True, check=True).stdout)


def exported(session: vodozemac.InboundGroupSession, index: int) -> str:
    key = session.export_at(index)
    assert key is not None
    return key.to_base64()


def main() -> None:
    outbound = vodozemac.GroupSession()
    inbound = vodozemac.InboundGroupSession(outbound.session_key)
    messages: list[dict[str, Any]] = []
    for index in range(258):
        content = {"msgtype": "m.text", "body": f"[abusive message {index}]"}
        plaintext = json.dumps({"room_id": ROOM, "type": "m.room.message", "content": content})
        message = outbound.encrypt(plaintext.encode()).to_base64()
        if index in (0, 1, 255, 256, 257):
            key = message_key(exported(inbound, index))
            messages.append({"index": index, "plaintext": plaintext, "message": message, "message_key": key})
    start = exported(inbound, 0)
    session = {"room_id": ROOM, "session_id": inbound.session_id, "session_key": start}
    (HERE / "megolm.json").write_text(json.dumps({**session, "messages": messages}, indent=2) + "\n")

    entry = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "sender_key": "A" * 43,
        "sender_claimed_keys": {"ed25519": "A" * 43},
        "forwarding_curve25519_key_chain": [],
    }
    data = json.dumps([entry | session], indent=4).encode()
    encrypt_and_save(data, str(HERE / "key_export.txt"), PASSPHRASE, count=ROUNDS)


if __name__ == "__main__":
    main()
