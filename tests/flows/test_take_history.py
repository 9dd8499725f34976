"""Room history of a homeserver that may send everything twice, in any grouping, after a crash of either side."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightlight.model.contact import ContactOutcome, Relation, RequestState
from nightlight.model.event import EventKind
from tests.adapters.test_history import entry, member
from tests.prevention_world import ALEX, DAY_MS, KIM, SAM, PreventionWorld

HOUR_MS = 3_600_000
ROOM = "!room"


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[PreventionWorld]:
    world = PreventionWorld(tmp_path, database_url).migrate()
    yield world
    world.close()


def message(number: int, sender: str = SAM, room: str = ROOM, at: int = 1_790_000_000_000 - 1_000) -> dict[str, Any]:
    content = {"ciphertext": "x" * 10}
    return entry("m.room.encrypted", sender, content, event_id=f"$m{number}", room_id=room, origin_server_ts=at)


def volume(world: PreventionWorld) -> Counter[tuple[str, str, int, str]]:
    """Messages and bytes by sender, room and hour, over all events of volume."""
    total: Counter[tuple[str, str, int, str]] = Counter()
    for logged in world.log():
        event = logged.event
        if event.kind is EventKind.VOLUME:
            for name in ("messages", "bytes"):
                total[event.actor, event.room, int(event.fields["hour"]), name] += int(event.fields[name])
    return total


def firsts(world: PreventionWorld) -> list[tuple[str, str, int]]:
    return [
        (one.event.actor, one.event.room, one.event.at)
        for one in world.log()
        if one.event.kind is EventKind.FIRST_MESSAGE
    ]


def test_messages_sent_again_in_another_grouping_count_once(world: PreventionWorld) -> None:
    """Synapse makes transactions anew when it crashed between one and noting how far it had come."""
    take = world.house.history.take
    take([message(1), message(2), message(3)])
    take([message(1), message(2)])
    take([message(3), message(4)])
    take([message(4), message(4), message(5)])
    take([message(5), message(1), message(2), message(3), message(4)])
    hour = 1_790_000_000_000 - 1_790_000_000_000 % HOUR_MS
    assert volume(world) == {(SAM, ROOM, hour, "messages"): 5, (SAM, ROOM, hour, "bytes"): 50}
    assert len(firsts(world)) == 1


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6))
def test_however_messages_are_grouped_each_counts_once(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    world = PreventionWorld(folder, f"sqlite:///{folder}/test.sqlite3")
    world.store.migrate()
    for group in groups:
        world.house.history.take([message(number, f"@s{number % 3}:home.test") for number in group])
    sent = Counter(f"@s{number % 3}:home.test" for number in {number for group in groups for number in group})
    counted = Counter[str]()
    for (sender, _, _, name), number in volume(world).items():
        counted[sender] += number if name == "messages" else 0
    assert counted == sent
    assert sorted(sender for sender, _, _ in firsts(world)) == sorted(sent)
    world.close()


def test_messages_are_counted_by_sender_room_and_hour(world: PreventionWorld) -> None:
    hour = 1_790_000_000_000 - 1_790_000_000_000 % HOUR_MS
    world.house.history.take(
        [
            message(1, at=hour - 1),
            message(2, at=hour),
            message(3, at=hour),
            message(4, KIM, at=hour),
            message(5, room="!other", at=hour),
        ]
    )
    messages = {key[:3]: number for key, number in volume(world).items() if key[3] == "messages"}
    assert messages == {
        (SAM, ROOM, hour - HOUR_MS): 1,
        (SAM, ROOM, hour): 2,
        (KIM, ROOM, hour): 1,
        (SAM, "!other", hour): 1,
    }
    assert sorted(firsts(world)) == [(KIM, ROOM, hour), (SAM, "!other", hour), (SAM, ROOM, hour - 1)]
    world.house.history.take([message(6, at=hour)])
    assert len(firsts(world)) == 3


def test_a_message_is_remembered_as_counted_as_long_as_it_can_come_again(world: PreventionWorld) -> None:
    take = world.house.history.take
    take([message(1)])
    # The homeserver was off for a month: what it sends again is the last that there was.
    world.clock.at += 30 * DAY_MS
    world.house.retention.sweep()
    take([message(1), message(2, at=world.clock.at)])
    assert sum(number for key, number in volume(world).items() if key[3] == "messages") == 2
    world.house.retention.sweep()
    with world.store.read() as tx:
        number = world.house.people.number
        with world.store.write() as tx:
            assert tx.count_messages([number("$m1"), number("$m2")], world.clock.at) == {number("$m1")}


def test_history_sent_again_changes_nothing(world: PreventionWorld) -> None:
    raw = [
        entry("m.room.create", SAM, {}, state_key="", event_id="$1"),
        member(SAM, SAM, "join", event_id="$2"),
        member(SAM, KIM, "invite", event_id="$3", direct=True),
        member(KIM, KIM, "join", "invite", SAM, direct=True, event_id="$4"),
        message(5),
    ]
    assert world.house.history.take(raw) == 7
    before, log = world.relations(), world.log()
    assert world.house.history.take(raw) == 0
    for one in raw:
        assert world.house.history.take([one]) == 0
    assert (world.relations(), world.log()) == (before, log)
    assert world.facts(SAM, KIM).relation is Relation.CONNECTED


def test_an_accepted_invitation_to_talk_connects_and_one_into_a_group_does_not(world: PreventionWorld) -> None:
    world.house.history.take([member(KIM, KIM, "join", "invite", ALEX, direct=False)])
    assert world.facts(ALEX, KIM).relation is Relation.STRANGER
    world.house.history.take([member(KIM, KIM, "join", "invite", ALEX, direct=True, event_id="$dm", room_id="!dm")])
    assert world.facts(ALEX, KIM).relation is Relation.CONNECTED


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (member(SAM, KIM, "leave", "invite", SAM), RequestState.WITHDRAWN),
        (member(KIM, KIM, "leave", "invite", SAM), RequestState.DECLINED),
        (member(KIM, KIM, "join", "invite", SAM), RequestState.ACCEPTED),
    ],
)
def test_an_answer_in_another_way_than_ours_ends_the_request(
    world: PreventionWorld, ending: dict[str, Any], state: RequestState
) -> None:
    world.age(SAM, "13_15")
    asked = world.decide(SAM, KIM, ROOM).request
    assert asked is not None
    world.house.history.take([ending])
    with world.store.read() as tx:
        request = tx.contact_request(asked.request_id)
    assert request is not None
    assert request.state is state


def test_an_approach_that_was_taken_back_and_made_again_opens_a_new_request(world: PreventionWorld) -> None:
    """The same decision within a minute is not written down twice, but a request that has ended is no answer."""
    world.share_a_class(ALEX, KIM)
    first = world.decide(ALEX, KIM, ROOM)
    assert first.decided.outcome is ContactOutcome.REQUEST
    assert first.request is not None
    world.clock.at += 1_000
    assert world.decide(ALEX, KIM, ROOM).request == first.request
    world.house.history.take([member(ALEX, KIM, "leave", "invite", ALEX)])
    world.clock.at += 1_000
    again = world.decide(ALEX, KIM, ROOM).request
    assert again is not None
    assert again.request_id != first.request.request_id
    assert again.request_id in {one.request_id for one in world.house.request_desk.waiting(KIM)}


def test_what_could_not_be_understood_is_counted_and_names_nobody_in_our_own_log(
    world: PreventionWorld, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert world.house.history.take([{"sender": SAM}, member(SAM, "@with space:x", "invite")]) == 0
    assert "2 entries of room history" in caplog.text
    assert "sam" not in caplog.text
    assert "space" not in caplog.text
