"""Encrypted key backups, written from the Matrix client-server API and apart from the code under test.

Sections: "Backup algorithm: m.megolm_backup.v1.curve25519-aes-sha2", "m.secret_storage.v1.aes-hmac-sha2",
"Deriving keys from passphrases", "Recovery key".
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import operator
import os
from typing import Any

import vodozemac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
STORAGE = "m.secret_storage.v1.aes-hmac-sha2"
KEY_ID = "chosenbytheapp"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def recovery_key(secret: bytes, head: bytes = b"\x8b\x01", parity: int = 0) -> str:
    """As apps show it: base58, in groups of four."""
    data = head + secret
    data += bytes([functools.reduce(operator.xor, data) ^ parity])
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


class Backup:
    """A backup whose private key is ``secret``."""

    def __init__(self, secret: bytes | None = None) -> None:
        self.secret = secret or os.urandom(32)
        self.public = X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()
        self.auth_data = {"public_key": unpadded(self.public), "signatures": {}}

    @property
    def recovery_key(self) -> str:
        return recovery_key(self.secret)

    def session_data_by_vodozemac(self, session: dict[str, Any]) -> dict[str, str]:
        """``session`` as a client's own library encrypts it."""
        public = vodozemac.Curve25519PublicKey.from_base64(unpadded(self.public))
        message = vodozemac.PkEncryption.from_key(public).encrypt(json.dumps(session).encode())
        return {
            "ephemeral": unpadded(message.ephemeral_key),
            "ciphertext": unpadded(message.ciphertext),
            "mac": unpadded(message.mac),
        }

    def session_data(self, session: dict[str, Any] | bytes, *, proper_mac: bool = False) -> dict[str, str]:
        """``session`` as the app encrypts it; ``proper_mac``: over the ciphertext rather than over nothing."""
        content = session if isinstance(session, bytes) else json.dumps(session).encode()
        ephemeral = X25519PrivateKey.generate()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public))
        okm = HKDF(SHA256(), 80, bytes(32), b"").derive(shared)
        padder = PKCS7(128).padder()
        encryptor = Cipher(AES(okm[:32]), CBC(okm[64:])).encryptor()
        ciphertext = encryptor.update(padder.update(content) + padder.finalize())
        return {
            "ephemeral": unpadded(ephemeral.public_key().public_bytes_raw()),
            "ciphertext": unpadded(ciphertext),
            "mac": unpadded(hmac.digest(okm[32:64], ciphertext if proper_mac else b"", "sha256")[:8]),
        }

    def info(self, storage: SecretStorage | None = None) -> dict[str, Any]:
        """What the page learns about the backup from the homeserver."""
        return {
            "authData": {**self.auth_data, "algorithm": ALGORITHM},
            "keyId": KEY_ID if storage else None,
            "keyDescription": storage.description if storage else None,
            "encryptedSecret": storage.encrypted("m.megolm_backup.v1", self.secret) if storage else None,
        }


class SecretStorage:
    """4S with a random key, or with one that comes of ``phrase``."""

    def __init__(self, phrase: str | None = None, rounds: int = 1000) -> None:
        salt = unpadded(os.urandom(24))
        self.key = os.urandom(32)
        if phrase is not None:
            self.key = hashlib.pbkdf2_hmac("sha512", phrase.encode(), salt.encode(), rounds, 32)
        iv, _, mac = self._seal("", bytes(32))
        self.description: dict[str, Any] = {"algorithm": STORAGE, "iv": unpadded(iv), "mac": unpadded(mac)}
        if phrase is not None:
            self.description["passphrase"] = {"algorithm": "m.pbkdf2", "salt": salt, "iterations": rounds}

    @property
    def recovery_key(self) -> str:
        return recovery_key(self.key)

    def encrypted(self, name: str, secret: bytes) -> dict[str, Any]:
        """Account data ``name``: the secret, in base64, under the storage key."""
        iv, ciphertext, mac = self._seal(name, unpadded(secret).encode())
        sealed = {"iv": unpadded(iv), "ciphertext": unpadded(ciphertext), "mac": unpadded(mac)}
        return {"encrypted": {KEY_ID: sealed}}

    def _seal(self, name: str, content: bytes) -> tuple[bytes, bytes, bytes]:
        okm = HKDF(SHA256(), 64, bytes(32), name.encode()).derive(self.key)
        # "Bit 63 of the IV is set to 0."
        iv = bytearray(os.urandom(16))
        iv[8] &= 0x7F
        ciphertext = Cipher(AES(okm[:32]), CTR(bytes(iv))).encryptor().update(content)
        return bytes(iv), ciphertext, hmac.digest(okm[32:], ciphertext, "sha256")
