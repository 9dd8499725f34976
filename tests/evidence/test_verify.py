"""What one message says and who sent it is proven, or nothing comes out."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import StoredEvent, check_stored_event
from nightlight.evidence.verify import AmbiguousContentError, VerifiedMessage, verify_message
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.model.verdict import Code
from tests.evidence.homeserver import BOB, MALLORY, ROOM, SENT_AT, build_event, encrypted, payload, unpadded
from tests.hazmat.sender import Sender

TEXT = {"msgtype": "m.text", "body": "[abusive message 1]"}
SENDER = Sender(b"mallory")
OTHER = Sender(b"another session")


def stored(content: dict[str, Any], **changed: Any) -> StoredEvent:
    return check_stored_event(*build_event(content, **changed))


def sent(plaintext: bytes, index: int = 4) -> StoredEvent:
    return stored(encrypted(SENDER.session_id, SENDER.send(index, plaintext)))


def key(index: int = 4) -> bytes:
    return SENDER.export.message_key(index)


def test_what_a_real_client_sent_is_proven() -> None:
    outbound = vodozemac.GroupSession()
    exported = vodozemac.InboundGroupSession(outbound.session_key).export_at(0)
    assert exported is not None
    export = SessionExport.parse(base64url.decode_standard(exported.to_base64()))
    for index in range(3):
        text = {"msgtype": "m.text", "body": f"[abusive message {index}]"}
        event = stored(encrypted(outbound.session_id, outbound.encrypt(payload(text)).to_bytes()))
        message = verify_message(event, export.message_key(index))
        assert (message.event_id, message.room_id, message.sender) == (event.event_id, ROOM, MALLORY)
        assert (message.sent_at, message.type, message.content) == (SENT_AT, "m.room.message", text)
        assert (message.session_id, message.index, message.body) == (outbound.session_id, index, text["body"])


def test_unencrypted_message_is_what_the_homeserver_stored() -> None:
    message = verify_message(stored(TEXT, type="m.room.message"), None)
    assert (message.sender, message.type, message.content) == (MALLORY, "m.room.message", TEXT)
    assert (message.session_id, message.index) == (None, None)


def test_copied_ciphertext_is_attributed_to_the_copier() -> None:
    """The sender is the account whose event the homeserver accepted, whoever wrote the ciphertext first."""
    copied = stored(encrypted(SENDER.session_id, SENDER.send(4, payload(TEXT))), sender=BOB)
    assert verify_message(copied, key()).sender == BOB


def ciphertext(message: bytes, **changed: Any) -> StoredEvent:
    return stored(encrypted(SENDER.session_id, message) | changed)


def redacted() -> StoredEvent:
    event, event_id = build_event(encrypted(SENDER.session_id, SENDER.send(4, payload(TEXT))))
    return check_stored_event({**event, "content": {}}, event_id)


HONEST = SENDER.send(4, payload(TEXT))
REFUSED: dict[str, tuple[Code, StoredEvent, bytes | None]] = {
    "redacted": (Code.EVENT_REDACTED, redacted(), key()),
    "redacted, no key": (Code.EVENT_REDACTED, redacted(), None),
    "no key": (Code.NO_KEY, ciphertext(HONEST), None),
    "key for plain text": (Code.KEY_NOT_NEEDED, stored(TEXT, type="m.room.message"), key()),
    "olm": (Code.UNSUPPORTED_ALGORITHM, ciphertext(HONEST, algorithm="m.olm.v1.curve25519-aes-sha2"), key()),
    "algorithm is no text": (Code.UNSUPPORTED_ALGORITHM, ciphertext(HONEST, algorithm=["m.megolm"]), key()),
    "no ciphertext": (Code.CIPHERTEXT_MALFORMED, ciphertext(HONEST, ciphertext=None), key()),
    "ciphertext is an object": (Code.CIPHERTEXT_MALFORMED, ciphertext(HONEST, ciphertext={"body": "x"}), key()),
    "ciphertext is not base64": (Code.CIPHERTEXT_MALFORMED, ciphertext(HONEST, ciphertext="[abusive]"), key()),
    "ciphertext is not Megolm": (Code.CIPHERTEXT_MALFORMED, ciphertext(b"\x03" + bytes(99)), key()),
    "empty ciphertext": (Code.CIPHERTEXT_MALFORMED, ciphertext(b""), key()),
    "no session id": (Code.CIPHERTEXT_MALFORMED, ciphertext(HONEST, session_id=None), key()),
    "session id swapped": (Code.SIGNATURE_INVALID, ciphertext(HONEST, session_id=OTHER.session_id), key()),
    "session id is no key": (Code.SIGNATURE_INVALID, ciphertext(HONEST, session_id="[abusive]"), key()),
    "session id is empty": (Code.SIGNATURE_INVALID, ciphertext(HONEST, session_id=""), key()),
    "signed by another": (Code.SIGNATURE_INVALID, ciphertext(HONEST[:-64] + OTHER.send(4, b"")[-64:]), key()),
    "key of the message before": (Code.WRONG_KEY, ciphertext(HONEST), key(3)),
    "key of the message after": (Code.WRONG_KEY, ciphertext(HONEST), key(5)),
    "key of another session": (Code.WRONG_KEY, ciphertext(HONEST), OTHER.export.message_key(4)),
    "key cut short": (Code.WRONG_KEY, ciphertext(HONEST), key()[:31]),
    "key with a zero more": (Code.WRONG_KEY, ciphertext(HONEST), key() + b"\x00"),
    "empty key": (Code.WRONG_KEY, ciphertext(HONEST), b""),
    "another message of the session": (Code.WRONG_KEY, ciphertext(SENDER.send(9, payload(TEXT))), key()),
    "for another room": (Code.ROOM_MISMATCH, sent(payload(TEXT, room_id="!other:example.org")), key()),
    "for no room": (Code.ROOM_MISMATCH, sent(payload(TEXT, room_id="")), key()),
}


@pytest.mark.parametrize(("code", "event", "message_key"), REFUSED.values(), ids=REFUSED)
def test_report_is_refused(code: Code, event: StoredEvent, message_key: bytes | None) -> None:
    with pytest.raises(RefusedError) as refused:
        verify_message(event, message_key)
    assert refused.value.code == code


def test_every_code_of_verification_has_its_test() -> None:
    raised_elsewhere = {
        *(Code.OK, Code.NOT_ENCRYPTED, Code.PENDING_VERIFICATION, Code.REPORTER_UNCONFIRMED, Code.EVENT_NOT_FOUND),
        *(Code.EVENT_MALFORMED, Code.EVENT_HASH_MISMATCH),  # test_stored_event.py
        Code.CONTENT_AMBIGUOUS,  # below
    }
    assert {code for code, _, _ in REFUSED.values()} == {*Code} - raised_elsewhere


AMBIGUOUS = {
    "two bodies": b'{"room_id":"%s","type":"m.room.message","content":{"body":"hello","body":"[abusive message 1]"}}',
    "two rooms": b'{"room_id":"!other:example.org","room_id":"%s","type":"m.room.message","content":{}}',
    "not UTF-8": b'{"room_id":"%s","type":"m.room.message","content":{"body":"[abusive message \xff]"}}',
    "byte order mark": b'\xef\xbb\xbf{"room_id":"%s","type":"m.room.message","content":{}}',
    "infinite": b'{"room_id":"%s","type":"m.room.message","content":{"body":1e999}}',
    "half a surrogate pair": b'{"room_id":"%s","type":"m.room.message","content":{"body":"\\ud800"}}',
    "too deep": b'{"room_id":"%s","type":"m.room.message","content":{"a":' + b"[" * 99 + b"]" * 99 + b"}}",
    "text": b"[abusive message 1]",
    "nothing": b"",
    "a string": b'"[abusive message 1]"',
    "a list": b'["%s"]',
    "no room": b'{"type":"m.room.message","content":{"body":"[abusive message 1]"}}',
    "room is a number": b'{"room_id":1,"type":"m.room.message","content":{}}',
    "no type": b'{"room_id":"%s","content":{}}',
    "type is null": b'{"room_id":"%s","type":null,"content":{}}',
    "no content": b'{"room_id":"%s","type":"m.room.message"}',
    "content is text": b'{"room_id":"%s","type":"m.room.message","content":"[abusive message 1]"}',
}


@pytest.mark.parametrize("plaintext", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_malformed_content_is_no_dodge(plaintext: bytes) -> None:
    """The authentic bytes come out for a reviewer to see; no automatic action can rest on them."""
    raw = plaintext.replace(b"%s", ROOM.encode())
    with pytest.raises(AmbiguousContentError) as caught:
        verify_message(sent(raw), key())
    assert caught.value.code == Code.CONTENT_AMBIGUOUS
    assert caught.value.raw == raw


def test_malformed_content_still_needs_its_key() -> None:
    with pytest.raises(RefusedError) as refused:
        verify_message(sent(b"[abusive message 1]"), key(5))
    assert refused.value.code == Code.WRONG_KEY


@given(
    body=st.text(st.characters(codec="utf-8"), max_size=40),
    index=st.integers(0, 2**20),
    event_type=st.text(st.characters(codec="utf-8"), max_size=9),
)
def test_any_text_is_proven_as_it_was_sent(body: str, index: int, event_type: str) -> None:
    plaintext = payload({"body": body}, event_type=event_type)
    message = verify_message(sent(plaintext, index), SENDER.export.message_key(index))
    assert (message.body, message.type, message.index) == (body, event_type, index)


@given(plaintext=st.binary(max_size=60))
def test_any_plaintext_is_a_message_or_refused(plaintext: bytes) -> None:
    with pytest.raises(RefusedError):
        verify_message(sent(plaintext), key())


jsons = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(
    content=st.fixed_dictionaries(
        {"algorithm": st.one_of(st.just("m.megolm.v1.aes-sha2"), jsons)},
        optional={
            "ciphertext": st.one_of(st.just(unpadded(HONEST)), jsons),
            "session_id": st.one_of(st.just(OTHER.session_id), jsons),
        },
    ),
    message_key=st.one_of(st.none(), st.binary(min_size=32, max_size=32), st.binary(max_size=40)),
)
def test_any_event_content_is_refused_by_name(content: dict[str, Any], message_key: bytes | None) -> None:
    try:
        event = stored(content)
    except (RefusedError, UnicodeEncodeError):
        return
    with pytest.raises(RefusedError) as refused:
        verify_message(event, message_key)
    assert Code(refused.value.code)


def proven() -> VerifiedMessage:
    return verify_message(ciphertext(HONEST), key())


def test_reporter_cannot_edit_text() -> None:
    """Another text under the same event id needs another ciphertext, and that has another event id."""
    event, event_id = build_event(encrypted(SENDER.session_id, HONEST))
    forged = Sender(b"bob").send(4, payload({"msgtype": "m.text", "body": "[something worse]"}))
    for content in (encrypted(Sender(b"bob").session_id, forged), encrypted(SENDER.session_id, forged)):
        with pytest.raises(RefusedError) as refused:
            check_stored_event({**event, "content": content}, event_id)
        assert refused.value.code == Code.EVENT_HASH_MISMATCH


def test_reporter_cannot_choose_the_beginning_of_the_text() -> None:
    """With a free choice of the IV the first 16 bytes of CBC could be rewritten; all keys hang on the message key."""
    message = MegolmMessage.parse(HONEST)
    genuine = message.open(key())
    for bit in range(256):
        chosen = (int.from_bytes(key(), "big") ^ 1 << bit).to_bytes(32, "big")
        with pytest.raises(RefusedError):
            message.open(chosen)
    assert json.loads(genuine)["content"] == TEXT


def test_verified_message_cannot_be_made_by_hand() -> None:
    fields = (field.name for field in dataclasses.fields(VerifiedMessage) if not field.name.startswith("_"))
    values = {name: getattr(proven(), name) for name in fields}
    for seal in (None, object(), VerifiedMessage):
        with pytest.raises(TypeError):
            VerifiedMessage(**values, _seal=seal)
    with pytest.raises(TypeError):
        VerifiedMessage(**values)


@pytest.mark.parametrize(
    "change",
    [{"content": {"body": "[something worse]"}}, {"sender": BOB}, {"sent_at": 0}, {"event_id": "$other"}, {}],
    ids=str,
)
def test_verified_message_cannot_be_copied_with_changes(change: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(proven(), **change)


@pytest.mark.parametrize("field", ["content", "sender", "event_id", "room_id", "sent_at", "type"])
def test_verified_message_does_not_change(field: str) -> None:
    with pytest.raises((AttributeError, TypeError)):
        setattr(proven(), field, "other")


def test_printing_a_verified_message_shows_no_text() -> None:
    shown = repr(proven())
    assert "abusive" not in shown
    assert proven().event_id in shown


@pytest.mark.parametrize("body", [None, 5, ["[abusive message 1]"], {"a": 1}])
def test_body_that_is_no_text_reads_as_none(body: object) -> None:
    assert verify_message(sent(payload({"body": body})), key()).body == ""
