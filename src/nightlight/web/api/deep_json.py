"""Reading what a homeserver sends, whatever strangers put into it: one odd event must not stop the stream for ever."""

from __future__ import annotations

import json
import re
from typing import Any

#: Deeper than this there is nothing that we look at.
_DEPTH_MAX = 20
_DIGITS_MAX = 20
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def read(data: bytes) -> Any:
    """The JSON value as leniently as Python reads it, what is nested too deeply to be read being left out.

    A homeserver on another version of Python may nest deeper than ours can follow. ``ValueError`` if it is not JSON.
    """
    try:
        return _loads(data)
    except RecursionError:
        return _loads(_shallow(data))


def _loads(data: bytes) -> Any:
    return json.loads(data, parse_int=_whole)


def _whole(digits: str) -> int:
    # Python refuses to read very long numbers, and no number of ours is one.
    return int(digits) if len(digits) <= _DIGITS_MAX else 0


def _shallow(data: bytes) -> bytes:
    """The same text with null in place of everything below the greatest depth."""
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(data):
        sign = token.group()
        if sign in (b"[", b"{"):
            depth += 1
            if depth == _DEPTH_MAX + 1:
                kept += [data[begin : token.start()], b"null"]
        elif sign in (b"]", b"}"):
            if depth == _DEPTH_MAX + 1:
                begin = token.end()
            depth -= 1
    return b"".join([*kept, data[begin:]])
