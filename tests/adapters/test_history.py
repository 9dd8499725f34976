"""Room history from Synapse: what people wrote stays at the door, and nothing that strangers send stops the stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.adapters.matrix.history import History, registration
from nightlight.model.event import Event, EventKind, RoomHistory

NOW = 1_790_000_000_000
HOME = "home.test"
KIM, SAM, JO, FAR = f"@kim:{HOME}", f"@sam:{HOME}", f"@jo:{HOME}", "@far:away.test"
ROOM = "!room"


def entry(kind: str, sender: str, content: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "event_id": "$event",
        "room_id": ROOM,
        "sender": sender,
        "origin_server_ts": NOW - 1_000,
        "content": content or {},
        **more,
    }


def member(
    sender: str, account: str, now: str, before: str = "", by: str = "", *, direct: bool = False, **more: Any
) -> dict[str, Any]:
    """``account`` is now ``now``; before, ``by`` had made it ``before``."""
    content: dict[str, Any] = {"membership": now, "displayname": "[a name]", "reason": "[a reason]"}
    previous: dict[str, Any] = {"membership": before}
    (content if now == "invite" else previous)["is_direct"] = direct
    unsigned = {"replaces_state": "$before", "prev_content": previous, "prev_sender": by or account} if before else {}
    return entry("m.room.member", sender, content, state_key=account, unsigned=unsigned, **more)


def translated(*raw: object) -> RoomHistory:
    return History(HOME).translate(raw, NOW)


def said(*raw: object) -> list[tuple[str, str, str]]:
    history = translated(*raw)
    assert history.lost == 0
    return [(event.kind.value, event.actor, event.target) for event in history.events]


def one(raw: object) -> Event:
    (event,) = translated(raw).events
    return event


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (member(SAM, KIM, "invite"), [("contact.requested", SAM, KIM)]),
        (member(SAM, KIM, "invite", "leave", KIM), [("contact.requested", SAM, KIM)]),
        (member(SAM, KIM, "invite", "knock", KIM), [("contact.requested", SAM, KIM)]),
        # Invited again: by the same one it is no news, by another one it is.
        (member(SAM, KIM, "invite", "invite", SAM), []),
        (member(JO, KIM, "invite", "invite", SAM), [("contact.requested", JO, KIM)]),
        (member(KIM, KIM, "join"), [("room.joined", KIM, "")]),
        (member(KIM, KIM, "join", "invite", SAM), [("room.joined", KIM, ""), ("contact.accepted", KIM, SAM)]),
        # A restricted join, and one after a knock: nobody was asked anything.
        (member(KIM, KIM, "join", "leave", KIM), [("room.joined", KIM, "")]),
        (member(KIM, KIM, "join", "knock", KIM), [("room.joined", KIM, "")]),
        # A new display name is no new joining.
        (member(KIM, KIM, "join", "join", KIM), []),
        (member(KIM, KIM, "leave", "join", KIM), [("room.left", KIM, "")]),
        (member(SAM, KIM, "leave", "join", KIM), [("room.left", KIM, "")]),
        (member(SAM, KIM, "ban", "join", KIM), [("room.left", KIM, "")]),
        (member(SAM, KIM, "leave", "ban", SAM), []),
        (member(SAM, KIM, "ban", "leave", KIM), []),
        (member(SAM, KIM, "ban"), []),
        (member(KIM, KIM, "leave", "invite", SAM), [("contact.declined", KIM, SAM)]),
        # An invitation taken back, by who made it or by a moderator, is never the child's refusal.
        (member(SAM, KIM, "leave", "invite", SAM), [("contact.withdrawn", SAM, KIM)]),
        (member(JO, KIM, "leave", "invite", SAM), [("contact.withdrawn", SAM, KIM)]),
        (member(JO, KIM, "ban", "invite", SAM), [("contact.withdrawn", SAM, KIM)]),
        (member(KIM, KIM, "knock"), []),
        (member(KIM, KIM, "leave", "knock", KIM), []),
        (member(SAM, SAM, "invite"), []),
        (member(KIM, KIM, "join", "invite", KIM), [("room.joined", KIM, "")]),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
def test_what_happens_to_a_member(what: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert said(what) == expected


def test_only_an_invitation_to_talk_makes_it_a_direct_one() -> None:
    for direct, via in ((True, "direct"), (False, "group")):
        assert one(member(SAM, KIM, "invite", direct=direct)).fields == {"via": via}
        accepted = translated(member(KIM, KIM, "join", "invite", SAM, direct=direct)).events[1]
        assert accepted.fields == {"via": via}
        assert accepted.event_id == "$event/accepted"
    assert one(member(SAM, KIM, "invite") | {"content": {"membership": "invite", "is_direct": 1}}).fields == {
        "via": "group"
    }


def test_a_sender_cannot_say_who_invited_them() -> None:
    """Synapse fills prev_sender in for events that replace others; on others it would be somebody's own word."""
    spoofed = member(FAR, FAR, "join")
    spoofed["unsigned"] = {"prev_content": {"membership": "invite", "is_direct": True}, "prev_sender": KIM}
    assert said(spoofed) == [("room.joined", FAR, "")]
    odd = member(FAR, FAR, "join", "invite", KIM)
    odd["unsigned"]["prev_sender"] = {"@kim": 1}
    assert said(odd) == [("room.joined", FAR, "")]


