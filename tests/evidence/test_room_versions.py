"""Synapse is the oracle: in every room version it knows, our hash rules say what its hash rules say."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS, EventFormatVersions
from synapse.crypto.event_signing import check_event_content_hash, compute_content_hash
from synapse.events import make_event_from_dict
from synapse.events.utils import prune_event

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import check_stored_event
from nightlight.model.verdict import Code
from tests.evidence.homeserver import MALLORY, ROOM, SENT_AT, unpadded

VERSIONS = sorted(KNOWN_ROOM_VERSIONS)
CONTENT = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "BBBB"}


def pdu(version: str, **changed: Any) -> dict[str, Any]:
    """An event before it is hashed, in the format of this room version."""
    event: dict[str, Any] = {
        "type": "m.room.encrypted",
        "room_id": ROOM,
        "sender": MALLORY,
        "content": CONTENT,
        "origin_server_ts": SENT_AT,
        "depth": 12,
        "prev_events": ["$before"],
        "auth_events": ["$create"],
        "signatures": {},
        "unsigned": {},
    }
    if named(version):
        event |= {"event_id": "$named:example.org"}
        event |= {kind: [["$e:example.org", {"sha256": "AAAA"}]] for kind in ("prev_events", "auth_events")}
    return event | changed


def named(version: str) -> bool:
    return bool(KNOWN_ROOM_VERSIONS[version].event_format == EventFormatVersions.ROOM_V1_V2)


def stored_by_synapse(version: str, event: dict[str, Any]) -> Any:
    name, digest = compute_content_hash(event, hashlib.sha256)
    made = make_event_from_dict(
        event | {"hashes": {name: unpadded(digest), **event.get("hashes", {})}}, KNOWN_ROOM_VERSIONS[version]
    )
    assert check_event_content_hash(made)
    return made


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("event_type", ["m.room.encrypted", "m.room.message"])
def test_event_of_every_room_version_fits_its_id(event_type: str, version: str) -> None:
    made = stored_by_synapse(version, pdu(version, type=event_type))
    stored = check_stored_event(made.get_pdu_json(), made.event_id)
    assert not stored.redacted
    assert (stored.sender, stored.content) == (MALLORY, CONTENT)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("event_type", ["m.room.encrypted", "m.room.message"])
def test_what_synapse_redacts_is_seen_as_redacted(event_type: str, version: str) -> None:
    extra = {"membership": "join", "origin": "example.org", "prev_state": [], "redacts": "$x", "other": 1}
    made = stored_by_synapse(version, pdu(version, type=event_type, **extra))
    pruned = prune_event(made)
    assert pruned.event_id == made.event_id
    stored = check_stored_event(pruned.get_pdu_json(), made.event_id)
    assert stored.redacted
    assert not stored.content


#: What a homeserver that federates may write, and Synapse stores and shows.
ODD_BUT_ACCEPTED: dict[str, dict[str, Any]] = {
    "extra keys": {"membership": "join", "origin": "example.org", "prev_state": [], "redacts": "$x", "other": 1},
    "age_ts": {"age_ts": 5},
    "outlier": {"outlier": True},
    "destinations": {"destinations": ["example.org"]},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("extra", ODD_BUT_ACCEPTED.values(), ids=ODD_BUT_ACCEPTED)
def test_homeserver_cannot_dodge_reports_with_keys_that_synapse_passes_over(
    extra: dict[str, Any], version: str
) -> None:
    made = stored_by_synapse(version, pdu(version, **extra))
    assert not check_stored_event(made.get_pdu_json(), made.event_id).redacted


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("spelling", ["unpadded", "padded", "urlsafe"])
def test_homeserver_cannot_dodge_reports_with_another_spelling_of_the_hash(spelling: str, version: str) -> None:
    # A content whose hash shows both odd characters of the alphabet.
    for number in range(10_000):
        event = pdu(version, content=CONTENT | {"number": number})
        text = unpadded(compute_content_hash(event, hashlib.sha256)[1])
        if "+" in text and "/" in text:
            break
    spelled = {"unpadded": text, "padded": text + "=", "urlsafe": text.replace("+", "-").replace("/", "_")}
    made = stored_by_synapse(version, event | {"hashes": {"sha256": spelled[spelling]}})
    assert not check_stored_event(made.get_pdu_json(), made.event_id).redacted


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
jsons = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    version=st.sampled_from(VERSIONS),
    content=st.dictionaries(words, jsons, max_size=3),
    extra=st.dictionaries(st.sampled_from(["membership", "origin", "prev_state", "redacts", "x", "🌙"]), jsons),
    depth=st.integers(0, 2**53 - 1),
)
def test_whatever_synapse_hashes_we_hash_alike(
    version: str, content: dict[str, Any], extra: dict[str, Any], depth: int
) -> None:
    content = {**content, "ciphertext": "AAAA"}
    made = stored_by_synapse(version, pdu(version, content=content, depth=depth, **extra))
    raw = made.get_pdu_json()
    assert not check_stored_event(raw, made.event_id).redacted
    for field, value in (("sender", "@bob:example.org"), ("depth", depth + 1), ("content", {**content, "body": "no"})):
        edited = raw | {field: value}
        if edited != raw:
            with pytest.raises(RefusedError) as refused:
                check_stored_event(edited, made.event_id)
            assert refused.value.code == Code.EVENT_HASH_MISMATCH


@pytest.mark.parametrize("version", ["3", "4", "5"])
@pytest.mark.parametrize("number", [1.5, 1e22, -0.0, 1e-7, 2**70])
def test_numbers_that_old_rooms_allow_are_no_dodge(number: float, version: str) -> None:
    """Before room version 6 canonical JSON was not enforced, so senders may write floats and large integers."""
    made = stored_by_synapse(version, pdu(version, content=CONTENT | {"number": number}))
    assert not check_stored_event(made.get_pdu_json(), made.event_id).redacted
