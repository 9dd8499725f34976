"""Reading "Export E2E room keys" files, the format every Matrix client writes.

Source: Matrix client-server API, "Key exports": ``-----BEGIN MEGOLM SESSION DATA-----``, then base64 of
``0x01 ‖ salt (16) ‖ iv (16) ‖ rounds u32be ‖ AES-256-CTR ciphertext ‖ HMAC-SHA-256 (32)``; PBKDF2-HMAC-SHA-512 makes
64 bytes out of the passphrase: AES key ‖ MAC key.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from nightlight.errors import RefusedError
from nightlight.evidence.verify import MEGOLM
from nightlight.hazmat import base64url, strict_json
from nightlight.hazmat.megolm import SessionExport

_HEADER = b"-----BEGIN MEGOLM SESSION DATA-----"
_FOOTER = b"-----END MEGOLM SESSION DATA-----"
_FIXED = struct.Struct(">B16s16sI")
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """Bounds on the work that a file may ask for: bytes of the file, PBKDF2 rounds, sessions in it.

    Clients write 100,000 to 1,000,000 rounds; five million take some seconds.
    """

    file_bytes: int = 128 * 2**20
    rounds: int = 5_000_000
    sessions: int = 1_000_000


@dataclass(frozen=True, slots=True)
class ExportedSession:
    """One session in the file, with the room it belongs to."""

    room_id: str
    session_id: str
    session: SessionExport = field(repr=False)


_DEFAULT_LIMITS = ExportLimits()


def open_key_export(data: bytes, passphrase: str, limits: ExportLimits = _DEFAULT_LIMITS) -> Iterator[ExportedSession]:
    """Yields every readable Megolm session of the file.

    ``RefusedError``: ``export_damaged`` (not such a file, cut, or altered), ``export_passphrase`` (wrong passphrase),
    ``export_too_large`` (asks for more work than ``limits`` allow).
    """
    plaintext = _decrypt(data, passphrase, limits)
    try:
        listed = strict_json.loads(plaintext, depth_max=16)
    except RefusedError as e:
        raise _damaged(f"its content is not a list of keys: {e.message}") from None
    if not isinstance(listed, list):
        raise _damaged("its content is not a list of keys")
    if len(listed) > limits.sessions:
        raise RefusedError("export_too_large", f"The file holds more than {limits.sessions} sessions.")
    for entry in listed:
        session = _session(entry)
        if session is not None:
            yield session


def _session(entry: object) -> ExportedSession | None:
    # Files hold sessions of other kinds and of other clients' making; one odd entry must not hide the right one.
    if not isinstance(entry, dict) or entry.get("algorithm") != MEGOLM:
        return None
    room_id, session_id, key = entry.get("room_id"), entry.get("session_id"), entry.get("session_key")
    if not isinstance(room_id, str) or not isinstance(session_id, str) or not isinstance(key, str):
        return None
    try:
        session = SessionExport.parse(base64url.decode_standard(key))
    except (ValueError, RefusedError):
        return None
    return ExportedSession(room_id, session_id, session)


def _decrypt(data: bytes, passphrase: str, limits: ExportLimits) -> bytes:
    if len(data) > limits.file_bytes:
        raise RefusedError("export_too_large", f"The file is larger than {limits.file_bytes} bytes.")
    blob = _unwrap(data)
    version, salt, iv, rounds = _FIXED.unpack_from(blob)
    if version != 1:
        raise _damaged(f"version {version} where 1 was expected")
    # Before the rounds are spent: the number comes out of the file.
    if not 1 <= rounds <= limits.rounds:
        raise RefusedError(
            "export_too_large",
            f"The file asks for {rounds:,} rounds of key derivation; at most {limits.rounds:,} are done.",
        )
    body, mac = blob[:-_MAC_BYTES], blob[-_MAC_BYTES:]
    plaintext = b""
    for encoded in _passphrases(passphrase):
        keys = hashlib.pbkdf2_hmac("sha512", encoded, salt, rounds, 64)
        decryptor = Cipher(AES(keys[:32]), CTR(iv)).decryptor()
        plaintext = decryptor.update(body[_FIXED.size :]) + decryptor.finalize()
        if hmac.compare_digest(hmac.digest(keys[32:], body, "sha256"), mac):
            return plaintext
        if _looks_like_text(plaintext):
            break
    # The MAC key depends on the passphrase too, so a failed MAC alone does not say what is wrong. Under the right
    # passphrase CTR mode still shows mostly text, under a wrong one noise. Nothing of it is used.
    if _looks_like_text(plaintext):
        raise _damaged("the passphrase is right, but part of the file was cut off or changed")
    raise RefusedError(
        "export_passphrase",
        "The passphrase does not open this file.",
        "Type the passphrase that you chose when you exported the keys. If you are sure of it, export the keys again.",
    )


def _passphrases(passphrase: str) -> list[bytes]:
    """The passphrase in UTF-8, as most clients write it, and in Latin-1, as matrix-nio does."""
    encoded = [passphrase.encode("utf-8", "surrogatepass")]
    if not passphrase.isascii() and all(ord(character) < 256 for character in passphrase):
        encoded.append(passphrase.encode("latin-1"))
    return encoded


def _looks_like_text(plaintext: bytes) -> bool:
    sample = plaintext[:4096]
    return bool(sample) and sum(32 <= byte < 127 for byte in sample) > 0.9 * len(sample)


def _unwrap(data: bytes) -> bytes:
    start, end = data.find(_HEADER), data.find(_FOOTER)
    if start < 0:
        raise _damaged("the line BEGIN MEGOLM SESSION DATA is missing; this is not an export of room keys")
    if end < start:
        raise _damaged("the line END MEGOLM SESSION DATA is missing; the end of the file was cut off")
    try:
        # Most clients pad the base64, some do not.
        blob = base64url.decode_standard(b"".join(data[start + len(_HEADER) : end].split()).decode("ascii"))
    except ValueError:
        raise _damaged("it is not base64") from None
    if len(blob) < _FIXED.size + _MAC_BYTES:
        raise _damaged("it is too short")
    return blob


def _damaged(why: str) -> RefusedError:
    return RefusedError("export_damaged", f"The key file is damaged: {why}.", "Export the keys again.")
