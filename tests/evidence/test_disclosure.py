"""What leaves the reporter's device opens the reported message and no other."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from nightlight.errors import RefusedError
from nightlight.evidence.disclosure import disclose
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import verify_message
from nightlight.model.report import Disclosure
from nightlight.model.verdict import Code
from tests.evidence.homeserver import ROOM, build_event, encrypted, payload
from tests.hazmat.sender import Sender

SENDER = Sender()


def text(number: int) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": f"[abusive message {number}]"}


def message(number: int) -> dict[str, Any]:
    return encrypted(SENDER.session_id, SENDER.send(number, payload(text(number))))


def test_disclosure_opens_the_reported_message_and_no_other() -> None:
    events = [check_stored_event(*build_event(message(number))) for number in range(6)]
    for reported in events:
        disclosure, opened = disclose(reported.event_id, ROOM, reported.content, SENDER.export)
        key = disclosure.message_key
        assert opened.payload["content"] == verify_message(reported, key).content
        for other in events:
            if other is not reported:
                with pytest.raises(RefusedError) as refused:
                    verify_message(other, key)
                assert refused.value.code == Code.WRONG_KEY


def test_disclosure_holds_nothing_of_the_session() -> None:
    disclosure, _ = disclose("$e", ROOM, message(3), SENDER.export)
    assert disclosure == Disclosure("$e", SENDER.export.message_key(3))
    assert disclosure.message_key is not None
    assert len(disclosure.message_key) == 32
    assert disclosure.message_key not in SENDER.export.at(3).ratchet


def test_reporter_sees_what_will_be_opened() -> None:
    _, opened = disclose("$e", ROOM, message(3), SENDER.export)
    assert (opened.payload["content"], opened.session_id, opened.index) == (text(3), SENDER.session_id, 3)


def test_export_that_starts_at_the_message_is_enough() -> None:
    late = SENDER.export.at(3)
    assert disclose("$e", ROOM, message(3), late)[0] == disclose("$e", ROOM, message(3), SENDER.export)[0]


@pytest.mark.parametrize(
    ("room_id", "content", "export", "code"),
    [
        (ROOM, message(3), Sender(b"other").export, "other_session"),
        (ROOM, message(3), SENDER.export.at(4), "key_too_late"),
        ("!other:example.org", message(3), SENDER.export, Code.ROOM_MISMATCH),
        (ROOM, {**message(3), "algorithm": "m.olm.v1"}, SENDER.export, Code.UNSUPPORTED_ALGORITHM),
        (ROOM, {**message(3), "ciphertext": "AAAA"}, SENDER.export, Code.CIPHERTEXT_MALFORMED),
        (ROOM, {"body": "[abusive message 1]"}, SENDER.export, Code.UNSUPPORTED_ALGORITHM),
        (ROOM, {}, SENDER.export, Code.UNSUPPORTED_ALGORITHM),
    ],
)
def test_disclosure_is_refused(room_id: str, content: dict[str, Any], export: Any, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        disclose("$e", room_id, content, export)
    assert refused.value.code == code


def test_wrong_export_under_the_right_session_id_discloses_nothing() -> None:
    """A damaged ratchet value makes a key that opens nothing; the reporter learns it before anything is sent."""
    damaged = SENDER.export_bytes[:5] + bytes(128) + SENDER.public_key
    with pytest.raises(RefusedError) as refused:
        disclose("$e", ROOM, message(3), type(SENDER.export).parse(damaged))
    assert refused.value.code == Code.WRONG_KEY


def test_malformed_message_can_still_be_reported() -> None:
    content = encrypted(SENDER.session_id, SENDER.send(3, b"[abusive message 1]"))
    disclosure, opened = disclose("$e", ROOM, content, SENDER.export)
    assert disclosure.message_key == SENDER.export.message_key(3)
    assert opened.raw == b"[abusive message 1]"
    assert opened.payload["content"]["body"] == "[abusive message 1]"


def test_dictionary_attack_on_a_message_key_or_a_preserved_event_fails_where_a_bare_hash_falls() -> None:
    """MSC4382 would frank with SHA-256(plaintext ‖ ciphertext hash), with no key: whoever guesses the text knows it.

    What we keep and log of a message is its ciphertext, the hash of that, and a key that no text leads to.
    """
    event = check_stored_event(*build_event(message(3)))
    disclosure, opened = disclose(event.event_id, ROOM, event.content, SENDER.export)
    assert disclosure.message_key is not None
    ciphertext_hash = hashlib.sha256(event.content["ciphertext"].encode()).digest()
    guesses = [payload(text(number)) for number in range(10)]

    bare = hashlib.sha256(opened.raw + ciphertext_hash).digest()
    assert [hashlib.sha256(guess + ciphertext_hash).digest() == bare for guess in guesses].count(True) == 1

    known = {disclosure.message_key, event.sha256, ciphertext_hash}
    keyless = [bytes(32), event.sha256, ciphertext_hash, b""]
    for guess in guesses:
        tried = {hashlib.sha256(part + guess).digest() for part in keyless}
        tried |= {hashlib.sha256(guess + part).digest() for part in keyless}
        tried |= {hmac.digest(part or b"\x00", guess, "sha256") for part in keyless}
        assert not tried & known
