"""Signed checkpoints of the log: how many entries there are, and the root over them.

C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint) inside a C2SP signed note (https://c2sp.org/signed-note) with
an Ed25519 signature::

    example.org/nightlight-log
    42
    <root, base64>

    — example.org/nightlight-log <base64 of key id (4 bytes) and signature (64 bytes)>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogHead

CHECKPOINT_BYTES_MAX = 16_384
SIGNATURES_MAX = 16
SIZE_MAX = 2**63 - 1

_ED25519 = b"\x01"
_DASH = "\u2014 "
#: signed-note, "Format": no spaces (Unicode ones included) and no plus in a key's name. Ours are printable ASCII.
_NAME = re.compile(r"[!-*,-~]{1,255}\Z")
_NUMBER = re.compile(r"0\Z|[1-9][0-9]{0,18}\Z")
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class LogKey:
    """The public half of a log's key, and the name that its signatures carry. ``public_key``: Ed25519, 32 bytes."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise RefusedError("log_key_malformed", "A log's name is printable ASCII without spaces or plus signs.")
        if len(self.public_key) != 32:
            raise RefusedError("log_key_malformed", "A log's key is 32 bytes of Ed25519.")

    @property
    def key_id(self) -> bytes:
        """signed-note, "Signatures": the first four bytes of a hash over name, kind and key."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public_key
        return hashlib.sha256(named).digest()[:4]

    @property
    def text(self) -> str:
        """``name+key id+key``, as signed-note writes verifier keys."""
        key = base64.b64encode(_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> LogKey:
        """The key out of its text, or ``RefusedError('log_key_malformed')``."""
        parts = text.strip().split("+", 2)
        try:
            name, key_id, encoded = parts
            key = base64.b64decode(encoded.encode("ascii"), validate=True)
            known = cls(name, key[1:])
            fits = key[:1] == _ED25519 and hmac.compare_digest(known.key_id.hex().encode(), key_id.encode())
        except (ValueError, binascii.Error):
            fits = False
        if not fits:
            raise RefusedError(
                "log_key_malformed", "This is not a log's key.", "It looks like NAME+HEX+BASE64; `nightlight log key`."
            )
        return known


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``origin`` names the log, ``root`` is the hash over its first ``size`` entries."""

    origin: str
    size: int
    root: bytes

    @property
    def head(self) -> LogHead:
        return LogHead(self.size, self.root)

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The log's key with its private half."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)

    @property
    def key(self) -> LogKey:
        return LogKey(self.name, self.private_key.public_key().public_bytes_raw())

    def sign(self, head: LogHead) -> str:
        """The signed checkpoint of ``head``."""
        body = Checkpoint(self.name, head.number, head.hash).body
        signature = self.key.key_id + self.private_key.sign(body.encode())
        return f"{body}\n{_DASH}{self.name} {base64.b64encode(signature).decode()}\n"


def open_checkpoint(text: str | bytes, keys: Sequence[LogKey]) -> Checkpoint:
    """The checkpoint, once one of ``keys`` has signed it and it names that key's log.

    ``RefusedError``: ``checkpoint_invalid`` (malformed, or a known key's signature does not hold),
    ``checkpoint_unknown_key`` (nobody known has signed it).
    """
    note = _decoded(text)
    body, parted, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not parted or lines.pop() != "" or not 1 <= len(lines) <= SIGNATURES_MAX:
        raise _invalid("it has no signature lines")
    body += "\n"
    checkpoint = _parse(body)
    signed = False
    for name, key_id, signature in map(_signature, lines):
        for key in keys:
            if key.name == name and key.key_id == key_id:
                _verify(key, body, signature)
                signed = signed or key.name == checkpoint.origin
    if not signed:
        raise RefusedError(
            "checkpoint_unknown_key",
            f"No known key of the log {checkpoint.origin} has signed this checkpoint.",
            "Compare the log's key with the one its operator published.",
        )
    return checkpoint


def _decoded(text: str | bytes) -> str:
    try:
        data = text.encode() if isinstance(text, str) else text
        note = data.decode("utf-8")
    except UnicodeError:
        raise _invalid("it is not UTF-8") from None
    if len(data) > CHECKPOINT_BYTES_MAX:
        raise _invalid("it is too long")
    if any(ord(character) < 0x20 and character != "\n" for character in note):
        raise _invalid("it holds control characters")
    return note


def _parse(body: str) -> Checkpoint:
    lines = body.split("\n")
    # tlog-checkpoint: origin, size, root; lines may follow and are for others to read. None may be empty.
    if len(lines) < 4 or lines[-1] != "" or "" in lines[:-1]:
        raise _invalid("it has no origin, size and root")
    origin, size, encoded = lines[:3]
    if not _NUMBER.match(size) or int(size) > SIZE_MAX:
        raise _invalid("its size is not a number")
    root = _base64(encoded)
    if len(root) != 32:
        raise _invalid("its root is not 32 bytes")
    return Checkpoint(origin, int(size), root)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, parted, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not parted or not name or "+" in name:
        raise _invalid("a signature line is malformed")
    data = _base64(encoded)
    if len(data) < 5:
        raise _invalid("a signature line is malformed")
    return name, data[:4], data[4:]


def _verify(key: LogKey, body: str, signature: bytes) -> None:
    if len(signature) != _SIGNATURE_BYTES:
        raise _invalid(f"the signature of {key.name} has the wrong length")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, body.encode())
    except (InvalidSignature, ValueError):
        raise _invalid(f"the signature of {key.name} does not hold") from None


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise _invalid("it holds malformed base64") from None
    if base64.b64encode(data).decode() != text:
        raise _invalid("it holds base64 that could be written otherwise")
    return data


def _invalid(why: str) -> RefusedError:
    return RefusedError("checkpoint_invalid", f"This is not a valid checkpoint: {why}.")
