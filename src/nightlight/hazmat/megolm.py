"""Megolm arithmetic, one message at a time.

WARNING. ``open_ciphertext`` proves only that *somebody who knew the message key* made this ciphertext. Who sent it
is a question for ``nightlight.evidence.verify_message``, which also checks the signature and the stored event.
A ``SessionExport`` opens every later message of its session; it belongs on the reporter's device and nowhere else.

Source: the Megolm specification, https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/megolm.md, and the
Matrix client-server API, section "m.megolm.v1.aes-sha2". HKDF is RFC 5869, Ed25519 is RFC 8032.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from nightlight.errors import RefusedError

MESSAGE_VERSION = 3
MAC_BYTES = 8
SIGNATURE_BYTES = 64
MESSAGE_KEY_BYTES = 32
RATCHET_BYTES = 128
EXPORT_BYTES = 1 + 4 + RATCHET_BYTES + 32
INDEX_MAX = 2**32 - 1
#: Far above the 64 KiB that a Matrix event may measure.
MESSAGE_BYTES_MAX = 131_072

#: As deep as prost reads.
GROUPS_MAX = 100

_ZERO_SALT = bytes(32)
_INFO = b"MEGOLM_KEYS"


@dataclass(frozen=True, slots=True)
class SessionExport:
    """A Megolm session from ``index`` on: the 128-byte ratchet value and the session's Ed25519 public key.

    Layout (Megolm, "Session export format"): ``0x01 ‖ index u32be ‖ R (128) ‖ Ed25519 public key (32)``.
    """

    index: int
    ratchet: bytes = field(repr=False)
    public_key: bytes

    @classmethod
    def parse(cls, data: bytes) -> SessionExport:
        """165 bytes to a session; ``RefusedError('session_export_malformed')`` otherwise."""
        if len(data) != EXPORT_BYTES or data[0] != 1:
            raise RefusedError(
                "session_export_malformed",
                f"A session export is {EXPORT_BYTES} bytes and starts with 1; this one is {len(data)} bytes long.",
            )
        (index,) = struct.unpack_from(">I", data, 1)
        return cls(index, data[5 : 5 + RATCHET_BYTES], data[5 + RATCHET_BYTES :])

    def at(self, index: int) -> SessionExport:
        """The same session, ratcheted forward to ``index``; it cannot go back."""
        if not self.index <= index <= INDEX_MAX:
            raise RefusedError(
                "key_too_late",
                f"This export starts at message {self.index} of its session; message {index} came earlier.",
                "Export the keys from a device that received the message when it was sent.",
            )
        return SessionExport(index, _advance(self.ratchet, self.index, index), self.public_key)

    def message_key(self, index: int) -> bytes:
        """The 32-byte message key of message ``index``: HKDF-Extract of the ratchet value (RFC 5869 §2.2).

        It determines AES key, MAC key and IV of that message together, and reveals neither the ratchet value nor
        the key of any other message.
        """
        return hmac.digest(_ZERO_SALT, self.at(index).ratchet, "sha256")


def _advance(ratchet: bytes, start: int, target: int) -> bytes:
    """Megolm, "The Megolm ratchet algorithm": R_i to R_target in at most 4 × 256 hashes.

    Part j turns whenever the index passes a multiple of 2^(8·(3−j)); all lower parts are then derived anew from it.
    """
    parts = [ratchet[i : i + 32] for i in range(0, RATCHET_BYTES, 32)]
    for j in range(4):
        shift = 8 * (3 - j)
        # Between 0 and 255: the parts above are equal by now, or `start` was moved up to their last turn.
        steps = (target >> shift) - (start >> shift)
        if steps == 0:
            continue
        source = parts[j]
        for _ in range(steps - 1):
            source = hmac.digest(source, bytes([j]), "sha256")
        # The last turn re-derives this part and every lower one from the same value.
        for k in range(3, j - 1, -1):
            parts[k] = hmac.digest(source, bytes([k]), "sha256")
        start = (target >> shift) << shift
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class MegolmMessage:
    """A parsed Megolm message: index, ciphertext, MAC, and what the MAC and the signature cover."""

    index: int
    ciphertext: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    #: What MAC and signature may cover: vodozemac checks its own canonical encoding, libolm the bytes as they came.
    forms: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> MegolmMessage:
        """``0x03 ‖ protobuf ‖ MAC (8) ‖ signature (64)`` (Megolm, "Message format"), or ``RefusedError``.

        Accepts whatever a client opens, vodozemac or libolm: a stricter reader would hand senders a way to write
        messages that arrive and cannot be reported.
        """
        if not 1 + MAC_BYTES + SIGNATURE_BYTES < len(data) <= MESSAGE_BYTES_MAX:
            raise _malformed(f"{len(data)} bytes is no length of a Megolm message")
        if data[0] != MESSAGE_VERSION:
            raise _malformed(f"version {data[0]} where {MESSAGE_VERSION} was expected")
        authenticated = data[: -MAC_BYTES - SIGNATURE_BYTES]
        index, ciphertext = _read_fields(authenticated[1:])
        canonical = bytes([MESSAGE_VERSION, 0x08]) + _varint(index) + b"\x12" + _varint(len(ciphertext)) + ciphertext
        return cls(
            index,
            ciphertext,
            data[-MAC_BYTES - SIGNATURE_BYTES : -SIGNATURE_BYTES],
            data[-SIGNATURE_BYTES:],
            (canonical,) if canonical == authenticated else (canonical, authenticated),
        )

    def verify_signature(self, public_key: bytes) -> None:
        """Ed25519 over everything before the signature, MAC included (Megolm, "Message format")."""
        for form in self.forms:
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, form + self.mac)
            except (InvalidSignature, ValueError):
                continue
            return
        raise RefusedError("signature_invalid", "The session named by the event did not sign this message.")

    def open(self, message_key: bytes) -> bytes:
        """MAC, then AES-256-CBC with PKCS#7 (Matrix, "m.megolm.v1.aes-sha2"), or ``RefusedError('wrong_key')``."""
        if len(message_key) != MESSAGE_KEY_BYTES:
            raise RefusedError("wrong_key", f"A message key is {MESSAGE_KEY_BYTES} bytes long.")
        # RFC 5869 §2.3 with L = 80: T(1) ‖ T(2) ‖ T(3), cut. Bound together by the one PRK, so no part of the
        # keys, the IV least of all, can be chosen by the reporter.
        t1 = hmac.digest(message_key, _INFO + b"\x01", "sha256")
        t2 = hmac.digest(message_key, t1 + _INFO + b"\x02", "sha256")
        t3 = hmac.digest(message_key, t2 + _INFO + b"\x03", "sha256")
        macs = [hmac.digest(t2, form, "sha256")[:MAC_BYTES] for form in self.forms]
        if not any(hmac.compare_digest(mac, self.mac) for mac in macs):
            raise RefusedError("wrong_key", "This key does not open this message.")
        try:
            decryptor = Cipher(AES(t1), CBC(t3[:16])).decryptor()
            padded = decryptor.update(self.ciphertext) + decryptor.finalize()
            unpadder = PKCS7(128).unpadder()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise RefusedError(
                "ciphertext_malformed", "The message is authentic but was not encrypted properly."
            ) from None


