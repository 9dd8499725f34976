"""Deterministic CBOR: one encoding for one value, and no item that makes the reader work or fall.

Vectors: RFC 8949, Appendix A. Those of kinds that are not used here (floats, tags, undefined, other simple values,
indefinite lengths) must be refused.
"""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence import cose
from nightlight.hazmat import canonical_cbor

READ: list[tuple[str, Any]] = [
    ("00", 0), ("01", 1), ("0a", 10), ("17", 23), ("1818", 24), ("1819", 25), ("1864", 100), ("1903e8", 1000),
    ("1a000f4240", 1_000_000), ("1b000000e8d4a51000", 1_000_000_000_000), ("20", -1), ("29", -10), ("3863", -100),
    ("3903e7", -1000), ("f4", False), ("f5", True), ("f6", None), ("40", b""), ("4401020304", b"\x01\x02\x03\x04"),
    ("60", ""), ("6161", "a"), ("6449455446", "IETF"), ("62225c", '"\\'), ("62c3bc", "\u00fc"), ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"), ("80", []), ("83010203", [1, 2, 3]), ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))), ("a0", {}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}), ("826161a161626163", ["a", {"b": "c"}]),
    ("a56161614161626142616361436164614461656145", {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}),
]  # fmt: skip

NOT_USED = [
    "1bffffffffffffffff", "c249010000000000000000", "3bffffffffffffffff", "c349010000000000000000", "f90000", "f98000",
    "f93c00", "fb3ff199999999999a", "f93e00", "f97bff", "fa47c35000", "fa7f7fffff", "fb7e37e43c8800759c", "f90001",
    "f97c00", "f97e00", "fa7f800000", "fb7ff0000000000000", "f7", "f0", "f8ff", "a201020304",
    "c074323031332d30332d32315432303a30343a30305a", "c11a514b67b0", "d74401020304", "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d", "5f42010243030405ff", "7f657374726561646d696e67ff", "9fff",
    "9f018202039f0405ffff", "83018202039f0405ff", "bf61610161629f0203ffff", "bf6346756ef563416d7421ff",
]  # fmt: skip


@pytest.mark.parametrize(("encoded", "value"), READ, ids=lambda value: value if isinstance(value, str) else "")
def test_vectors_of_the_rfc_are_read_and_written_alike(encoded: str, value: Any) -> None:
    assert canonical_cbor.loads(bytes.fromhex(encoded)) == value
    assert canonical_cbor.dumps(value) == bytes.fromhex(encoded)


@pytest.mark.parametrize("encoded", NOT_USED)
def test_vectors_of_the_rfc_with_kinds_that_are_not_used_are_refused(encoded: str) -> None:
    with pytest.raises(RefusedError):
        canonical_cbor.loads(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    ("attack", "data"),
    [
        ("longer form of a number", b"\x18\x01"),
        ("longer form of a length", b"\x58\x01a"),
        ("keys in another order", b"\xa2\x61b\x01\x61a\x02"),
        ("two values under one key", b"\xa2\x61a\x01\x61a\x02"),
        ("something after the end", b"\x01\x01"),
        ("nothing", b""),
        ("text that is not UTF-8", b"\x61\xff"),
        ("half a surrogate pair", b"\x63\xed\xa0\x80"),
        ("a key that cannot be one", b"\xa1\x80\x01"),
        ("an end of nothing", b"\xff"),
    ],
)
def test_second_spelling_of_a_value_is_refused(attack: str, data: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        canonical_cbor.loads(data)
    assert refused.value.code == "cbor_malformed", attack


def test_composed_and_decomposed_letters_are_two_values() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    one, other = (canonical_cbor.dumps({letter: 1}) for letter in (composed, decomposed))
    assert one != other
    assert canonical_cbor.loads(canonical_cbor.dumps({composed: 1, decomposed: 2})) == {composed: 1, decomposed: 2}


def tagged(number: int, value: Any) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(number, value))


BOMBS = {
    "lists in lists without end": b"\x81" * 1_000_000,
    "maps in maps without end": b"\xa1\x61a" * 300_000,
    "tags on tags without end": b"\xc1" * 1_000_000,
    "bytes of any length": b"\x5b\x7f" + b"\xff" * 7,
    "text of any length": b"\x7b\x7f" + b"\xff" * 7,
    "a list of any length": b"\x9b\x7f" + b"\xff" * 7,
    "a map of any length": b"\xbb\x7f" + b"\xff" * 7,
    "a fraction of a thousand million digits": tagged(30, ["1e999999999"]),
    "a decimal of any size": tagged(4, [10**18, 1]),
    "a float of any size": tagged(5, [10**18, 1]),
    "a division by nothing": tagged(30, [1, 0]),
    "a regular expression": tagged(35, "(((((a*)*)*)*)*)*"),
    "a list that holds itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "the longest item there may be, and one more": b"\x80" * (canonical_cbor.BYTES_MAX + 1),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_refused_before_it_is_built(bomb: str) -> None:
    data = BOMBS[bomb]
    with pytest.raises(RefusedError) as refused:
        canonical_cbor.loads(data)
    assert refused.value.code == "cbor_malformed"
    for signed in (data, b"\xd2\x84" + data, b"\xd2\x84\x40\xa0" + data):
        with pytest.raises(RefusedError):
            cose.payload_of(signed)


def test_bomb_in_the_header_of_a_signature_is_refused() -> None:
    header = tagged(30, ["1e999999999"])
    signed = cbor2.dumps(cbor2.CBORTag(18, [header, {}, b"payload", bytes(64)]), canonical=True)
    with pytest.raises(RefusedError) as refused:
        cose.key_id_of(signed)
    assert refused.value.code == "signature_malformed"


#: Those that cbor2 would do something with.
TAGS = [0, 1, 2, 3, 4, 5, 18, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799]
odd: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.binary(max_size=20),
        st.sampled_from(["", "a", "1e999999999", "((", "2013-01-01T00:00:00Z"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        st.builds(cbor2.CBORTag, st.sampled_from(TAGS), inner),
    ),
    max_leaves=6,
)  # fmt: skip


@given(odd)
def test_whatever_a_library_can_write_is_read_or_refused(value: Any) -> None:
    try:
        data = cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, ValueError, OverflowError):
        return
    try:
        read = canonical_cbor.loads(data)
    except RefusedError:
        return
    assert canonical_cbor.dumps(read) == data


@given(st.binary(max_size=60))
def test_any_bytes_are_the_one_encoding_or_refused(data: bytes) -> None:
    try:
        value = canonical_cbor.loads(data)
    except RefusedError:
        return
    assert canonical_cbor.dumps(value) == data
