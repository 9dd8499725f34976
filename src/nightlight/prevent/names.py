"""Relations are kept between keyed numbers, so that the table alone tells nobody who knows whom."""

from __future__ import annotations

import hashlib

_PERSON = b"nightlight-names"
_MASK = 2**63 - 1


class NameKey:
    """Turns ids of accounts, rooms and numbers into 63-bit numbers under a key of 32 bytes.

    BLAKE2b keyed (RFC 7693), 8 bytes of it. Of ten million names two share a number with a chance of about 5 in a
    million; without the key nobody can look for such a pair.
    """

    def __init__(self, key: bytes) -> None:
        self._state = hashlib.blake2b(key=key, digest_size=8, person=_PERSON)

    def number(self, name: str) -> int:
        state = self._state.copy()
        state.update(name.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "big") & _MASK
