"""The same events give the same relations, in whatever order and however often they arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.model.event import Event, EventKind
from nightlight.model.relation import Tie
from nightlight.prevent.event_reader import SHAPES, event_from
from nightlight.prevent.relations import (
    ABOUT_OTHERS,
    LATEST_SAID_COUNTS,
    SAY_NO_MORE,
    further_statements,
    statements,
    supersedes,
)
from tests.prevent.test_event_reader import GOOD, example

Relations = dict[tuple[str, Tie, str], tuple[int, bool]]

#: Signals are Nightlight's own and said in order.
KINDS = [kind for kind in EventKind if kind not in (EventKind.SIGNAL_RAISED, EventKind.SIGNAL_CLEARED)]
ACCOUNTS, ROOMS = ["@a:x", "@b:x", "@c:x"], ["!r:x", "!s:x"]


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(KINDS))
    shape, actor = SHAPES[kind], draw(st.sampled_from(ACCOUNTS))
    value: dict[str, Any] = {"id": "e", "kind": kind.value, "at": draw(st.integers(0, 5)), "actor": actor}
    if shape.target:
        value["target"] = draw(st.sampled_from([one for one in ACCOUNTS if one != actor]))
    if shape.room:
        value["room"] = draw(st.sampled_from(ROOMS))
    value |= {name: GOOD[name] for name, (_, needed) in shape.fields.items() if needed}
    if kind is EventKind.ROOM_CHANGED:
        value["visibility"] = draw(st.sampled_from(["private", "public"]))
    if kind is EventKind.CONTACT_ACCEPTED:
        value["via"] = draw(st.sampled_from(["direct", "group"]))
    return event_from(value)


def relations_after(happened: Iterable[Event]) -> Relations:
    relations: Relations = {}
    for event in happened:
        for one in statements(event):
            key = (one.one, one.tie, one.other)
            old = relations.get(key)
            if old is None or supersedes(one.tie, one.at, one.holds, *old):
                relations[key] = (one.at, one.holds)
    return relations


@given(st.lists(events(), max_size=12), st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_any_doubling_gives_the_same_relations(happened: list[Event], random: Any) -> None:
    in_order = relations_after(happened)
    shuffled = happened * 2
    random.shuffle(shuffled)
    assert relations_after(shuffled) == in_order


@given(
    st.sampled_from([tie for tie in Tie if tie not in LATEST_SAID_COUNTS]),
    st.tuples(st.integers(0, 3), st.booleans()),
    st.tuples(st.integers(0, 3), st.booleans()),
)
def test_of_two_statements_one_wins_whichever_came_first(
    tie: Tie, one: tuple[int, bool], other: tuple[int, bool]
) -> None:
    if one[0] == other[0] and one[1] != other[1] and tie in (Tie.KNOWN_SINCE, Tie.WROTE_IN, Tie.WROTE_TO):
        return  # these never end
    first = other if supersedes(tie, *other, *one) else one
    second = one if supersedes(tie, *one, *other) else other
    assert first == second


def happened(kind: EventKind, actor: str, target: str = "", at: int = 0, room: str = "", **fields: Any) -> Event:
    return Event("e", kind, at, actor, target, room, fields)


def ties(relations: Relations) -> set[tuple[str, Tie, str]]:
    return {key for key, (_, holds) in relations.items() if holds and key[1] is not Tie.KNOWN_SINCE}


@given(st.permutations([0, 1, 2]))
def test_a_block_of_the_same_instant_stands_against_whatever_else_is_said(order: list[int]) -> None:
    said = [
        happened(EventKind.CONTACT_BLOCKED, "@a:x", "@b:x", 5),
        happened(EventKind.CONTACT_UNBLOCKED, "@a:x", "@b:x", 5),
        happened(EventKind.CONTACT_ACCEPTED, "@a:x", "@b:x", 5),
    ]
    held = ties(relations_after(said[number] for number in order))
    assert held == {("@a:x", Tie.BLOCKS, "@b:x"), ("@b:x", Tie.BLOCKED_BY, "@a:x")}


def test_being_let_into_a_group_connects_nobody() -> None:
    accepted = happened(EventKind.CONTACT_ACCEPTED, "@a:x", "@b:x", room="!r:x", via="group")
    assert ties(relations_after([accepted])) == set()


def test_what_one_says_about_another_ends_nothing_that_the_other_said() -> None:
    said = [
        happened(EventKind.CONTACT_BLOCKED, "@child:x", "@adult:x", 1),
        happened(EventKind.CONTACT_UNBLOCKED, "@adult:x", "@child:x", 2),
        happened(EventKind.CONTACT_ACCEPTED, "@adult:x", "@child:x", 3),
        happened(EventKind.CONTACT_WITHDRAWN, "@adult:x", "@child:x", 4),
    ]
    assert ("@adult:x", Tie.BLOCKED_BY, "@child:x") in ties(relations_after(said))


def test_a_decision_about_contact_says_nothing_of_its_own() -> None:
    """Who asks adults is nobody's business: what is remembered of a decision depends on ages, not on the event."""
    decided = happened(EventKind.CONTACT_DECIDED, "@a:x", "@b:x", direction="direct", outcome="deny")
    assert ties(relations_after([decided])) == set()


def test_a_dismissed_report_takes_back_that_report_and_not_a_later_one() -> None:
    proven = happened(EventKind.REPORT_VERIFIED, "@a:x", "@b:x", 5, category="grooming")
    later = happened(EventKind.REPORT_VERIFIED, "@a:x", "@b:x", 9, category="grooming")
    dismissed = happened(EventKind.REPORT_DISMISSED, "@a:x", "@b:x", 5)
    for order in ([proven, dismissed], [dismissed, proven]):
        assert ties(relations_after(order)) == set()
        assert ties(relations_after([*order, later])) == {("@b:x", Tie.PROVEN_BY, "@a:x")}
        assert ties(relations_after([later, *order])) == {("@b:x", Tie.PROVEN_BY, "@a:x")}


@pytest.mark.parametrize("kind", [EventKind.DECISION_MADE, EventKind.REPORT_DISMISSED])
def test_the_safety_teams_work_makes_no_account_known(kind: EventKind) -> None:
    assert not [one for one in statements(happened(kind, "robin", "@b:x")) if one.tie is Tie.KNOWN_SINCE]


def test_kinds_that_say_no_more_say_no_more() -> None:
    """They are passed over where many events are taken at once."""
    for kind in EventKind:
        event = event_from(example(kind))
        said = list(further_statements(event))
        assert list(statements(event))[kind not in ABOUT_OTHERS :] == said
        if kind in SAY_NO_MORE:
            assert said == []
