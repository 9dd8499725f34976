"""Whom a cluster makes worth a look: evaders, never families, classes or teams for what they have in common."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlight.detect.joints import Component, JointKind
from nightlight.detect.ring import Facts, Ring, RingRule, carried, ring_of, rings_of
from nightlight.detect.rings import Rings
from nightlight.model.account import AgeBand
from tests.detect.ring_world import BANNED, CHILD, GROWN, PROVEN, against, device, evaders, found, number, room

FAMILY = {1: GROWN, 2: GROWN, 3: CHILD, 4: CHILD, 5: CHILD}
AT_HOME = [
    *(device(one, 90) for one in FAMILY),
    *(device(one, 91) for one in (1, 3, 4)),
    *(number(one, 80) for one in (2, 3, 5)),
]


def test_someone_who_comes_back_with_other_accounts_is_a_ring() -> None:
    (ring,) = found([device(1, 9), device(2, 9), device(2, 8, 5), device(3, 8, 5)], {1: BANNED, 2: GROWN, 3: Facts()})
    assert ring.accounts == {1, 2, 3}
    assert ring.why == ("3 accounts are joined by 2 shared devices.", "1 of them is banned.")
    assert (ring.first, ring.last) == (1, 5)


def test_accounts_that_turn_to_the_same_children_with_the_same_number_are_a_ring() -> None:
    events = [
        *(against(child, account) for child in range(50, 56) for account in (1, 2)),
        *(number(account, 7) for account in (2, 3)),
    ]
    (ring,) = found(events, {1: GROWN, 2: GROWN, 3: GROWN})
    assert ring.why == (
        "3 accounts are joined by a shared number and 6 children who turned several of them away.",
        "One of them was turned away, blocked or reported by 6 children.",
    )
    assert [member.minors_against for member in ring.members] == [6, 6, 0]


def test_a_family_is_not_a_ring_whatever_its_children_block() -> None:
    quarrels = [against(child, other) for child in (3, 4, 5) for other in FAMILY if child != other]
    assert found(AT_HOME, FAMILY) == []
    assert found([*AT_HOME, *quarrels], FAMILY) == []


@pytest.mark.parametrize("of_the_father", [BANNED, PROVEN, replace(GROWN, violation=True)])
def test_a_family_is_not_a_ring_for_living_with_one_who_was_banned(of_the_father: Facts) -> None:
    assert found(AT_HOME, {**FAMILY, 1: of_the_father}) == []
    # The same accounts, had a second one a reason of its own.
    assert len(found(AT_HOME, {**FAMILY, 1: of_the_father, 2: BANNED})) == 1


def test_parents_whose_own_children_turned_others_away_have_no_reason_from_it() -> None:
    strangers = [against(child, stranger) for child in (3, 4, 5) for stranger in (60, 61)]
    assert found([*AT_HOME, *strangers], FAMILY) == []


def test_a_class_that_turns_each_other_away_is_not_a_ring() -> None:
    pupils = range(1, 9)
    events = [against(one, other) for one in pupils for other in pupils if one != other]
    events += [device(one, 90 + one // 3) for one in pupils]
    facts = dict.fromkeys(pupils, CHILD)
    assert found(events, facts) == []
    # One report was verified: a reason to look at one pupil, none at a class.
    assert found(events, {**facts, 3: replace(CHILD, proven=True)}) == []


def test_a_coach_and_a_team_are_not_a_ring() -> None:
    team = range(2, 22)
    events = [*(against(one, 1, what="contact.declined") for one in team), *(device(one, 90) for one in range(1, 6))]
    facts = {1: GROWN, **dict.fromkeys(team, CHILD)}
    assert found(events, facts) == []


def test_whoever_was_turned_away_by_one_popular_teenager_is_not_a_ring() -> None:
    events = [against(50, account) for account in range(1, 9)]
    assert found(events, dict.fromkeys(range(1, 9), GROWN)) == []
    assert found(events, {1: BANNED}) == []  # a single child in common is chance, even with a banned account
    events += [against(51, account) for account in (1, 2)]
    assert len(found(events, {1: BANNED})) == 1


def test_two_kinds_of_joints_without_a_reason_to_look_are_flatmates() -> None:
    events = [device(one, 9) for one in (1, 2, 3)] + [number(one, 8) for one in (2, 3, 4)]
    assert found(events, dict.fromkeys(range(1, 5), GROWN)) == []
    assert len(found(events, {1: GROWN, 2: GROWN, 3: PROVEN, 4: GROWN})) == 1


def test_a_report_that_was_verified_in_the_log_is_a_reason_too() -> None:
    events = [device(one, 9) for one in (1, 2, 3)] + [room(one, 8) for one in (2, 3)]
    (ring,) = found([*events, against(50, 2, what="report.verified")], {})
    assert ring.why[1:] == ("1 of them has a verified report.",)


def test_two_accounts_are_never_a_ring_and_thousands_are_not_one_either() -> None:
    assert found([device(1, 9), device(2, 9), number(1, 8), number(2, 8)], {1: BANNED, 2: BANNED}) == []
    events, facts = evaders(201)
    assert found(events, facts) == []
    rings = Rings()
    rings.add_batch(events)
    (component,) = rings.components(1)
    assert ring_of(component, facts, RingRule(accounts_max=300)) is not None


def test_a_joint_of_one_account_alone_is_not_drawn_but_its_child_is_counted() -> None:
    events = [device(1, 9), device(2, 9), device(3, 9), device(3, 8), *(against(child, 1) for child in (50, 51))]
    (ring,) = found(events, {1: BANNED})
    assert [joint.item for joint in ring.joints] == [9]
    assert {edge.joint.kind for edge in ring.edges} == {JointKind.DEVICE}
    assert ring.members[0].minors_against == 2


def growing(steps: int) -> list[list[Ring]]:
    rings, facts = Rings(), {10: BANNED}
    looks: list[list[Ring]] = []
    for step in range(1, steps + 1):
        rings.add_batch([device(9 + step, step, step), device(10 + step, step, step)])
        looks.append(rings_of(rings, step, facts, looks[-1] if looks else ()))
    return looks


def test_a_ring_that_grows_keeps_its_identity_and_says_what_came() -> None:
    looks = growing(6)
    assert looks[0] == []
    assert {ring.identity for look in looks[1:] for ring in look} == {f"{10:016x}"}
    change = looks[5][0].changed_since(looks[4][0])
    assert change.joined == (16,)
    assert change.left == ()
    assert [joint.item for joint in change.joints] == [6]
    assert not looks[5][0].changed_since(looks[5][0])


def test_a_ring_whose_oldest_member_leaves_keeps_its_identity() -> None:
    events, facts = evaders(6)
    (before,) = found(events, facts)
    rings = Rings()
    rings.add_batch(events)
    rings.forget(1)
    (after,) = rings_of(rings, 1, {2: BANNED}, [before])
    assert after.identity == before.identity
    assert after.changed_since(before).left == (1,)


def test_of_a_ring_that_falls_apart_one_part_keeps_the_identity() -> None:
    def part(*accounts: int) -> Ring:
        (ring,) = found([device(one, min(accounts)) for one in accounts], {accounts[0]: BANNED})
        return ring

    whole = part(1, 2, 3, 4, 5, 6, 7)
    small, large = carried([part(1, 2, 3), part(4, 5, 6, 7)], [whole])
    assert large.identity == whole.identity
    assert small.identity != whole.identity
    # And when they come together again, the one with which most is shared goes on.
    (again,) = carried([whole], [small, large])
    assert again.identity == large.identity
    # Few in common is another ring.
    (other,) = carried([part(7, 8, 9, 10, 11)], [whole])
    assert other.identity not in (whole.identity, large.identity)


def test_a_component_that_nobody_knows_anything_of_is_nothing() -> None:
    assert ring_of(Component((), ()), {}) is None
    component = found([device(1, 9), device(2, 9), device(3, 9)], {})
    assert component == []


def test_minors_alone_are_a_ring_only_if_two_of_them_have_a_reason_of_their_own() -> None:
    events = [device(one, 9) for one in range(1, 11)] + [room(one, 8) for one in range(1, 11)]
    young = dict.fromkeys(range(1, 11), Facts(AgeBand.AGE_16_17))
    one = {**young, 1: replace(young[1], banned=True)}
    assert found(events, one) == []
    assert len(found(events, {**one, 2: replace(young[2], violation=True)})) == 1
