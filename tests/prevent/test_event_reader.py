"""Nothing that somebody said can be sent as an event: the schema is closed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.model.contact import Direction, SignalFamily
from nightlight.model.event import EventKind
from nightlight.model.report import Category
from nightlight.prevent.event_reader import SHAPES, account_name, event_from

GOOD: dict[str, Any] = {
    "device": "a" * 32,
    "number": "b" * 64,
    "via": "direct",
    "hour": 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000,
    "messages": 3,
    "bytes": 4_000,
    "visibility": "private",
    "encrypted": True,
    "direct": False,
    "category": Category.GROOMING.value,
    "outcome": "violation",
    "direction": Direction.DIRECT.value,
    "family": SignalFamily.FAN_OUT.value,
    "until": 1_790_000_000_000,
    "rule": "fan-out-1",
    "protection": "known-only",
}
#: What can stand in a field: words of a short list, whole numbers, truths, keyed hashes, names of rules of ours.
SHORT = 128


def example(kind: EventKind) -> dict[str, Any]:
    """An event of this kind with everything that it may have."""
    shape = SHAPES[kind]
    value: dict[str, Any] = {"id": "e1", "kind": kind.value, "at": 1_790_000_000_000, "actor": "@sam:home.test"}
    if shape.target or "target" in shape.also:
        value["target"] = "@kim:home.test"
    if shape.room or "room" in shape.also:
        value["room"] = "!room:home.test"
    return value | {name: GOOD[name] for name in shape.fields}


def test_every_kind_has_a_shape_and_is_read_back_as_it_was_sent() -> None:
    assert set(SHAPES) == set(EventKind)
    for kind in EventKind:
        value = example(kind)
        event = event_from(value)
        again: dict[str, Any] = {"id": event.event_id, **event.fields}
        again |= {"kind": event.kind.value, "at": event.at, "actor": event.actor}
        again |= {name: party for name, party in (("target", event.target), ("room", event.room)) if party}
        assert again == value


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize(
    "name", ["content", "body", "text", "message", "ciphertext", "note", "Room", "room_id", "", "é"]
)
def test_content_has_no_field_to_stand_in(kind: EventKind, name: str) -> None:
    values: list[Any] = ["[abusive message 1]", {}, None, 1]
    for value in values:
        with pytest.raises(RefusedError, match="has no field"):
            event_from(example(kind) | {name: value})


@given(kind=st.sampled_from(list(EventKind)), name=st.text(max_size=20), value=st.text())
def test_whatever_a_field_is_called_it_is_refused_or_known(kind: EventKind, name: str, value: str) -> None:
    known = {"id", "kind", "at", "actor", "target", "room", *SHAPES[kind].fields}
    try:
        event = event_from(example(kind) | {name: value})
    except RefusedError:
        return
    assert name in known
    said = [field for field in event.fields.values() if isinstance(field, str)]
    assert all(len(field) <= SHORT and " " not in field for field in said)


@given(
    kind=st.sampled_from(list(EventKind)), sentence=st.lists(st.sampled_from(["see", "you", "at", "six"]), min_size=2)
)
def test_no_field_holds_a_sentence(kind: EventKind, sentence: list[str]) -> None:
    for name in ("id", "actor", "target", "room", *SHAPES[kind].fields):
        with pytest.raises(RefusedError):
            event_from(example(kind) | {name: " ".join(sentence)})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(kind=st.sampled_from(list(EventKind)), data=st.data())
def test_whatever_stands_in_a_field_it_is_read_or_refused(kind: EventKind, data: st.DataObject) -> None:
    value = example(kind)
    for name in data.draw(st.sets(st.sampled_from(sorted(value)), max_size=3)):
        value[name] = data.draw(json_values)
    code = ""
    try:
        event_from(value)
    except RefusedError as e:
        code = e.code
    assert code in ("", "event_malformed")


@given(json_values)
def test_whatever_is_no_event_is_refused(value: object) -> None:
    with pytest.raises(RefusedError) as caught:
        event_from(value)
    assert caught.value.code == "event_malformed"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "contact.touched"}, "no such kind"),
        ({"id": ""}, "id: 1 to 255"),
        ({"id": "x" * 256}, "id: 1 to 255"),
        ({"id": "with space"}, "id: 1 to 255"),
        ({"id": "é"}, "id: 1 to 255"),
        ({"id": "e1\n"}, "id: 1 to 255"),
        ({"at": "1790000000000"}, "at: milliseconds"),
        ({"at": 1.79e12}, "at: milliseconds"),
        ({"at": True}, "at: milliseconds"),
        ({"at": -1}, "at: milliseconds"),
        ({"at": 253_402_300_800_000}, "at: milliseconds"),
        ({"actor": None}, "actor: an id"),
        ({"actor": "@" + "a" * 255}, "actor: an id"),
        ({"actor": "@" + "é" * 128}, "actor: an id"),
        ({"target": "@sam:home.test"}, "the same account"),
        ({"target": ""}, "target: an id"),
        ({"via": "carrier pigeon"}, "via: one of"),
    ],
)
def test_a_mistake_is_named_where_it_is(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RefusedError, match=complaint):
        event_from(example(EventKind.CONTACT_REQUESTED) | change)


def test_what_is_missing_is_named() -> None:
    for kind in EventKind:
        shape = SHAPES[kind]
        needed = ["id", "kind", "at", "actor", *(name for name, (_, must) in shape.fields.items() if must)]
        needed += ["target"] * shape.target + ["room"] * shape.room
        for name in needed:
            value = example(kind)
            del value[name]
            with pytest.raises(RefusedError):
                event_from(value)


@pytest.mark.parametrize(
    "name",
    [
        "@kim\u202e:home.test",  # RIGHT-TO-LEFT OVERRIDE
        "@kim\u200b:home.test",  # ZERO WIDTH SPACE
        "@kim\u2066:home.test",
        "@kim\ufeff:home.test",
        "@kim\u00ad:home.test",  # SOFT HYPHEN
        "@k im:home.test",
        "@kim\u00a0:home.test",
        "@kim\u3000:home.test",
        "@kim\x00:home.test",
        "@kim\x1b[2J:home.test",
        "@kim\n:home.test",
        f"@kim{chr(0xD800)}:home.test",
        "@kim\ufffd:home.test",
        "@kim\ue000:home.test",  # private use: nobody knows how it looks
        "",
    ],
)
def test_an_account_id_with_characters_that_have_no_shape_is_refused(name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        account_name(name)
    assert caught.value.code == "account_malformed"
    assert name not in caught.value.message or not name


LOOK_ALIKES = [
    "@kim:home.test",
    "@Kim:home.test",
    "@kіm:home.test",  # CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I
    "@kim:hоme.test",  # CYRILLIC SMALL LETTER O
    "@ｋim:home.test",  # FULLWIDTH LATIN SMALL LETTER K
    "@kím:home.test",  # one character
    "@ki\u0301m:home.test",  # the same with a combining accent
    "@kim\ufe0f:home.test",  # VARIATION SELECTOR-16
    "@kim:home.test.",
    "@kim:HOME.test",
]


def test_look_alikes_are_kept_apart_byte_by_byte() -> None:
    """Historical Matrix ids may be any text (specification, "Historical user IDs"), so nothing is folded."""
    assert len({account_name(name) for name in LOOK_ALIKES}) == len(LOOK_ALIKES)
    assert [account_name(name) for name in LOOK_ALIKES] == LOOK_ALIKES
