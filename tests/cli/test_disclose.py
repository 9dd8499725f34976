"""``nightlight disclose``: on the reporter's own computer, and only message keys leave it."""

from __future__ import annotations

import base64
import hmac
import json
import os
import struct
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any

import pytest
import vodozemac
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from nightlight.hazmat import base64url
from tests.cli.conftest import Run

ROOM = "!room:reporter.example"
PASSPHRASE = "correct horse battery"


class Phone:
    """A reporter's app: sessions it holds, and the encrypted events it received."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = vodozemac.GroupSession()
        self.inbound = vodozemac.InboundGroupSession(self.session.session_key)

    def receive(self, text: str, event_id: str, room: str = ROOM) -> Path:
        """The file that "View source" would save."""
        payload = {"type": "m.room.message", "room_id": ROOM, "content": {"msgtype": "m.text", "body": text}}
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "ciphertext": self.session.encrypt(json.dumps(payload).encode()).to_base64(),
            "session_id": self.session.session_id,
        }
        event = {"event_id": event_id, "room_id": room, "type": "m.room.encrypted", "content": content}
        path = self.folder / f"{event_id[1:]}.json"
        path.write_text(json.dumps(event))
        return path

    def export(self, first: int = 0) -> Path:
        """The key file (Matrix client-server API, "Key exports"), built here from the specification."""
        exported = self.inbound.export_at(first)
        assert exported is not None
        entry = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": ROOM,
            "session_id": self.session.session_id,
            "session_key": exported.to_base64(),
        }
        salt, iv, rounds = os.urandom(16), os.urandom(16), 1000
        keys = pbkdf2_hmac("sha512", PASSPHRASE.encode(), salt, rounds, 64)
        encryptor = Cipher(AES(keys[:32]), CTR(iv)).encryptor()
        body = struct.pack(">B16s16sI", 1, salt, iv, rounds) + encryptor.update(json.dumps([entry]).encode())
        text = base64.encodebytes(body + hmac.digest(keys[32:], body, "sha256")).decode()
        path = self.folder / "keys.txt"
        path.write_text(f"-----BEGIN MEGOLM SESSION DATA-----\n{text}-----END MEGOLM SESSION DATA-----\n")
        return path


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


def disclose(run: Run, phone: Phone, *events: str, passphrase: str = PASSPHRASE, **more: Any) -> Any:
    keys = str(more.pop("keys", None) or phone.export())
    arguments = ["disclose", "--keys", keys]
    for event in events:
        arguments += ["--event", event, "--source", str(phone.folder / f"{event[1:]}.json")]
    arguments += more.pop("arguments", [])
    return run(*arguments, NIGHTLIGHT_PASSPHRASE=passphrase, **more)


def test_report_holds_message_keys_and_nothing_that_opens_more(run: Run, phone: Phone) -> None:
    for number in range(3):
        phone.receive(f"[message {number}]", f"$e{number}")
    done = disclose(run, phone, "$e1", arguments=["--category", "threat", "--note", "a note"])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["room_id"], report["category"], report["note"]) == (ROOM, "threat", "a note")
    (message,) = report["messages"]
    assert set(message) == {"event_id", "message_key"}
    exported = phone.inbound.export_at(1)
    assert exported is not None
    ratchet = base64url.decode_standard(exported.to_base64())[5:133]
    assert base64url.decode_urlsafe(message["message_key"]) == hmac.digest(bytes(32), ratchet, "sha256")
    assert "[message 1]" in done.stderr  # the reporter sees what will be opened
    assert "[message 0]" not in done.stderr + done.stdout


def test_wrong_passphrase_and_damaged_file_are_told_apart(run: Run, phone: Phone) -> None:
    phone.receive("[message]", "$e")
    wrong = disclose(run, phone, "$e", passphrase="not it")
    assert wrong.returncode == 1
    assert "passphrase does not open this file" in wrong.stderr
    keys = phone.export()
    lines = keys.read_text().splitlines()
    lines[3] = lines[3][:-4] + ("AAAA" if lines[3][-4:] != "AAAA" else "BBBB")
    keys.write_text("\n".join(lines))
    damaged = disclose(run, phone, "$e", keys=keys)
    assert damaged.returncode == 1
    assert "damaged" in damaged.stderr
    assert PASSPHRASE not in damaged.stderr + wrong.stderr


def test_session_that_starts_later_cannot_open_the_message(run: Run, phone: Phone) -> None:
    phone.receive("[message 0]", "$e0")
    phone.receive("[message 1]", "$e1")
    done = disclose(run, phone, "$e0", keys=phone.export(first=1))
    assert done.returncode == 1
    assert "earlier" in done.stderr


def test_key_file_without_the_session_is_said(run: Run, phone: Phone, tmp_path: Path) -> None:
    phone.receive("[message]", "$e", room="!other:reporter.example")
    done = disclose(run, phone, "$e")
    assert done.returncode == 1
    assert "does not hold the session" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keys", "missing.txt", "--event", "$e"], "cannot be read"),
        (["--keys", "keys.txt", "--event", "$e"], "is needed as well"),
        (["--keys", "keys.txt", "--event", "$e", "--source", "keys.txt"], "Not JSON"),
        (["--keys", "keys.txt", "--event", "$e", "--homeserver", "http://127.0.0.1:9"], "access token"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(run: Run, phone: Phone, arguments: list[str], words: str) -> None:
    phone.export()
    done = run("disclose", *arguments, NIGHTLIGHT_PASSPHRASE=PASSPHRASE)
    assert done.returncode != 0
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_homeserver_that_does_not_answer_is_not_a_refusal(run: Run, phone: Phone) -> None:
    phone.export()
    arguments = ("disclose", "--keys", "keys.txt", "--event", "$e", "--homeserver", "http://127.0.0.1:9")
    done = run(*arguments, NIGHTLIGHT_PASSPHRASE=PASSPHRASE, MATRIX_ACCESS_TOKEN="t")
    assert done.returncode == 75
    assert "does not answer" in done.stderr
