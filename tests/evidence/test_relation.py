"""What a message is to another one, out of content that strangers wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.evidence.relation import relation_of
from nightlight.model.report import Relation, RelationKind

REPLY = {"m.in_reply_to": {"event_id": "$first"}}


@pytest.mark.parametrize(
    ("relates", "relation"),
    [
        (REPLY, Relation(RelationKind.REPLY, "$first")),
        ({"rel_type": "m.replace", "event_id": "$first"}, Relation(RelationKind.EDIT, "$first")),
        ({"rel_type": "m.annotation", "event_id": "$first", "key": "👍"}, Relation(RelationKind.REACTION, "$first")),
        ({"rel_type": "m.thread", "event_id": "$root"}, Relation(RelationKind.THREAD, "$root")),
        # Apps without threads show the fallback as a reply; a true reply in a thread is one everywhere.
        ({"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True, **REPLY}, ("thread", "$root")),
        ({"rel_type": "m.thread", "event_id": "$root", **REPLY}, ("reply", "$first")),
    ],
)
def test_relations_are_read_as_apps_read_them(relates: dict[str, Any], relation: object) -> None:
    found = relation_of({"m.relates_to": relates})
    assert found is not None
    assert found == relation or (found.kind, found.event_id) == relation


@pytest.mark.parametrize(
    "relates",
    [
        None,
        [],
        "m.replace",
        {},
        {"rel_type": "m.replace"},
        {"rel_type": "m.replace", "event_id": 5},
        {"rel_type": "m.replace", "event_id": "not an id"},
        {"rel_type": "m.replace", "event_id": "$" + "x" * 255},
        {"rel_type": "m.replace", "event_id": "$\u202e"},
        {"rel_type": ["m.replace"], "event_id": "$first"},
        {"rel_type": "org.example.unknown", "event_id": "$first"},
        {"m.in_reply_to": "$first"},
        {"m.in_reply_to": {"event_id": None}},
    ],
    ids=str,
)
def test_what_names_no_relation_is_none(relates: object) -> None:
    assert relation_of({"m.relates_to": relates}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["m.replace", "$e", "m.thread"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rel_type", "event_id", "m.in_reply_to", "is_falling_back", "key"]) | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_content_makes_it_crash(relates: Any) -> None:
    found = relation_of({"m.relates_to": relates})
    assert found is None or found.event_id.startswith("$")
