"""Keeping ages, and what decisions rest on, encrypted in the database; the key is a file outside of it."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nightlight.errors import RefusedError

_NONCE_BYTES = 12


def derived(key: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA-256, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=None, info=f"nightlight/{purpose}/1".encode()).derive(key)


class PeopleSeal:
    """ChaCha20-Poly1305 (RFC 8439) under one key of 32 bytes, with a random nonce before each ciphertext.

    What is sealed is bound to its place: it does not open in another one.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(derived(key, "people"))

    def close(self, place: str, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, place: str, sealed: bytes) -> bytes:
        """``RefusedError('sealed_damaged')`` if it was changed, moved, or sealed under another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise RefusedError(
                "sealed_damaged",
                "Sealed data about people does not open: it was changed, or the key file is of another installation.",
                "Restore people.key from the backup that belongs to this database.",
            ) from None
