"""Deterministic CBOR (RFC 8949 §4.2.1): one encoding for one value, and nothing else is read.

cbor2 does the coding. Maps have text keys only, so that its order (by length, then bytes) is the RFC's. What does not
come out of the encoder byte for byte as it went into the decoder is refused: non-shortest forms, indefinite lengths,
duplicate or misplaced keys, trailing bytes.
"""

from __future__ import annotations

import io
from typing import Any

import cbor2

from nightlight.errors import RefusedError

BYTES_MAX = 4 * 2**20
DEPTH_MAX = 12


def dumps(value: Any) -> bytes:
    """``value``: maps with text keys, lists, text, bytes, whole numbers, booleans and None."""
    _check(value, DEPTH_MAX)
    return cbor2.dumps(value, canonical=True)


def loads(data: bytes) -> Any:
    """The value, or ``RefusedError('cbor_malformed')``."""
    if len(data) > BYTES_MAX:
        raise _malformed("it is too long")
    stream = io.BytesIO(data)
    try:
        value = cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        raise _malformed("it cannot be read") from None
    if stream.tell() != len(data):
        raise _malformed("bytes follow its end")
    _check(value, DEPTH_MAX)
    if cbor2.dumps(value, canonical=True) != data:
        raise _malformed("it is not written in the one deterministic way")
    return value


def _check(value: Any, depth: int) -> None:
    if depth < 0:
        raise _malformed("it is nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise _malformed("a map has a key that is no text")
            _check(item, depth - 1)
    elif type(value) is list:
        for item in value:
            _check(item, depth - 1)
    elif not (value is None or type(value) in (str, bytes, bool) or (type(value) is int and -(2**63) <= value < 2**63)):
        raise _malformed("it holds a kind of value that is not used here")


def _malformed(why: str) -> RefusedError:
    return RefusedError("cbor_malformed", f"This is not the CBOR that is written here: {why}.")
