"""Nobody, the homeserver's operator included, puts other words under an event id."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import StoredEvent, check_stored_event
from nightlight.model.verdict import Code
from tests.evidence.homeserver import (
    BOB,
    MALLORY,
    ROOM,
    SENT_AT,
    build_event,
    canonical,
    event_id_of,
    hashed,
    sha256,
    unpadded,
)

CONTENT = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "BBBB"}
VERSIONS = [3, 4, 6, 10, 11, 12]


def code_of(event: Any, event_id: str) -> str:
    with pytest.raises(RefusedError) as refused:
        check_stored_event(event, event_id)
    return refused.value.code


def redacted(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "content": {}}


@pytest.mark.parametrize("room_version", VERSIONS)
def test_stored_event_says_what_was_sent(room_version: int) -> None:
    event, event_id = build_event(CONTENT, room_version=room_version)
    stored = check_stored_event(event, event_id)
    kept = {key: value for key, value in event.items() if key != "unsigned"}
    assert stored == StoredEvent(
        event_id,
        ROOM,
        MALLORY,
        "m.room.encrypted",
        SENT_AT,
        CONTENT,
        canonical(kept),
        redacted=False,
        depth=event["depth"],
    )
    assert stored.encrypted
    assert stored.sha256 == sha256(kept)


@pytest.mark.parametrize("room_version", VERSIONS)
def test_preserved_bytes_are_the_event_itself(room_version: int) -> None:
    event, event_id = build_event(CONTENT, room_version=room_version)
    stored = check_stored_event(event, event_id)
    assert check_stored_event(json.loads(stored.encoded), event_id) == stored


CHANGES: dict[str, Any] = {
    "sender": BOB,
    "room_id": "!other:example.org",
    "type": "m.room.message",
    "origin_server_ts": SENT_AT + 1,
    "depth": 13,
    "prev_events": ["$other"],
    "auth_events": ["$create"],
    "content": {**CONTENT, "ciphertext": "AAAB"},
    "hashes": {"sha256": "A" * 43},
    "state_key": "",
    "membership": "join",
    "origin": "evil.example.org",
    "prev_state": [],
    "extra": 1,
}


@pytest.mark.parametrize("room_version", VERSIONS)
@pytest.mark.parametrize("field", CHANGES)
def test_operator_cannot_change(field: str, room_version: int) -> None:
    event, event_id = build_event(CONTENT, room_version=room_version)
    assert code_of({**event, field: CHANGES[field]}, event_id) in {Code.EVENT_HASH_MISMATCH, Code.EVENT_MALFORMED}


@pytest.mark.parametrize("room_version", VERSIONS)
@pytest.mark.parametrize("field", sorted({*CHANGES} - {"hashes", "state_key"}))
def test_operator_cannot_change_and_hash_anew(field: str, room_version: int) -> None:
    """A new content hash changes the reference hash, and that is the event id."""
    event, event_id = build_event(CONTENT, room_version=room_version)
    assert code_of(hashed({**event, field: CHANGES[field]}), event_id) == Code.EVENT_HASH_MISMATCH


@pytest.mark.parametrize("room_version", VERSIONS)
@pytest.mark.parametrize("field", ["sender", "room_id", "type", "origin_server_ts", "depth", "prev_events", "hashes"])
def test_operator_cannot_leave_out(field: str, room_version: int) -> None:
    event, event_id = build_event(CONTENT, room_version=room_version)
    del event[field]
    assert code_of(event, event_id) in {Code.EVENT_HASH_MISMATCH, Code.EVENT_MALFORMED}


words = st.text(st.characters(codec="utf-8"), max_size=8)
jsons = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=8,
)


@given(content=st.dictionaries(words, jsons, max_size=4), version=st.sampled_from(VERSIONS), data=st.data())
def test_any_content_fits_its_id_and_any_edit_does_not(
    content: dict[str, Any], version: int, data: st.DataObject
) -> None:
    event, event_id = build_event({**content, "ciphertext": "AAAA"}, room_version=version)
    assert check_stored_event(event, event_id).content == event["content"]
    edited = copy.deepcopy(event)
    field = data.draw(st.sampled_from(sorted({*event} - {"unsigned", "signatures"})))
    if field == "content":
        edited["content"][data.draw(words)] = data.draw(jsons)
    else:
        edited[field] = data.draw(jsons)
    if canonical(edited) == canonical(event):
        return
    assert code_of(edited, event_id) in {Code.EVENT_HASH_MISMATCH, Code.EVENT_MALFORMED}


@given(event=st.dictionaries(st.sampled_from([*CHANGES, "unsigned"]), jsons), event_id=words)
def test_any_json_is_refused(event: dict[str, Any], event_id: str) -> None:
    code_of(event, event_id)


def test_what_the_server_notes_for_itself_changes_nothing() -> None:
    event, event_id = build_event(CONTENT)
    stored = check_stored_event(event, event_id)
    for noted in ({"unsigned": {"age": 1}}, {"unsigned": {}, "age_ts": 5}, {"event_id": event_id}, {"event_id": "$x"}):
        assert check_stored_event({**event, **noted}, event_id) == stored


@pytest.mark.parametrize("other", ["", "$", "$AAAA", "$" + "A" * 43, "$" + "ä" * 43, "$\ud800", "no id at all"])
def test_event_under_another_id_is_refused(other: str) -> None:
    event, _ = build_event(CONTENT)
    assert code_of(event, other) in {Code.EVENT_HASH_MISMATCH, Code.EVENT_MALFORMED}


def test_event_id_of_another_room_version_is_refused() -> None:
    event, _ = build_event(CONTENT, membership="join")
    for version in (4, 11):
        check_stored_event(event, event_id_of(event, version))
    only_content_differs = {**event, "content": {}}
    assert sha256(only_content_differs) != sha256(event)
    assert code_of(event, "$" + unpadded(sha256(event))) == Code.EVENT_HASH_MISMATCH


@pytest.mark.parametrize("room_version", VERSIONS)
@pytest.mark.parametrize("event_type", ["m.room.encrypted", "m.room.message"])
def test_redacted_event_is_recognised(event_type: str, room_version: int) -> None:
    event, event_id = build_event(CONTENT, type=event_type, room_version=room_version)
    stored = check_stored_event(redacted(event), event_id)
    assert stored.redacted
    assert stored.content == {}
    assert (stored.sender, stored.room_id, stored.sent_at) == (MALLORY, ROOM, SENT_AT)


@pytest.mark.parametrize("room_version", VERSIONS)
@pytest.mark.parametrize(
    "foreign",
    [
        {"ciphertext": "AAAB"},
        {"body": "[abusive message 1]"},
        {"msgtype": "m.image", "url": "mxc://example.org/shape"},
        {"formatted_body": "[abusive message 1]"},
        {"m.new_content": {"body": "[abusive message 1]"}},
        {"": None},
    ],
    ids=lambda content: next(iter(content)),
)
def test_operator_cannot_fill_a_redacted_event(foreign: dict[str, Any], room_version: int) -> None:
    """Redaction leaves the content of a message empty, so anything in it was put there later."""
    event, event_id = build_event(CONTENT, room_version=room_version)
    assert code_of({**event, "content": foreign}, event_id) == Code.EVENT_HASH_MISMATCH


@pytest.mark.parametrize(
    "change",
    [
        {"type": "m.room.member"},
        {"type": "m.room.topic"},
        {"type": "M.ROOM.MESSAGE"},
        {"type": None},
        {"state_key": ""},
        {"state_key": MALLORY},
        {"content": None},
        {"content": []},
        {"content": "[abusive message 1]"},
        {"sender": None},
        {"sender": 5},
        {"room_id": None},
        {"room_id": [ROOM]},
        {"origin_server_ts": True},
        {"origin_server_ts": 1.5},
        {"origin_server_ts": "1700000000000"},
        {"origin_server_ts": None},
    ],
    ids=str,
)
def test_what_is_no_message_event_is_refused(change: dict[str, Any]) -> None:
    event = hashed({**build_event(CONTENT)[0], **change})
    assert code_of(event, event_id_of(event, 11)) == Code.EVENT_MALFORMED


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", b"bytes", {1, 2}], ids=repr)
def test_what_is_not_json_is_refused(value: object) -> None:
    event, event_id = build_event(CONTENT)
    for place in ({**event, "content": {**CONTENT, "x": value}}, {**event, "depth": value}):
        assert code_of(place, event_id) == Code.EVENT_MALFORMED


def test_endless_nesting_is_refused() -> None:
    event, event_id = build_event(CONTENT)
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    assert code_of({**event, "depth": nested}, event_id) == Code.EVENT_MALFORMED


def test_event_of_room_version_1_keeps_its_name_and_its_content_hash() -> None:
    event, _ = build_event(CONTENT, event_id="$named:example.org")
    stored = check_stored_event(event, "$named:example.org")
    assert stored.event_id == "$named:example.org"
    assert not stored.redacted
    assert code_of({**event, "event_id": "$other:example.org"}, "$named:example.org") == Code.EVENT_HASH_MISMATCH
    assert code_of({**event, "sender": BOB}, "$named:example.org") == Code.EVENT_HASH_MISMATCH
    assert code_of({k: v for k, v in event.items() if k != "event_id"}, "$named:example.org")


@pytest.mark.parametrize(
    "claimed", [None, 5, [], {}, "", {"sha256": None}, {"sha256": 5}, {"md5": "x"}, {"sha256": "ä"}]
)
def test_content_without_a_hash_is_refused(claimed: object) -> None:
    event, _ = build_event(CONTENT)
    event["hashes"] = claimed
    assert code_of(event, event_id_of(event, 11)) == Code.EVENT_HASH_MISMATCH
