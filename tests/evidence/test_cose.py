"""COSE_Sign1 read strictly: one key, one algorithm, one purpose, one spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence import cose
from tests.bundles import key, public

PURPOSE = "application/vnd.nightlight.test"
SIGNED = cose.sign(b"what is signed", key("operator"), PURPOSE)
DETACHED = cose.sign(b"what is signed", key("operator"), PURPOSE, detached=True)
KEYS = {cose.key_id(public("operator")): public("operator")}


def code_of(data: bytes, keys: dict[bytes, bytes] = KEYS, purpose: str = PURPOSE, **more: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        cose.open_signed(data, keys, purpose, **more)
    return refused.value.code


def bent(change: Callable[[list[Any]], None]) -> bytes:
    """With ``change`` to the four parts: protected header, unprotected header, payload, signature."""
    parts = cbor2.loads(SIGNED).value
    change(parts)
    return cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True)


def header(**changes: Any) -> Callable[[list[Any]], None]:
    names = {"algorithm": 1, "critical": 2, "content_type": 3, "key_id": 4}

    def change(parts: list[Any]) -> None:
        fields = cbor2.loads(parts[0]) | {names[name]: value for name, value in changes.items()}
        parts[0] = cbor2.dumps(fields, canonical=True)

    return change


def test_what_was_signed_comes_out_with_its_key() -> None:
    assert cose.open_signed(SIGNED, KEYS, PURPOSE) == cose.Signed(b"what is signed", public("operator"))
    opened = cose.open_signed(DETACHED, KEYS, PURPOSE, detached_payload=b"what is signed")
    assert opened.payload == b"what is signed"


@pytest.mark.parametrize("algorithm", [-7, -37, 5, 0, None, "EdDSA"])
def test_algorithm_cannot_be_exchanged(algorithm: object) -> None:
    """ES256, PS256, HMAC 256/256 and what is none."""
    assert code_of(bent(header(algorithm=algorithm))) == "signature_malformed"


def test_signature_for_one_purpose_is_none_for_another() -> None:
    assert code_of(SIGNED, purpose="application/vnd.nightlight.other") == "signature_malformed"
    assert code_of(bent(header(content_type="application/vnd.nightlight.other"))) == "signature_malformed"


def test_unknown_key_id_and_anothers_key_are_refused() -> None:
    stranger = public("stranger")
    assert code_of(SIGNED, {cose.key_id(stranger): stranger}) == "signature_unknown_key"
    assert code_of(SIGNED, {cose.key_id(public("operator")): stranger}) == "signature_wrong"
    assert code_of(bent(header(key_id=5))) == "signature_unknown_key"


def test_nothing_is_read_from_a_header_that_nobody_signed() -> None:
    assert code_of(bent(lambda parts: parts[1].update({4: cose.key_id(public("operator"))}))) == "signature_malformed"


def test_header_that_must_be_understood_is_refused() -> None:
    assert code_of(bent(header(critical=[99]))) == "signature_malformed"


def test_payload_is_where_it_should_be() -> None:
    assert code_of(DETACHED) == "signature_malformed"
    assert code_of(SIGNED, detached_payload=b"what is signed") == "signature_malformed"
    assert code_of(DETACHED, detached_payload=b"something else") == "signature_wrong"
    with pytest.raises(RefusedError):
        cose.payload_of(DETACHED)


@pytest.mark.parametrize("tag", [None, 16, 17, 61, 96, 97, 98])
def test_other_kinds_of_cose_are_refused(tag: int | None) -> None:
    """Without a tag, encrypted, with a MAC, as a CWT, for several recipients or by several signers."""
    parts = cbor2.loads(SIGNED).value
    value = parts if tag is None else cbor2.CBORTag(tag, parts)
    assert code_of(cbor2.dumps(value, canonical=True)) == "signature_malformed"


@pytest.mark.parametrize("parts", [[], [b"", {}, b""], [b"", {}, b"", b"", b""], [5, {}, b"", b""], [b"", {}, b"", 5]])
def test_another_number_or_kind_of_parts_is_refused(parts: list[Any]) -> None:
    assert code_of(cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True)) == "signature_malformed"


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, change: int) -> None:
    data = bytearray(SIGNED)
    data[at] ^= change
    assert code_of(bytes(data)).startswith("signature_")
