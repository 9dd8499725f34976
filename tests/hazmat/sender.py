"""A Megolm sender who may break every rule, and a receiver that is a real client (vodozemac).

Written from the Megolm specification, apart from the code under test: only hashes, HKDF, AES and Ed25519 are borrowed.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field

import vodozemac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import SessionExport

#: What a real client raises where it shows nothing.
CLIENT_REFUSES = (vodozemac.DecodeException, vodozemac.MegolmDecryptionException)


def varint(number: int, extra: int = 0) -> bytes:
    """A protobuf varint, ``extra`` bytes longer than it needs to be."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(extra):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def index_field(index: int, extra: int = 0) -> bytes:
    return b"\x08" + varint(index, extra)


def ciphertext_field(ciphertext: bytes, extra: int = 0) -> bytes:
    return b"\x12" + varint(len(ciphertext), extra) + ciphertext


def one_step(ratchet: bytes, index: int) -> bytes:
    """R_index to R_index+1, straight from the definition in the specification."""
    parts = [ratchet[i : i + 32] for i in range(0, 128, 32)]
    following = index + 1
    turned = next(j for j in range(4) if following % 2 ** (8 * (3 - j)) == 0)
    source = parts[turned]
    for j in range(turned, 4):
        parts[j] = hmac.digest(source, bytes([j]), "sha256")
    return b"".join(parts)


@dataclass(frozen=True)
class Sender:
    """One outbound session, known from ``first`` on."""

    seed: bytes = b"mallory"
    first: int = 0
    ratchet: bytes = field(init=False)
    signing_key: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratchet", hashlib.shake_256(self.seed).digest(128))
        secret = hashlib.sha256(b"signing" + self.seed).digest()
        object.__setattr__(self, "signing_key", Ed25519PrivateKey.from_private_bytes(secret))

    @property
    def public_key(self) -> bytes:
        return self.signing_key.public_key().public_bytes_raw()

    @property
    def session_id(self) -> str:
        return base64url.encode_standard(self.public_key)

    @property
    def export_bytes(self) -> bytes:
        return b"\x01" + struct.pack(">I", self.first) + self.ratchet + self.public_key

    @property
    def export(self) -> SessionExport:
        return SessionExport.parse(self.export_bytes)

    def receiver(self) -> vodozemac.InboundGroupSession:
        return receiver(self.export_bytes)

    def keys(self, index: int) -> tuple[bytes, bytes, bytes]:
        """AES key, MAC key and IV, the ratchet value taken from the real client."""
        exported = self.receiver().export_at(index)
        assert exported is not None
        ratchet = base64url.decode_standard(exported.to_base64())[5:133]
        okm = HKDF(SHA256(), 80, bytes(32), b"MEGOLM_KEYS").derive(ratchet)
        return okm[:32], okm[32:64], okm[64:]

    def encrypt(self, index: int, plaintext: bytes, padding: bytes | None = None) -> bytes:
        aes, _, iv = self.keys(index)
        missing = 16 - len(plaintext) % 16
        encryptor = Cipher(AES(aes), CBC(iv)).encryptor()
        return encryptor.update(plaintext + (bytes([missing]) * missing if padding is None else padding))

    def seal(
        self, index: int, payload: bytes, covered: bytes | None = None, version: int = 3, mac_bytes: int = 8
    ) -> bytes:
        """MAC and signature over ``covered``, the payload as it stands if not given."""
        head = bytes([version])
        covered = payload if covered is None else covered
        mac = hmac.digest(self.keys(index)[1], head + covered, "sha256")[:mac_bytes]
        return head + payload + mac + self.signing_key.sign(head + covered + mac)

    def send(self, index: int, plaintext: bytes) -> bytes:
        """An honest message."""
        return self.seal(index, index_field(index) + ciphertext_field(self.encrypt(index, plaintext)))


def receiver(export: bytes) -> vodozemac.InboundGroupSession:
    text = base64url.encode_standard(export)
    return vodozemac.InboundGroupSession.import_session(vodozemac.ExportedSessionKey(text))


def client_opens(session: vodozemac.InboundGroupSession, message: bytes) -> tuple[int, bytes] | None:
    """Index and plaintext as a real client sees them, None where it shows nothing."""
    try:
        opened = session.decrypt(vodozemac.MegolmMessage.from_bytes(message))
    except CLIENT_REFUSES:
        return None
    return opened.message_index, bytes(opened.plaintext)
