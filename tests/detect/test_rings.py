"""Clusters: the same in one go, bit by bit and rebuilt, as a plain search finds them; what is over is gone."""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import random
from collections import defaultdict
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.detect import graph, union
from nightlight.detect.fields import BANDS, Seen, Type, code
from nightlight.detect.joints import (
    KIND_OF,
    LIFETIME_MS,
    Component,
    Ground,
    Joint,
    JointKind,
    JointLimits,
    all_statements,
)
from nightlight.detect.rings import Rings
from nightlight.errors import RefusedError

DAY = 86_400_000
TEEN, ADULT = BANDS.index("13_15"), BANDS.index("adult")
SMALL = JointLimits(device=3, number=3, victim=3, room=3)


def kind(name: str) -> int:
    return code(Type.KIND, name)


def device(t: int, actor: int, item: int) -> Seen:
    return Seen(0, t, kind("account.device"), actor, item=item)


def turned_away(t: int, child: int, account: int, what: str = "contact.declined") -> Seen:
    return Seen(0, t, kind(what), child, account, actor_band=TEEN)


def room(t: int, actor: int, number: int, banned: int = 1) -> Seen:
    return Seen(0, t, kind("room.joined"), actor, room=number, banned_in_room=banned)


def accounts(rings: Rings, now: int, least: int = 2) -> list[tuple[int, ...]]:
    return [one.accounts for one in rings.components(now, least)]


