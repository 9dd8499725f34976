"""A message that arrives can be reported, however oddly it is written.

A sender who writes a message that real clients show and our reader refuses has dodged every report. Real clients
(vodozemac) read the payload as protobuf and check MAC and signature over their own canonical encoding of it; older
clients (libolm) check the bytes as they came. Both are tried here.
"""

from __future__ import annotations

import pytest
import vodozemac
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat.megolm import MegolmMessage
from tests.hazmat.sender import Sender, ciphertext_field, client_opens, index_field, varint

TEXT = b"[abusive message 1]"
SENDER = Sender()
INDEX = 5
CIPHERTEXT = SENDER.encrypt(INDEX, TEXT)
CIPHER = ciphertext_field(CIPHERTEXT)
CANONICAL = index_field(INDEX) + CIPHER


def we_open(message: bytes) -> tuple[int, bytes] | None:
    try:
        parsed = MegolmMessage.parse(message)
        parsed.verify_signature(SENDER.public_key)
        return parsed.index, parsed.open(SENDER.export.message_key(parsed.index))
    except RefusedError:
        return None


DIALECTS = {
    "canonical": CANONICAL,
    "reordered": CIPHER + index_field(INDEX),
    "index in two bytes": index_field(INDEX, 1) + CIPHER,
    "index in ten bytes": index_field(INDEX, 9) + CIPHER,
    "index plus 2^32": index_field(INDEX + 2**32) + CIPHER,
    "index plus 2^63": index_field(INDEX + 2**63) + CIPHER,
    "length in three bytes": index_field(INDEX) + ciphertext_field(CIPHERTEXT, 2),
    "tag in two bytes": b"\x88\x00" + varint(INDEX) + CIPHER,
    "two indexes": index_field(9) + CANONICAL,
    "two ciphertexts": ciphertext_field(b"x") + CANONICAL,
    "empty ciphertext first": ciphertext_field(b"") + CANONICAL,
    "unknown varint": CANONICAL + b"\x18\x01",
    "unknown 64 bits": CANONICAL + b"\x19" + bytes(8),
    "unknown bytes": CANONICAL + b"\x1a\x03abc",
    "unknown 32 bits": CANONICAL + b"\x1d" + bytes(4),
    "unknown field before": b"\x18\x01" + CANONICAL,
    "largest field number": CANONICAL + varint((2**29 - 1) << 3) + b"\x00",
    "empty group": CANONICAL + b"\x1b\x1c",
    "group with known fields": CANONICAL + b"\x1b\x08\x01\x12\x01a\x1c",
    "group in group": CANONICAL + b"\x1b\x23\x24\x1c",
    "groups 100 deep": CANONICAL + b"\x1b" * 100 + b"\x1c" * 100,
}


@pytest.mark.parametrize("payload", DIALECTS.values(), ids=DIALECTS)
def test_sender_cannot_dodge_a_report_by_an_odd_encoding(payload: bytes) -> None:
    message = SENDER.seal(INDEX, payload, covered=CANONICAL)
    assert client_opens(SENDER.receiver(), message) == (INDEX, TEXT)
    assert we_open(message) == (INDEX, TEXT)


def test_sender_cannot_dodge_a_report_by_leaving_out_index_zero() -> None:
    cipher = ciphertext_field(SENDER.encrypt(0, TEXT))
    message = SENDER.seal(0, cipher, covered=index_field(0) + cipher)
    assert client_opens(SENDER.receiver(), message) == (0, TEXT)
    assert we_open(message) == (0, TEXT)


@pytest.mark.parametrize("name", ["reordered", "index in two bytes", "unknown varint", "unknown bytes"])
def test_what_libolm_shows_can_be_reported(name: str) -> None:
    """libolm passes over unknown varints and byte strings and checks MAC and signature over the bytes as they came."""
    assert we_open(SENDER.seal(INDEX, DIALECTS[name])) == (INDEX, TEXT)


NO_MESSAGE = {
    "nothing": b"",
    "only an index": index_field(INDEX),
    "empty ciphertext": index_field(INDEX) + ciphertext_field(b""),
    "index in eleven bytes": index_field(INDEX, 10) + CIPHER,
    "tenth byte too large": b"\x08\x85" + b"\x80" * 8 + b"\x02" + CIPHER,
    "index as bytes": b"\x0a\x01\x05" + CIPHER,
    "ciphertext as number": index_field(INDEX) + b"\x10\x05",
    "index as group": b"\x0b\x0c" + CANONICAL,
    "ciphertext past the end": index_field(INDEX) + b"\x12\xff\x01" + CIPHERTEXT,
    "length of 2^64-1": index_field(INDEX) + b"\x12" + varint(2**64 - 1) + CIPHERTEXT,
    "field number 0": CANONICAL + b"\x00\x00",
    "field number 2^29": CANONICAL + varint(2**32) + b"\x00",
    "wire type 6": CANONICAL + b"\x1e",
    "wire type 7": CANONICAL + b"\x1f",
    "group without end": CANONICAL + b"\x1b",
    "end without group": CANONICAL + b"\x1c",
    "end of another group": CANONICAL + b"\x1b\x24",
    "groups 102 deep": CANONICAL + b"\x1b" * 102 + b"\x1c" * 102,
    "cut tag": CANONICAL + b"\x98",
    "cut varint": CANONICAL + b"\x18",
    "cut 64 bits": CANONICAL + b"\x19" + bytes(7),
    "cut 32 bits": CANONICAL + b"\x1d" + bytes(3),
}


