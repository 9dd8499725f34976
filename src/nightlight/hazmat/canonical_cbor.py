"""Deterministic CBOR (RFC 8949 §4.2.1): one encoding for one value, and nothing else is read.

cbor2 does the coding. Maps have text keys only, so that its order (by length, then bytes) is the RFC's. What does not
come out of the encoder byte for byte as it went into the decoder is refused: non-shortest forms, duplicate or misplaced
keys, trailing bytes.

Before that, ``check_plain`` walks over the heads: cbor2 computes what tags ask for (a fraction out of ``"1e999999999"``
takes minutes and gigabytes, a decimal of that size raises what is no error of decoding), so it is shown none.
"""

from __future__ import annotations

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
    check_plain(data)
    try:
        value = cbor2.loads(data)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        raise _malformed("it cannot be read") from None
    _check(value, DEPTH_MAX)
    if cbor2.dumps(value, canonical=True) != data:
        raise _malformed("it is not written in the one deterministic way")
    return value


def check_plain(data: bytes) -> None:
    """One item of numbers, bytes, text, lists, maps, booleans and null, in bounded depth and length, and nothing after.

    ``RefusedError('cbor_malformed')`` on tags, floats, other simple values, indefinite lengths, and lengths that lead
    beyond the end. Nothing is built: this only reads heads (RFC 8949, Appendix C).
    """
    if len(data) > BYTES_MAX:
        raise _malformed("it is too long")
    at = 0
    #: How many items are still to come, at each depth.
    left = [1]
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        left[-1] -= 1
        kind, value, at = _head(data, at)
        if kind in (_BYTES, _TEXT):
            at += value
        elif kind in (_LIST, _MAP):
            left.append(value if kind == _LIST else 2 * value)
        elif kind == _TAG or (kind == _SIMPLE and value not in (_FALSE, _TRUE, _NULL)):
            raise _malformed("it holds a kind of value that is not used here")
        if len(left) > DEPTH_MAX + 2:
            raise _malformed("it is nested too deeply")
    if at != len(data):
        raise _malformed("bytes follow its end, or it ends before")


_BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = 2, 3, 4, 5, 6, 7
_FALSE, _TRUE, _NULL = 20, 21, 22
_ONE_BYTE, _EIGHT_BYTES = 24, 27


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type and argument of the head at ``at``, and where it ends (RFC 8949 §3)."""
    if at >= len(data):
        raise _malformed("it ends before its end")
    kind, value = data[at] >> 5, data[at] & 31
    at += 1
    if value < _ONE_BYTE:
        return kind, value, at
    if value > _EIGHT_BYTES or kind == _SIMPLE:
        raise _malformed("it holds a length without an end, or a kind of value that is not used here")
    size = 1 << (value - _ONE_BYTE)
    return kind, int.from_bytes(data[at : at + size]), at + size


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