def plain_union() -> ModuleType:
    """The module as it is where neither numba nor numpy is installed."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name in ("numba", "numpy"):
            raise ImportError(name)
        return real(name, *rest, **named)

    spec = importlib.util.spec_from_file_location("plain_union", union.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    builtins.__import__ = without
    try:
        spec.loader.exec_module(module)
    finally:
        builtins.__import__ = real
    assert not module.COMPILED
    return module


PLAIN = plain_union()


@pytest.fixture(params=["compiled", "plain"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(graph, "union", PLAIN)
    else:
        assert union.COMPILED


class Searched:
    """The oracle: a list of everything that was said, and a breadth-first search over what lives."""

    def __init__(self, events: Sequence[Seen], now: int, limits: JointLimits) -> None:
        self.edges: dict[tuple[Joint, int, Ground], tuple[int, int]] = {}
        self.hubs: dict[Joint, int] = {}
        for one in all_statements(events):
            joint = Joint(KIND_OF[one.ground], one.item)
            life = LIFETIME_MS[one.ground]
            self.edges = {key: times for key, times in self.edges.items() if one.t < times[1] + LIFETIME_MS[key[2]]}
            if self.hubs.get(joint, 0) > one.t:
                if one.holds:
                    self.hubs[joint] = max(self.hubs[joint], one.t + life)
                continue
            key = joint, one.account, one.ground
            if not one.holds:
                self.edges.pop(key, None)
                continue
            self.edges[key] = self.edges.get(key, (one.t, 0))[0], one.t
            of_joint = {key: times for key, times in self.edges.items() if key[0] == joint}
            if len({key[1] for key in of_joint}) > limits.of(joint.kind):
                self.hubs[joint] = max(last + LIFETIME_MS[key[2]] for key, (_, last) in of_joint.items())
                self.edges = {key: times for key, times in self.edges.items() if key not in of_joint}
        self.edges = {key: times for key, times in self.edges.items() if now < times[1] + LIFETIME_MS[key[2]]}
        self.hubs = {joint: until for joint, until in self.hubs.items() if now < until}

    def components(self, least: int) -> list[tuple[int, ...]]:
        beside: dict[object, set[object]] = defaultdict(set)
        for joint, account, _ in self.edges:
            beside[joint].add(account)
            beside[account].add(joint)
        found, seen = [], set[object]()
        for start in beside:
            if start in seen:
                continue
            reached, ahead = {start}, [start]
            while ahead:
                ahead = list({one for at in ahead for one in beside[at]} - reached)
                reached |= set(ahead)
            seen |= reached
            members = tuple(sorted(one for one in reached if isinstance(one, int)))
            if len(members) >= least:
                found.append(members)
        return sorted(found)


KINDS = [
    kind(name)
    for name in (
        *("account.device", "account.number", "room.joined", "contact.declined", "contact.blocked"),
        *("contact.unblocked", "report.made", "report.verified", "report.dismissed"),
    )
]
event = st.builds(
    lambda **given: Seen(**given),  # no field but these: hypothesis would make up the rest of a tuple
    number=st.just(0),
    t=st.integers(0, 12).map(lambda step: step * 15 * DAY),
    kind=st.sampled_from(KINDS),
    actor=st.integers(0, 7),
    target=st.integers(0, 7),
    room=st.integers(0, 3),
    item=st.integers(0, 3),
    actor_band=st.sampled_from([TEEN, TEEN, TEEN, ADULT]),
    banned_in_room=st.sampled_from([0, 1, 1]),
)


@given(st.lists(event, max_size=60), st.integers(1, 7), st.integers(0, 120 * DAY))
@settings(deadline=None, max_examples=150)
def test_bit_by_bit_in_one_go_and_rebuilt_are_what_a_plain_search_finds(
    events: list[Seen], batch: int, later: int
) -> None:
    events.sort(key=lambda one: one.t)
    now = (events[-1].t if events else 0) + later
    searched = Searched(events, now, SMALL)
    expected = searched.components(1)
    for module in (union, PLAIN):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(graph, "union", module)
            by_bits, rebuilt, at_once = Rings(SMALL), Rings(SMALL), Rings(SMALL)
            at_once.add_batch(events)
            for start in range(0, len(events), batch):
                part = events[start : start + batch]
                by_bits.add_batch(part)
                rebuilt.add_batch(part)
                rebuilt.rebuild(part[-1].t)
                assert accounts(rebuilt, part[-1].t, 1) == Searched(
                    events[: start + batch], part[-1].t, SMALL
                ).components(1)
            kept = {rings.snapshot(now) for rings in (by_bits, rebuilt, at_once)}
            assert len(kept) == 1
            for rings in (by_bits, rebuilt, at_once, Rings.restored(kept.pop())):
                found = rings.components(now, 1)
                assert [one.accounts for one in found] == expected
                edges = {(e.joint, e.account, e.ground): (e.first, e.last) for one in found for e in one.edges}
                assert edges == searched.edges
                assert rings.edges == len(edges)
                assert not rings._graph.stale(now)
                assert rings.hubs(now) == sorted(searched.hubs)
                assert rings.sizes(now) == sorted((len(one) for one in expected), reverse=True)


@pytest.mark.usefixtures("either")
def test_many_accounts_outgrow_the_first_columns_and_are_still_right() -> None:
    draw = random.Random(7)
    events = [device(t, draw.randrange(1, 3_000), draw.randrange(1, 2_500)) for t in range(4_000)]
    rings = Rings()
    for start in range(0, 4_000, 333):
        rings.add_batch(events[start : start + 333])
    beside: dict[int, set[int]] = defaultdict(set)
    for one in events:
        beside[one.actor].add(-one.item)
        beside[-one.item].add(one.actor)
    reached: set[int] = set()
    sizes = []
    for start in beside:
        if start not in reached:
            part, ahead = {start}, [start]
            while ahead:
                ahead = list({one for at in ahead for one in beside[at]} - part)
                part |= set(ahead)
            reached |= part
            sizes.append(sum(one > 0 for one in part))
    assert rings.sizes(4_000) == sorted(sizes, reverse=True)


@pytest.mark.usefixtures("either")
def test_an_edge_is_gone_at_the_very_end_of_its_lifetime_from_memory_and_snapshot() -> None:
    rings = Rings()
    rings.add_batch([device(0, 1, 9), device(0, 2, 9), turned_away(0, 50, 3), turned_away(0, 50, 4)])
    assert accounts(rings, 30 * DAY - 1) == [(1, 2), (3, 4)]
    assert accounts(rings, 30 * DAY) == [(1, 2)]
    assert accounts(rings, 90 * DAY - 1) == [(1, 2)]
    assert accounts(rings, 90 * DAY) == []
    assert rings.edges == 0
    assert rings.snapshot(90 * DAY) == Rings().snapshot(90 * DAY)


@pytest.mark.usefixtures("either")
def test_who_is_forgotten_is_nowhere_as_a_member_or_as_a_child() -> None:
    never, rings = Rings(), Rings()
    others = [device(0, 2, 9), device(1, 3, 9)]
    rings.add_batch([others[0], device(0, 1, 9), turned_away(0, 1, 2), turned_away(0, 1, 5), others[1]])
    assert rings.forget(1) == 3
    never.add_batch(others)
    assert accounts(rings, 1) == [(2, 3)]
    assert rings.snapshot(1) == never.snapshot(1)


@pytest.mark.usefixtures("either")
def test_a_hub_joins_nobody_is_said_and_forgets_who_used_it() -> None:
    rings = Rings(SMALL)
    rings.add_batch([device(n, n, 9) for n in (1, 2, 3)])
    assert accounts(rings, 3) == [(1, 2, 3)]
    rings.add_batch([device(4, 4, 9), device(5, 5, 9), device(5, 5, 8), device(5, 6, 8)])
    assert accounts(rings, 5) == [(5, 6)]
    assert rings.hubs(5) == [Joint(JointKind.DEVICE, 9)]
    assert rings.edges == 2
    # It stays one as long as anybody goes on using it, and 90 days more.
    rings.add_batch([device(80 * DAY, 7, 9)])
    assert rings.hubs(169 * DAY) == [Joint(JointKind.DEVICE, 9)]
    assert rings.hubs(170 * DAY) == []


def test_a_child_who_blocks_whoever_writes_joins_nobody() -> None:
    rings = Rings()
    rings.add_batch([turned_away(n, 500, n, "contact.blocked") for n in range(1, 40)])
    assert accounts(rings, 40) == []
    assert rings.hubs(40) == [Joint(JointKind.VICTIM, 500)]


def test_a_child_as_an_account_and_as_a_joint_are_two_things() -> None:
    rings = Rings()
    rings.add_batch([turned_away(1, 5, 1), turned_away(1, 5, 2), device(2, 5, 1), device(2, 6, 1)])
    assert accounts(rings, 2) == [(1, 2), (5, 6)]


def test_only_what_children_say_and_rooms_of_banned_accounts_join() -> None:
    rings = Rings()
    for actor in (1, 2):
        by_adult = Seen(0, 1, kind("contact.blocked"), 9, actor, actor_band=ADULT)
        rings.add_batch([by_adult, room(1, actor, 4, banned=0), device(1, actor, 0), turned_away(1, 0, actor)])
    assert rings.edges == 0


@pytest.mark.parametrize(
    ("said", "taken_back"),
    [
        ("contact.blocked", "contact.unblocked"),
        ("report.made", "report.dismissed"),
        ("report.verified", "report.dismissed"),
    ],
)
def test_what_is_taken_back_joins_no_longer(said: str, taken_back: str) -> None:
    rings = Rings()
    rings.add_batch([turned_away(1, 9, 1, said), turned_away(1, 9, 2, said)])
    assert accounts(rings, 1) == [(1, 2)]
    rings.add_batch([Seen(0, 2, kind(taken_back), 9, 1, actor_band=ADULT)])  # whatever the age is by now
    assert accounts(rings, 2) == []
    assert accounts(rings, 2, 1) == [(2,)]


@pytest.mark.usefixtures("either")
def test_a_flood_of_edges_is_refused_and_counted_and_what_was_there_stays() -> None:
    rings = Rings(edges_max=3)
    rings.add_batch([device(1, 1, 9), device(1, 2, 9), device(1, 3, 9)])
    rings.add_batch([device(2, n, n) for n in range(10, 5_010)])
    assert (rings.edges, rings.refused) == (3, 5_000)
    assert accounts(rings, 2) == [(1, 2, 3)]
    again = Rings.restored(rings.snapshot(2))
    again.add_batch([device(3, 1, 9), device(3, 77, 78)])
    assert (again.edges, again.refused) == (3, 5_001)


def test_events_out_of_order_are_refused() -> None:
    rings = Rings()
    rings.add_batch([device(5, 1, 9)])
    for bad in (
        lambda: rings.add_batch([device(4, 2, 9)]),
        lambda: rings.add_batch([device(7, 2, 9), device(6, 2, 9)]),
        lambda: rings.rebuild(4),
        lambda: rings.components(4),
    ):
        with pytest.raises(RefusedError) as caught:
            bad()
        assert caught.value.code == "rings_order"
    assert rings.edges == 1


def test_a_state_without_room_for_anything_is_refused() -> None:
    for limits, most in ((None, 0), (JointLimits(device=0), 5)):
        with pytest.raises(RefusedError) as caught:
            Rings(limits, most)
        assert caught.value.code == "rings_limits"


def snapshot_of_some() -> bytes:
    rings = Rings(SMALL)
    rings.add_batch([device(1, 1, 9), device(1, 2, 9), turned_away(2, 50, 3), *(device(3, n, 8) for n in range(1, 6))])
    return rings.snapshot(5)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_snapshot_with_any_byte_changed_or_cut_off_is_refused(data: st.DataObject) -> None:
    whole = snapshot_of_some()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    for bad in (changed, whole[:place], whole + b"\0"):
        with pytest.raises(RefusedError) as caught:
            Rings.restored(bad)
        assert caught.value.code == "rings_snapshot"


@pytest.mark.usefixtures("either")
def test_a_snapshot_that_was_written_wrong_is_refused_or_is_another_whole_state() -> None:
    """With a right checksum over wrong contents: never a state that cannot be."""
    whole = snapshot_of_some()[:-32]
    refused = 0
    for offset in range(len(whole)):
        for bit in (0x80, 0x01):
            body = bytearray(whole)
            body[offset] ^= bit
            forged = bytes(body) + hashlib.sha256(body).digest()
            try:
                rings = Rings.restored(forged)
            except RefusedError:
                refused += 1
            else:
                assert rings.snapshot(rings.last_t) == forged
    assert refused > len(whole)


def test_a_component_knows_its_edges() -> None:
    rings = Rings()
    rings.add_batch([device(1, 2, 9), room(2, 1, 4), room(3, 2, 4), device(4, 2, 9)])
    (found,) = rings.components(4, 2)
    assert isinstance(found, Component)
    assert [(e.joint.kind, e.account, e.first, e.last) for e in found.edges] == [
        (JointKind.DEVICE, 2, 1, 4),
        (JointKind.ROOM, 1, 2, 2),
        (JointKind.ROOM, 2, 3, 3),
    ]
    assert rings.components(4, 2, 1) == []
