"""One message key opens one message."""

from __future__ import annotations

import hashlib
import hmac

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from tests.hazmat.sender import Sender, ciphertext_field, client_opens, index_field

TEXT = b"[abusive message 1]"


def opened(message: bytes, public_key: bytes, key: bytes) -> bytes:
    parsed = MegolmMessage.parse(message)
    parsed.verify_signature(public_key)
    return parsed.open(key)


def refusal(message: bytes, public_key: bytes, key: bytes) -> str:
    with pytest.raises(RefusedError) as refused:
        opened(message, public_key, key)
    return refused.value.code


def test_message_key_opens_what_a_real_client_wrote() -> None:
    outbound = vodozemac.GroupSession()
    inbound = vodozemac.InboundGroupSession(outbound.session_key)
    exported = inbound.export_at(0)
    assert exported is not None
    export = SessionExport.parse(base64url.decode_standard(exported.to_base64()))
    for index in range(300):
        text = f"[abusive message {index}]".encode()
        message = outbound.encrypt(text).to_bytes()
        assert opened(message, export.public_key, export.message_key(index)) == text


@given(
    index=st.one_of(st.integers(0, 70_000), st.integers(0, 2**32 - 1)),
    text=st.binary(max_size=200),
)
def test_message_key_opens_exactly_what_a_real_client_opens(index: int, text: bytes) -> None:
    sender = Sender()
    message = sender.send(index, text)
    parsed = MegolmMessage.parse(message)
    assert client_opens(sender.receiver(), message) == (parsed.index, text)
    assert opened(message, sender.public_key, sender.export.message_key(index)) == text


@pytest.mark.parametrize("index", [1, 255, 256, 257, 65_536, 2**24])
def test_message_key_opens_no_other_message(index: int) -> None:
    sender = Sender()
    message = sender.send(index, TEXT)
    for other in (0, index - 1, index + 1, index + 256):
        assert refusal(message, sender.public_key, sender.export.message_key(other)) == "wrong_key"


def test_message_key_is_not_a_part_of_the_ratchet() -> None:
    """Whoever holds the key of one message holds no input to the next one's."""
    sender = Sender()
    key = sender.export.message_key(5)
    assert key == hmac.new(bytes(32), sender.export.at(5).ratchet, hashlib.sha256).digest()
    assert key not in sender.export.at(5).ratchet + sender.export.at(6).ratchet


@given(bit=st.integers(0, 255))
def test_one_wrong_bit_in_the_key_opens_nothing(bit: int) -> None:
    sender = Sender()
    key = bytearray(sender.export.message_key(3))
    key[bit // 8] ^= 1 << bit % 8
    assert refusal(sender.send(3, TEXT), sender.public_key, bytes(key)) == "wrong_key"


def test_one_wrong_bit_in_the_message_opens_nothing() -> None:
    sender = Sender()
    message, key = sender.send(3, TEXT), sender.export.message_key(3)
    for bit in range(8 * len(message)):
        edited = bytearray(message)
        edited[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(edited), sender.public_key, key) in {"ciphertext_malformed", "signature_invalid"}


def test_one_wrong_bit_in_mac_or_ciphertext_is_found_without_the_signature() -> None:
    """The MAC stands on its own: a sender who signs anything still cannot say two things with one message."""
    sender = Sender()
    message, key = sender.send(3, TEXT), sender.export.message_key(3)
    for bit in range(8 * 5, 8 * (len(message) - 64)):
        edited = bytearray(message)
        edited[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RefusedError) as refused:
            MegolmMessage.parse(bytes(edited)).open(key)
        assert refused.value.code == "wrong_key"


def test_every_shorter_and_longer_message_is_refused() -> None:
    sender = Sender()
    message, key = sender.send(3, TEXT), sender.export.message_key(3)
    for length in range(len(message)):
        refusal(message[:length], sender.public_key, key)
    refusal(message + b"\x00", sender.public_key, key)
    refusal(message + message, sender.public_key, key)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64, 128])
def test_message_key_of_another_length_is_refused(length: int) -> None:
    sender = Sender()
    key = (sender.export.message_key(3) + bytes(128))[:length]
    assert refusal(sender.send(3, TEXT), sender.public_key, key) == "wrong_key"


def test_signature_of_another_session_is_refused() -> None:
    mallory, bob = Sender(b"mallory"), Sender(b"bob")
    message = mallory.send(0, TEXT)
    assert refusal(message, bob.public_key, mallory.export.message_key(0)) == "signature_invalid"


@pytest.mark.parametrize("public_key", [b"", bytes(31), bytes(33), b"\xff" * 32])
def test_signature_under_a_key_that_is_none_is_refused(public_key: bytes) -> None:
    assert refusal(Sender().send(0, TEXT), public_key, Sender().export.message_key(0)) == "signature_invalid"


@pytest.mark.parametrize(
    "padding",
    [bytes(13), b"\x01" + b"\x0d" * 12, b"\x11" * 13, b"\x0e" * 13],
    ids=["zeros", "odd first", "seventeen", "into the text"],
)
def test_bad_padding_is_refused_as_real_clients_do(padding: bytes) -> None:
    sender = Sender()
    ciphertext = sender.encrypt(1, b"abc", padding)
    message = sender.seal(1, index_field(1) + ciphertext_field(ciphertext))
    assert client_opens(sender.receiver(), message) is None
    assert refusal(message, sender.public_key, sender.export.message_key(1)) == "ciphertext_malformed"


@pytest.mark.parametrize("cut", [1, 8, 15])
def test_half_a_block_is_refused(cut: int) -> None:
    sender = Sender()
    message = sender.seal(1, index_field(1) + ciphertext_field(sender.encrypt(1, TEXT)[:-cut]))
    assert refusal(message, sender.public_key, sender.export.message_key(1)) == "ciphertext_malformed"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for candidate in (data, b"\x03" + data, b"\x03\x08\x01\x12\x10" + data):
        with pytest.raises(RefusedError):
            opened(candidate, Sender().public_key, bytes(32))


@pytest.mark.parametrize("export_first", [0, 3])
def test_export_from_the_middle_gives_the_same_key(export_first: int) -> None:
    sender = Sender()
    export = sender.export.at(export_first)
    assert opened(sender.send(3, TEXT), sender.public_key, export.message_key(3)) == TEXT
