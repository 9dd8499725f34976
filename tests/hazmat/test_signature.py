"""Signatures are judged as real clients judge them, also those that two verifiers could see differently."""

from __future__ import annotations

import hashlib

import pytest
import vodozemac
from nacl.bindings import crypto_core_ed25519_add, crypto_scalarmult_ed25519_base_noclamp

from nightlight.errors import RefusedError
from nightlight.hazmat.base64url import encode_standard
from nightlight.hazmat.megolm import MegolmMessage
from tests.hazmat.sender import Sender, client_opens, receiver

ORDER = 2**252 + 27742317777372353535851937790883648493
#: A point of order 8 (https://eprint.iacr.org/2020/1244, table 1).
TORSION = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SECRET, NONCE = 2**200 + 7, 2**201 + 9


def point(scalar: int) -> bytes:
    return crypto_scalarmult_ed25519_base_noclamp((scalar % ORDER).to_bytes(32, "little"))


def sign(public_key: bytes, data: bytes) -> bytes:
    """RFC 8032 §5.1.6, with a public key that need not be the secret's own."""
    r = point(NONCE)
    k = int.from_bytes(hashlib.sha512(r + public_key + data).digest(), "little")
    return r + ((NONCE + k * SECRET) % ORDER).to_bytes(32, "little")


def we_accept(public_key: bytes, message: bytes) -> bool:
    try:
        MegolmMessage.parse(message).verify_signature(public_key)
    except RefusedError:
        return False
    return True


def clients_accept(public_key: bytes, message: bytes) -> bool:
    try:
        key = vodozemac.Ed25519PublicKey.from_base64(encode_standard(public_key))
        key.verify_signature(message[:-64], vodozemac.Ed25519Signature.from_base64(encode_standard(message[-64:])))
    except vodozemac.SignatureException:
        return False
    return True


def test_session_key_of_mixed_order_is_judged_as_real_clients_do() -> None:
    """With such a key one signature in eight is good without the cofactor, and every one with it."""
    public_key = crypto_core_ed25519_add(point(SECRET), TORSION)
    sender = Sender()
    verdicts = []
    for index in range(48):
        body = sender.send(index, b"[abusive message 1]")[:-64]
        message = body + sign(public_key, body)
        assert we_accept(public_key, message) == clients_accept(public_key, message)
        verdicts.append(we_accept(public_key, message))
    assert True in verdicts
    assert False in verdicts


def test_second_form_of_a_signature_is_refused() -> None:
    """s and s + L solve one equation; only the smaller is a signature (RFC 8032 §5.1.7)."""
    sender = Sender()
    message = sender.send(0, b"[abusive message 1]")
    second = (int.from_bytes(message[-32:], "little") + ORDER).to_bytes(32, "little")
    assert we_accept(sender.public_key, message)
    assert not we_accept(sender.public_key, message[:-32] + second)
    assert client_opens(receiver(sender.export_bytes), message[:-32] + second) is None


@pytest.mark.parametrize("part", [slice(-64, -32), slice(-32, None)], ids=["R", "s"])
def test_signature_of_another_message_is_refused(part: slice) -> None:
    sender = Sender()
    message, other = sender.send(0, b"[abusive message 1]"), sender.send(0, b"[abusive message 2]")
    mixed = bytearray(message)
    mixed[part] = other[part]
    assert not we_accept(sender.public_key, bytes(mixed))