@pytest.mark.parametrize("covered", [None, CANONICAL], ids=["as it came", "canonical"])
@pytest.mark.parametrize("payload", NO_MESSAGE.values(), ids=NO_MESSAGE)
def test_what_no_client_shows_is_refused(payload: bytes, covered: bytes | None) -> None:
    message = SENDER.seal(INDEX, payload, covered)
    assert client_opens(SENDER.receiver(), message) is None
    assert we_open(message) is None


def test_signature_over_one_form_does_not_fit_the_mac_of_the_other() -> None:
    """MAC over one form and signature over the other: no client opens it, so nobody was shown anything."""
    odd = DIALECTS["unknown varint"]
    literal, canonical = SENDER.seal(INDEX, odd), SENDER.seal(INDEX, odd, covered=CANONICAL)
    for message in (literal[:-64] + canonical[-64:], canonical[:-64] + literal[-64:]):
        assert client_opens(SENDER.receiver(), message) is None
        assert we_open(message) is None


@pytest.mark.parametrize(("version", "mac_bytes"), [(4, 32), (4, 8), (3, 32), (3, 7), (2, 8), (0, 8), (255, 8)])
def test_other_versions_open_nowhere(version: int, mac_bytes: int) -> None:
    message = SENDER.seal(INDEX, CANONICAL, version=version, mac_bytes=mac_bytes)
    assert client_opens(SENDER.receiver(), message) is None
    assert we_open(message) is None


def test_largest_event_content_can_be_reported() -> None:
    """An event measures at most 64 KiB (Matrix, "Size limits"), so its base64 decodes to at most 48 KiB."""
    text = b"x" * 49_000
    assert we_open(SENDER.send(INDEX, text)) == (INDEX, text)


numbers = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))
unknown = st.one_of(
    st.builds(lambda n, v: varint(n << 3) + varint(v), st.integers(3, 2**29 - 1), numbers),
    st.builds(lambda n, b: varint(n << 3 | 2) + varint(len(b)) + b, st.integers(3, 2**29 - 1), st.binary(max_size=9)),
    st.builds(lambda n, b: varint(n << 3 | 1) + b, st.integers(3, 99), st.binary(min_size=8, max_size=8)),
    st.builds(lambda n, b: varint(n << 3 | 5) + b, st.integers(3, 99), st.binary(min_size=4, max_size=4)),
    st.builds(
        lambda n, inner: varint(n << 3 | 3) + inner + varint(n << 3 | 4),
        st.integers(1, 99),
        st.sampled_from([b"", CANONICAL, b"\x2b\x2c", b"\x2b", b"\xff"]),
    ),
)
known = st.one_of(
    st.builds(index_field, st.sampled_from([INDEX, INDEX + 2**32, INDEX + 7 * 2**40]), st.integers(0, 4)),
    st.builds(ciphertext_field, st.just(CIPHERTEXT), st.integers(0, 10)),
)
payloads = st.lists(st.one_of(known, known, unknown, st.binary(max_size=4)), max_size=6).map(b"".join)


@settings(max_examples=400)
@given(payload=payloads, literal=st.booleans(), lie=st.booleans())
@example(payload=CANONICAL, literal=True, lie=True)
def test_we_open_what_clients_open_and_nothing_unauthenticated(payload: bytes, literal: bool, lie: bool) -> None:
    covered = payload
    if not literal:
        try:
            parsed = vodozemac.MegolmMessage.from_bytes(b"\x03" + payload + bytes(72))
            covered = parsed.to_bytes()[1:-72]
        except vodozemac.DecodeException:
            pass
    if lie:
        covered += b"\x00"
    message = SENDER.seal(INDEX, payload, covered)
    client, ours = client_opens(SENDER.receiver(), message), we_open(message)
    if client is not None:
        assert ours == client, "a dodge: the client shows this message and we refuse it"
    if ours is not None:
        assert not lie, "neither form of the message was authenticated"
        assert ours == (INDEX, TEXT)
        assert client is not None or literal, "opened, but neither form was authenticated"
