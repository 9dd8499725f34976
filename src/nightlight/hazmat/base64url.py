"""Base64 without padding, read strictly: one text for one value (RFC 4648 §3.5 and §5)."""

from __future__ import annotations

import base64
import binascii

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def decode_urlsafe(text: str) -> bytes:
    """Unpadded base64url to bytes; ``ValueError`` for anything else, non-zero trailing bits included."""
    if "+" in text or "/" in text:
        raise ValueError("standard alphabet where base64url was expected")
    return _decode(text.encode("ascii").translate(_TO_STANDARD))


def decode_standard(text: str) -> bytes:
    """Unpadded or padded standard base64 to bytes, as Matrix clients read it; ``ValueError`` for anything else."""
    return _decode(text.encode("ascii").rstrip(b"="))


def encode_urlsafe(data: bytes) -> str:
    """Bytes to unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def encode_standard(data: bytes) -> str:
    """Bytes to unpadded standard base64."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def _decode(body: bytes) -> bytes:
    try:
        data = base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)
    except binascii.Error as e:
        raise ValueError(str(e)) from None
    if base64.b64encode(data).rstrip(b"=") != body:
        raise ValueError("trailing bits are not zero")
    return data
