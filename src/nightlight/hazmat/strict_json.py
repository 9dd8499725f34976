"""JSON as strangers send it: UTF-8 only, no duplicate keys, bounded depth, no NaN, no lone surrogates.

RFC 8259 §4 leaves duplicate names to the reader, so two readers of one document may see different things; §8.1
asks for UTF-8. The standard library does the parsing; this module only refuses what is ambiguous.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from nightlight.errors import RefusedError

_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)


def loads(data: bytes, *, depth_max: int = 32) -> Any:
    """Parses ``data`` or raises ``RefusedError`` with one of ``json_*`` codes.

    ``depth_max`` counts nested arrays and objects. The caller bounds the length.
    """
    _check_depth(data, depth_max)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise RefusedError("json_not_utf8", f"The text is not UTF-8 (byte {e.start}).", "Send JSON in UTF-8.") from None
    if text.startswith("\ufeff"):
        raise RefusedError("json_malformed", "The text starts with a byte order mark.", "Send JSON without one.")
    try:
        value = json.loads(
            text, object_pairs_hook=_object_without_duplicates, parse_constant=_no_constants, parse_float=_finite
        )
    except RefusedError:
        raise
    except json.JSONDecodeError as e:
        raise RefusedError("json_malformed", f"Not JSON: {e.msg} (line {e.lineno}, column {e.colno}).") from None
    except (ValueError, RecursionError):
        raise RefusedError("json_malformed", "Not JSON that can be read: a number is too long.") from None
    if "\\u" in text or "\\U" in text:
        _check_surrogates(value)
    return value


def _check_depth(data: bytes, depth_max: int) -> None:
    # Counting opening brackets first is cheap and bounds the recursion of the real parser. Brackets inside strings
    # count too, so this only ever sends a document to the exact count below.
    if data.count(b"[") + data.count(b"{") <= depth_max:
        return
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(data):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            if depth > depth_max:
                raise RefusedError(
                    "json_too_deep", f"Nested deeper than {depth_max} levels.", "Send a flatter document."
                )
        elif token in (b"]", b"}"):
            depth -= 1


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RefusedError("json_duplicate_key", "A key stands twice in one object.")
            seen.add(key)
    return result


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise RefusedError("json_malformed", "Not JSON that can be read: a number is too large.")
    return value


def _no_constants(name: str) -> NoReturn:
    raise RefusedError("json_malformed", f"{name} is not JSON.")


def _check_surrogates(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise RefusedError("json_malformed", "A string holds half of a surrogate pair.") from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_surrogates(key)
            _check_surrogates(item)
    elif isinstance(value, list):
        for item in value:
            _check_surrogates(item)
