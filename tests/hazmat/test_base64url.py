"""One text for one value: nobody can hand in the same key in two spellings."""

from __future__ import annotations

import base64
import string

import pytest
import vodozemac
from hypothesis import example, given
from hypothesis import strategies as st

from nightlight.hazmat.base64url import decode_standard, decode_urlsafe, encode_standard, encode_urlsafe
from tests.hazmat.sender import Sender


@given(st.binary(max_size=100))
def test_what_is_encoded_reads_back(data: bytes) -> None:
    assert decode_urlsafe(encode_urlsafe(data)) == data
    assert decode_standard(encode_standard(data)) == data
    assert decode_standard(base64.b64encode(data).decode()) == data
    assert encode_urlsafe(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(st.text(st.sampled_from(string.ascii_letters + string.digits + "+/-_= \n\x00é\ud800"), max_size=12))
@example("")
def test_urlsafe_has_one_spelling_for_a_value(text: str) -> None:
    try:
        data = decode_urlsafe(text)
    except ValueError:
        return
    assert encode_urlsafe(data) == text


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AB", "AAB", "AA==", "A A", "AA\n", "+A", "/A", "AÄ", "ＡＡ", "\ud800A"]
)
def test_urlsafe_refuses(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode_urlsafe(text)


@pytest.mark.parametrize("text", ["A", "AAAAA", "AB", "AAB", "A A", "AA\n", "\nAA", "-A", "_A", "A=A", "AÄ", "\ud800A"])
def test_standard_refuses(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode_standard(text)


@pytest.mark.parametrize("length", [0, 16, 32], ids=["two over", "none over", "one over"])
def test_what_real_clients_decode_we_decode(length: int) -> None:
    """A ciphertext that a client reads and we refuse would be a dodge: padding, odd last characters, blanks."""
    sender = Sender()
    honest = encode_standard(sender.send(300, bytes(length)))
    read = 0
    for tail in ("", "=", "==", "===", "====", " ", "\n", "A", "AA", "AAA", "-", "_", "\x00"):
        for last in {honest[-1], *"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"}:
            text = honest[:-1] + last + tail
            try:
                decoded = vodozemac.MegolmMessage.from_base64(text).to_bytes()
            except vodozemac.DecodeException:
                continue
            read += 1
            assert decode_standard(text)[-64:] == decoded[-64:]
    assert read >= 2
