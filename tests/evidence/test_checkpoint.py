"""Checkpoints: signed notes of C2SP, read to the letter."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.checkpoint import LogKey, LogSigner, open_checkpoint
from nightlight.evidence.log import LogHead

SIGNER = LogSigner("example.org/nightlight-log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = LogSigner("example.org/nightlight-log", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
HEAD = LogHead(42, bytes(range(100, 132)))
NOTE = SIGNER.sign(HEAD)

# https://github.com/golang/mod/blob/master/sumdb/note/note_test.go and the specification show this key and note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def refused(note: str | bytes, keys: list[LogKey] | None = None) -> str:
    with pytest.raises(RefusedError) as caught:
        open_checkpoint(note, keys if keys is not None else [SIGNER.key])
    return caught.value.code


def test_signed_checkpoint_is_opened() -> None:
    assert open_checkpoint(NOTE, [SIGNER.key]).head == HEAD
    assert NOTE.startswith("example.org/nightlight-log\n42\n")
    assert "\n\n\u2014 example.org/nightlight-log " in NOTE


def test_key_of_another_implementation_is_read_and_written_alike() -> None:
    key = LogKey.parse(GO_KEY)
    assert (key.name, key.key_id.hex(), key.text) == ("PeterNeumann", "c74f20a3", GO_KEY)


def test_own_key_survives_its_text() -> None:
    assert LogKey.parse(SIGNER.key.text) == SIGNER.key


def test_checkpoint_by_an_unknown_key_is_refused() -> None:
    assert refused(STRANGER.sign(HEAD)) == "checkpoint_unknown_key"
    assert refused(NOTE, []) == "checkpoint_unknown_key"


def test_key_of_another_name_does_not_count() -> None:
    other = LogKey("elsewhere.example", SIGNER.key.public_key)
    assert refused(NOTE, [other]) == "checkpoint_unknown_key"


def test_checkpoint_of_another_log_by_a_known_key_is_refused() -> None:
    """A key signs for the log of its own name."""
    body, _, signature = NOTE.partition("\n\n")
    renamed = f"elsewhere.example\n{body.partition(chr(10))[2]}"
    assert refused(f"{renamed}\n\n{signature}") == "checkpoint_invalid"


def test_signature_of_a_witness_beside_ours_is_passed_over() -> None:
    body, _, ours = NOTE.partition("\n\n")
    witness = LogSigner("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    theirs = witness.key.key_id + witness.private_key.sign(f"{body}\n".encode())
    line = f"\u2014 witness.example {base64.b64encode(theirs).decode()}\n"
    assert open_checkpoint(f"{body}\n\n{line}{ours}", [SIGNER.key]).head == HEAD
    assert open_checkpoint(f"{body}\n\n{ours}{line}", [SIGNER.key, witness.key]).head == HEAD


def test_bad_signature_by_a_known_key_spoils_the_note_even_beside_a_good_one() -> None:
    body, _, ours = NOTE.partition("\n\n")
    witness = LogSigner("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    line = f"\u2014 witness.example {base64.b64encode(witness.key.key_id + bytes(64)).decode()}\n"
    assert refused(f"{body}\n\n{ours}{line}", [SIGNER.key, witness.key]) == "checkpoint_invalid"


def test_lines_after_the_root_are_signed_and_passed_over() -> None:
    body = f"{NOTE.partition(chr(10) * 2)[0]}\nan extension\n"
    signature = base64.b64encode(SIGNER.key.key_id + SIGNER.private_key.sign(body.encode())).decode()
    assert open_checkpoint(f"{body}\n\u2014 {SIGNER.name} {signature}\n", [SIGNER.key]).head == HEAD


CHANGES: dict[str, Any] = {
    "another size": lambda note: note.replace("\n42\n", "\n43\n"),
    "a size with a sign": lambda note: note.replace("\n42\n", "\n+42\n"),
    "a size with a zero in front": lambda note: note.replace("\n42\n", "\n042\n"),
    "a size of other digits": lambda note: note.replace("\n42\n", "\n\u0664\u0662\n"),
    "no size": lambda note: note.replace("\n42\n", "\n"),
    "base64 without padding": lambda note: note.replace("=\n\n", "\n\n"),
    "base64 with loose bits": lambda note: re.sub(r"(.)=\n\n", lambda m: chr(ord(m[1]) + 1) + "=\n\n", note),
    "no empty line": lambda note: note.replace("\n\n", "\n"),
    "two empty lines": lambda note: note.replace("\n\n", "\n\n\n"),
    "a hyphen for the dash": lambda note: note.replace("\u2014", "-"),
    "no last line end": lambda note: note[:-1],
    "more after the end": lambda note: note + "x",
    "an empty line at the end": lambda note: note + "\n",
    "CRLF": lambda note: note.replace("\n", "\r\n"),
    "a tab": lambda note: note.replace("\n42", "\n\t42"),
    "no signature": lambda note: note.partition("\u2014")[0],
    "empty": lambda _: "",
    "endless": lambda note: note + "\u2014 x " + "A" * 20_000,
    "too many signatures": lambda note: note + "\u2014 x AAAAAAA=\n" * 17,
}


@pytest.mark.parametrize("change", CHANGES)
def test_bent_checkpoint_is_refused(change: str) -> None:
    assert CHANGES[change](NOTE) != NOTE
    assert refused(CHANGES[change](NOTE)) == "checkpoint_invalid"


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_no_byte_of_a_checkpoint_can_be_changed(at: int, change: int) -> None:
    bent = bytearray(NOTE.encode())
    bent[at] ^= change
    assert refused(bytes(bent)) in ("checkpoint_invalid", "checkpoint_unknown_key")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        "+".join(["a b", *GO_KEY.split("+")[1:]]),
        GO_KEY.replace("c7", "C7"),
        GO_KEY[:-2],
    ],
)
def test_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        LogKey.parse(text)
    assert caught.value.code == "log_key_malformed"


def test_printing_a_signer_hides_its_key() -> None:
    assert repr(SIGNER) == "LogSigner(name='example.org/nightlight-log')"