@pytest.mark.parametrize(
    ("rule", "visibility"),
    [
        ("invite", "private"),
        ("private", "private"),
        ("restricted", "private"),
        ("knock", "private"),
        ("knock_restricted", "private"),
        ("public", "public"),
        ("something new", "public"),
        (None, "public"),
        ({}, "public"),
    ],
)
def test_a_room_counts_as_private_only_where_its_rule_surely_says_so(rule: object, visibility: str) -> None:
    event = one(entry("m.room.join_rules", SAM, {"join_rule": rule}, state_key=""))
    assert (event.kind, event.fields) == (EventKind.ROOM_CHANGED, {"visibility": visibility})


def test_an_upgraded_room_is_a_new_room_and_its_members_join_it() -> None:
    history = translated(
        entry("m.room.tombstone", SAM, {"replacement_room": "!new"}, state_key=""),
        entry("m.room.create", SAM, {"predecessor": {"room_id": ROOM}}, state_key="", room_id="!new", event_id="$c"),
        member(SAM, SAM, "join", room_id="!new", event_id="$j"),
    )
    assert [(event.kind.value, event.room) for event in history.events] == [
        ("room.created", "!new"),
        ("room.joined", "!new"),
    ]


def test_another_server_does_not_say_what_time_it_is() -> None:
    for at in (0, NOW - 400 * 86_400_000, NOW + 10**15):
        raw = member(FAR, FAR, "join", origin_server_ts=at)
        assert one(raw).at == NOW
    assert one(member(KIM, KIM, "join", origin_server_ts=NOW - 5)).at == NOW - 5
    assert one(member(KIM, KIM, "join", origin_server_ts=NOW + 5)).at == NOW
    # Nor does one whose name only ends like ours, or who has our name before a port.
    for sender in (f"@x:not{HOME}", f"@x:{HOME}.evil.test", f"@x:{HOME}:8448", "@x"):
        assert one(member(sender, sender, "join", origin_server_ts=5)).at == NOW


def test_what_people_wrote_stays_at_the_door() -> None:
    words = "[abusive message 1]"
    history = translated(
        entry("m.room.message", SAM, {"msgtype": "m.text", "body": words}),
        entry("m.sticker", SAM, {"body": words}),
        entry("m.room.encrypted", SAM, {"ciphertext": words}, event_id="$size"),
        entry("m.room.topic", SAM, {"topic": words}, state_key=""),
        entry("m.room.name", SAM, {"name": words}, state_key=""),
        entry("m.room.create", SAM, {"topic": words}, state_key=""),
        entry("m.room.encryption", SAM, {"algorithm": words}, state_key=""),
        entry("m.reaction", SAM, {"m.relates_to": {"key": words}}),
        member(SAM, KIM, "invite") | {"content": {"membership": "invite", "reason": words, "displayname": words}},
    )
    assert history.lost == 0
    assert words not in repr(history)
    assert "[a" not in repr(history)
    assert [message.size for message in history.messages] == [0, 0, len(words)]


