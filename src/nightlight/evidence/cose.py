"""COSE_Sign1 (RFC 9052 §4.2) with Ed25519 (RFC 9053 §2.2), through the library cwt, read strictly.

The protected header holds exactly algorithm, content type and key id; nothing is unprotected. The content type says
what the signature is for, so that one kind of statement is never taken for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError

from nightlight.errors import RefusedError
from nightlight.hazmat import canonical_cbor

BYTES_MAX = 4 * 2**20
#: COSE_Sign1 in the shortest form of a tag, and the only tag that is read.
_TAG, _TAGGED = 18, b"\xd2"
_ALGORITHM, _CONTENT_TYPE, _KEY_ID = 1, 3, 4
_EDDSA = -8
_SIGN, _VERIFY, _OKP_D = 1, 2, -4


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and by which of the known keys (32 bytes)."""

    payload: bytes
    public_key: bytes


def key_id(public_key: bytes) -> bytes:
    """How a key is named in a signature: the first 8 bytes of its SHA-256."""
    return hashlib.sha256(public_key).digest()[:8]


def sign(payload: bytes, key: Ed25519PrivateKey, content_type: str, *, detached: bool = False) -> bytes:
    """A tagged COSE_Sign1 message. ``detached``: the payload is signed but left out (RFC 9052 §4.1, nil)."""
    public = key.public_key().public_bytes_raw()
    signing = COSEKey.new({**_key(public, _SIGN), _OKP_D: key.private_bytes_raw()})
    protected = {_ALGORITHM: _EDDSA, _CONTENT_TYPE: content_type, _KEY_ID: key_id(public)}
    tag = COSE.new(deterministic_header=True).encode_and_sign(payload, signing, protected, {}, out="cbor2/CBORTag")
    assert isinstance(tag, cbor2.CBORTag)  # noqa: S101 - for the type checker
    if detached:
        tag.value[2] = None
    return cbor2.dumps(tag, canonical=True)


def open_signed(
    data: bytes, keys: Mapping[bytes, bytes], content_type: str, *, detached_payload: bytes | None = None
) -> Signed:
    """Verifies the message with one of ``keys`` (by key id, 32 bytes each).

    ``RefusedError``: ``signature_malformed``, ``signature_unknown_key``, ``signature_wrong``.
    """
    value = _read(data)
    protected = _header(value[0])
    if value[1] != {} or protected.keys() != {_ALGORITHM, _CONTENT_TYPE, _KEY_ID}:
        raise _malformed("its headers are not those that are used here")
    if protected[_ALGORITHM] != _EDDSA or protected[_CONTENT_TYPE] != content_type:
        raise _malformed("it is signed for another purpose, or with another algorithm")
    if (detached_payload is None) != isinstance(value[2], bytes):
        raise _malformed("its payload is missing, or should be")
    known = protected[_KEY_ID]
    public = keys.get(known) if isinstance(known, bytes) else None
    if public is None:
        raise RefusedError("signature_unknown_key", "The signature is by a key that is not known.")
    verifying = COSEKey.new(_key(public, _VERIFY))
    try:
        payload = COSE.new().decode(data, verifying, detached_payload=detached_payload)
    except (CWTError, ValueError, TypeError, KeyError):
        raise RefusedError("signature_wrong", "The signature does not hold: something in it was changed.") from None
    return Signed(bytes(payload), public)


def _key(public_key: bytes, operation: int) -> dict[int, Any]:
    """RFC 9053 §7.2: an octet key pair on Ed25519."""
    return {1: 1, 2: key_id(public_key), 3: _EDDSA, 4: [operation], -1: 6, -2: public_key}


def key_id_of(data: bytes) -> bytes:
    """Which key a message names, unverified."""
    known = _header(_read(data)[0]).get(_KEY_ID)
    return known if isinstance(known, bytes) else b""


def payload_of(data: bytes) -> bytes:
    """The payload, UNVERIFIED: to learn which key to ask for, and for nothing else."""
    payload = _read(data)[2]
    if not isinstance(payload, bytes):
        raise _malformed("it has no payload")
    return payload


def _read(data: bytes) -> list[Any]:
    if len(data) > BYTES_MAX:
        raise _malformed("it is too long")
    if data[:1] != _TAGGED:
        raise _malformed("it is not a COSE_Sign1 message in deterministic CBOR")
    try:
        canonical_cbor.check_plain(data[1:])
        tag = cbor2.loads(data)
        again = cbor2.dumps(tag, canonical=True)
    except (RefusedError, cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        raise _malformed("it is not CBOR") from None
    if not isinstance(tag, cbor2.CBORTag) or tag.tag != _TAG or again != data:
        raise _malformed("it is not a COSE_Sign1 message in deterministic CBOR")
    value = tag.value
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(value[part], bytes) for part in (0, 3)):
        raise _malformed("it has not the four parts of COSE_Sign1")
    return value


def _header(encoded: bytes) -> dict[Any, Any]:
    try:
        canonical_cbor.check_plain(encoded)
        header = cbor2.loads(encoded)
        again = cbor2.dumps(header, canonical=True)
    except (RefusedError, cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        raise _malformed("its header is not CBOR") from None
    if not isinstance(header, dict) or again != encoded:
        raise _malformed("its header is not deterministic CBOR")
    return header


def _malformed(why: str) -> RefusedError:
    return RefusedError("signature_malformed", f"This is not such a signature: {why}.")