def _malformed(why: str) -> RefusedError:
    return RefusedError("ciphertext_malformed", f"Not a Megolm message: {why}.")


def _read_fields(payload: bytes) -> tuple[int, bytes]:
    """The two fields of the payload as protobuf readers see them: the last one wins, unknown ones are passed over."""
    index, ciphertext = 0, b""  # proto3: a field that is not there has its default
    groups: list[int] = []
    at = 0
    while at < len(payload):
        tag, at = _read_varint(payload, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag > 0xFFFF_FFFF:
            raise _malformed("a field without a number")
        if wire_type == 0:
            value, at = _read_varint(payload, at)
            if number == 1 and not groups:
                index = value & INDEX_MAX  # protobuf cuts a uint32
        elif wire_type == 2:
            length, at = _read_varint(payload, at)
            if at + length > len(payload):
                raise _malformed("a field runs past the end")
            if number == 2 and not groups:
                ciphertext = payload[at : at + length]
            at += length
        elif wire_type in (1, 5):
            at += 8 if wire_type == 1 else 4
            if at > len(payload):
                raise _malformed("a field runs past the end")
        elif wire_type == 3 and len(groups) < GROUPS_MAX:
            groups.append(number)
        elif wire_type == 4 and groups and groups[-1] == number:
            groups.pop()
            continue
        else:
            raise _malformed("a field of an unknown kind")
        if groups[1 if wire_type == 3 else 0 :]:
            continue
        if (number == 1 and wire_type != 0) or (number == 2 and wire_type != 2):
            raise _malformed("a field of the wrong kind")
    if groups:
        raise _malformed("a group without an end")
    if not ciphertext:
        raise _malformed("no ciphertext")
    return index, ciphertext


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise _malformed("a number runs past the end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > 0xFFFF_FFFF_FFFF_FFFF:
                raise _malformed("a number is too large")
            return value, at
    raise _malformed("a number is too long")
