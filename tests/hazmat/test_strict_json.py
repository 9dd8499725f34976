"""JSON that reads one way, in bounded time."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat import strict_json

SIZE = 256 * 1024


def code_of(data: bytes, **limits: int) -> str:
    with pytest.raises(RefusedError) as refused:
        strict_json.loads(data, **limits)
    return refused.value.code


text = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=20,
)


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_accepted_reads_as_everywhere(value: Any, ascii_only: bool, indent: int | None) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert strict_json.loads(data) == json.loads(data) == value


@given(st.one_of(st.binary(max_size=60), st.text('[]{}",:\\u0123dDefnultrsa. -\n', max_size=40).map(str.encode)))
def test_any_bytes_are_json_or_refused(data: bytes) -> None:
    try:
        value = strict_json.loads(data)
    except RefusedError:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"b":2,"a":3}',
        b'[{"x":{"body":"[abusive message 1]","body":"hello"}}]',
        b'{"a":1,"\\u0061":2}',
        b'{"":1,"":2}',
    ],
)
def test_sender_cannot_say_two_things_under_one_key(data: bytes) -> None:
    assert code_of(data) == "json_duplicate_key"


def test_keys_that_only_look_alike_are_two_keys() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    assert strict_json.loads(json.dumps({composed: 1, decomposed: 2}).encode()) == {composed: 1, decomposed: 2}


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', '"ä"'.encode("latin-1"), b"\xfe\xff"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    assert code_of(data) == "json_not_utf8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings_are_refused_though_the_standard_library_reads_them(encoding: str) -> None:
    data = '{"a":1}'.encode(encoding)
    assert json.loads(data) == {"a": 1}
    assert code_of(data) in {"json_malformed", "json_not_utf8"}


@pytest.mark.parametrize("data", [b"NaN", b"Infinity", b"-Infinity", b'{"a":[NaN]}', b"1e400", b"[-1E999]"])
def test_numbers_that_are_none_are_refused(data: bytes) -> None:
    """1e400 is JSON, but it reads as infinity, which cannot be written back."""
    assert code_of(data) == "json_malformed"


@pytest.mark.parametrize(
    "data", [b'"\\ud800"', b'["\\udc00\\ud800"]', b'{"\\ud800":1}', b'{"a":{"b":["x\\uD83D"]}}', b'"\\uDEAD\\u0041"']
)
def test_half_a_surrogate_pair_is_refused(data: bytes) -> None:
    assert code_of(data) == "json_malformed"


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert strict_json.loads(b'"\\ud83d\\ude00 \\\\ud800"') == "\U0001f600 \\ud800"


@pytest.mark.parametrize("data", [b"9" * 5_000, b"[-" + b"1" * 250_000 + b"]"], ids=["5,000 digits", "250,000 digits"])
def test_number_too_long_to_convert_is_refused(data: bytes) -> None:
    assert code_of(data) == "json_malformed"


@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"{", b'{"a"}', b"[1,]", b"{'a':1}", b"01", b'"\t"', b'"\\x"', b"1 2", b'{"a":1}x', b"\xef\xbb\xbf1"],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    assert code_of(data) == "json_malformed"


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
@pytest.mark.parametrize("depth", [4, 32, 64])
def test_depth_is_counted_exactly(pair: tuple[bytes, bytes], depth: int) -> None:
    levels = 2 if pair[0].startswith(b"[{") else 1
    fits, too_deep = depth // levels, depth // levels + 1
    assert strict_json.loads(pair[0] * fits + b"1" + pair[1] * fits, depth_max=depth)
    assert code_of(pair[0] * too_deep + b"1" + pair[1] * too_deep, depth_max=depth) == "json_too_deep"


@pytest.mark.parametrize(
    "string", ["[" * 100, "{" * 100, '"' + "[" * 100, '\\"' + "[" * 100, "\\\\" + "{" * 100, '[\\"]' * 100, "]" * 100]
)
def test_brackets_inside_strings_are_text(string: str) -> None:
    document = {"body": string, string: [string]}
    assert strict_json.loads(json.dumps(document).encode(), depth_max=2) == document


def test_wide_is_not_deep() -> None:
    assert strict_json.loads(b"[" + b",".join([b"[{}]"] * 1_000) + b"]", depth_max=3) == [[{}]] * 1_000


@pytest.mark.parametrize("depth", [10, 1_000])
def test_closing_brackets_first_do_not_buy_depth(depth: int) -> None:
    assert code_of(b"]" * depth + b"[" * 100_000, depth_max=32) in {"json_malformed", "json_too_deep"}


HOSTILE = {
    "backslashes": b'"' + b"\\" * SIZE,
    "escaped quotes": b'"' + b'\\"' * (SIZE // 2),
    "quotes": b'"' * SIZE,
    "opening brackets": b"[" * SIZE,
    "opening braces": b'{"":' * (SIZE // 4),
    "pairs": b"[]" * (SIZE // 2),
    "strings": b'["' + b'","' * (SIZE // 3) + b'"]',
    "string without end": b'"' + b"a" * SIZE,
    "many strings without end": b'"\\' * (SIZE // 2),
    "digits": b"[" + b"1" * SIZE,
    "spaces": b" " * SIZE,
    "many keys": b"{" + b",".join(b'"%d":0' % n for n in range(SIZE // 10)) + b"}",
    "one key": b"{" + b",".join([b'"a":0'] * (SIZE // 6)) + b"}",
    "surrogates": b'"' + b"\\ud800" * (SIZE // 6) + b'"',
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("brackets", [b"", b"[" * 33, b"[]" * 33], ids=["", "33 brackets after", "33 pairs after"])
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_document_costs_little_time(data: bytes, brackets: bytes) -> None:
    before = time.process_time()
    with contextlib.suppress(RefusedError):
        strict_json.loads(data + brackets)
    assert time.process_time() - before < 0.5