def test_an_event_id_that_a_server_chose_to_be_odd_is_kept_apart_under_another_name() -> None:
    """In room versions 1 and 2 servers choose event ids."""
    ids = ["$" + "x" * 241, "$" + "x" * 242, "$é:away.test", "$with space:away.test", "$\x00:away.test"]
    found = {one(member(FAR, FAR, "join", event_id=event_id)).event_id for event_id in ids}
    assert len(found) == len(ids)
    accepted = translated(member(KIM, KIM, "join", "invite", FAR, event_id=ids[0])).events[1]
    assert accepted.event_id.endswith("/accepted")


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        "event",
        {},
        entry("m.room.member", ""),
        entry("m.room.message", "@with space:away.test"),
        entry("m.room.message", "@\u202ekim:away.test"),
        entry("m.room.message", FAR, room_id=5),
        entry("m.room.message", FAR, origin_server_ts="now"),
        entry("m.room.message", FAR, origin_server_ts=True),
        entry("m.room.message", FAR, origin_server_ts=-1),
        member(SAM, "@with space:away.test", "invite"),
        member(SAM, "@" + "x" * 300, "invite"),
        member(SAM, "", "invite"),
    ],
)
def test_an_odd_entry_is_left_out_and_those_around_it_are_not(odd: object) -> None:
    history = translated(member(SAM, KIM, "invite"), odd, member(KIM, KIM, "join", event_id="$next"))
    assert (history.lost, len(history.events)) == (1, 2)


@pytest.mark.parametrize(
    "odd",
    [
        entry("m.room.member", SAM, {"membership": ["invite"]}, state_key=KIM),
        entry("m.room.member", SAM, {"membership": {"invite": 1}}, state_key=KIM),
        entry("m.room.member", SAM, {"membership": "invite"}),
        entry("m.room.member", SAM, {"membership": "invite"}, state_key=7),
        entry("m.room.member", SAM, state_key=KIM, unsigned=[]),
        entry("m.room.create", SAM) | {"content": []},
        entry("m.room.encrypted", SAM, {"ciphertext": {"x": "y"}}),
    ],
)
def test_an_odd_content_says_nothing_and_stops_nothing(odd: object) -> None:
    history = translated(odd)
    assert (history.lost, list(history.events)) == (0, [])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([KIM, SAM, FAR, "invite", "join", "leave", "ban", "knock", "m.room.member", "m.room.encrypted"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["membership", "is_direct", "prev_content", "prev_sender", "replaces_state", "ciphertext", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
entries = st.dictionaries(
    st.sampled_from(["type", "event_id", "room_id", "sender", "origin_server_ts", "state_key", "content", "unsigned"]),
    values,
) | st.builds(
    lambda base, change: {**base, **change},
    st.sampled_from([member(SAM, KIM, "join", "invite", JO), entry("m.room.encrypted", SAM, {"ciphertext": "x"})]),
    st.dictionaries(
        st.sampled_from(["type", "event_id", "sender", "state_key", "content", "unsigned"]), values, max_size=2
    ),
)


@given(st.lists(entries | values, max_size=6))
def test_whatever_strangers_send_is_counted_and_never_raises(raw: list[object]) -> None:
    history = translated(*raw)
    assert 0 <= history.lost <= len(raw)
    assert len(history.messages) <= len(raw)
    for event in history.events:
        assert event.actor
        assert event.actor != event.target
        assert 0 <= event.at <= NOW


def test_the_registration_lets_us_hear_every_room_and_act_as_nobody() -> None:
    made = registration("http://127.0.0.1:8420", "as", "hs")
    assert made["namespaces"] == {"users": [], "aliases": [], "rooms": [{"exclusive": False, "regex": ".*"}]}
    assert made["rate_limited"] is True
