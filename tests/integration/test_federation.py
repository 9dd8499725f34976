"""Who may reach whom between two homeservers: what the other server sees, and what the child does."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.integration.federation import Neighbours
from tests.integration.prevention import Account, until


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    with Neighbours(tmp_path_factory.mktemp("federation")) as neighbours:
        yield neighbours


def asking_child(neighbours: Neighbours) -> tuple[Account, Account]:
    """A child of 16 or 17, and somebody elsewhere who is not a stranger to all: the policy makes it a request."""
    town = neighbours.town
    child, friend, asker = town.account("kim", "16_17"), town.account("jo", "16_17"), neighbours.account("lee")
    town.age(asker.user_id, "16_17")
    town.connect(child, friend)
    town.connect_ids(asker.user_id, friend.user_id)
    return child, asker


def test_a_remote_strangers_invitation_never_shows_and_looks_unanswered(neighbours: Neighbours) -> None:
    child, grown_up = neighbours.town.account("kim", "13_15"), neighbours.town.account("jo", "adult")
    stranger = neighbours.account("sam")
    since = child.sync_token()
    room = stranger.room(name="[a room name]")
    hidden, shown = stranger.invite(room, child.user_id), stranger.invite(room, grown_up.user_id)
    assert (hidden.status_code, hidden.content) == (shown.status_code, shown.content) == (200, b"{}")
    assert stranger.membership(room, child.user_id) == stranger.membership(room, grown_up.user_id) == "invite"
    assert grown_up.invitations() == [room]
    assert child.invitations() == child.sliding_invitations() == []
    assert child.sync(since).get("rooms", {}) == {}
    assert neighbours.town.requests(child) == []
    assert child.join(room).status_code == 403  # not for who got the address elsewhere, either


def test_a_remote_request_that_is_accepted_joins_the_remote_room(neighbours: Neighbours) -> None:
    child, asker = asking_child(neighbours)
    room = asker.room(child.user_id, is_direct=True)
    assert child.invitations() == child.sliding_invitations() == []
    (request,) = neighbours.town.requests(child)
    neighbours.town.answer(child, request["request_id"], "accept")
    until("joining", lambda: asker.membership(room, child.user_id) == "join", 30)
    until("the room", lambda: room in child.joined())
    until("the end of hiding", lambda: child.ignored() == [])
    body = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "A" * 20, "session_id": "s", "sender_key": "k"}
    sent = asker.ask("PUT", f"/rooms/{quote(room)}/send/m.room.encrypted/1", body)["event_id"]
    path = f"/rooms/{quote(room)}/event/{quote(sent)}"
    until("the message", lambda: child.send("GET", path).status_code == 200)


def test_a_remote_request_that_is_declined_leaves(neighbours: Neighbours) -> None:
    child, asker = asking_child(neighbours)
    room = asker.room(child.user_id, is_direct=True)
    (request,) = neighbours.town.requests(child)
    neighbours.town.answer(child, request["request_id"], "decline")
    until("leaving", lambda: asker.membership(room, child.user_id) == "leave", 30)
    until("the end of hiding", lambda: child.ignored() == [])


def test_a_remote_invitation_that_is_taken_back_ends_the_request(neighbours: Neighbours) -> None:
    child, asker = asking_child(neighbours)
    room = asker.room(child.user_id, is_direct=True)
    assert len(neighbours.town.requests(child)) == 1
    asker.ask("POST", f"/rooms/{quote(room)}/kick", {"user_id": child.user_id})
    until("the end of the request", lambda: neighbours.town.requests(child) == [], 30)
    until("the end of hiding", lambda: child.ignored() == [])


def test_a_remote_knock_on_a_childs_room_is_refused(neighbours: Neighbours) -> None:
    child, stranger = neighbours.town.account("kim", "13_15"), neighbours.account("sam")
    rules = {"type": "m.room.join_rules", "content": {"join_rule": "knock"}}
    server = neighbours.town.synapse.server_name
    room = child.room(initial_state=[rules])
    knocked = stranger.send("POST", f"/knock/{quote(room)}?server_name={quote(server)}", {})
    assert knocked.status_code == 403
    grown_up = neighbours.town.account("jo", "adult")
    other = grown_up.room(initial_state=[rules])
    assert stranger.send("POST", f"/knock/{quote(other)}?server_name={quote(server)}", {}).status_code == 200


def test_adults_on_two_servers_meet_as_ever(neighbours: Neighbours) -> None:
    here, there = neighbours.town.account("jo", "adult"), neighbours.account("al")
    room = there.room(here.user_id, is_direct=True)
    assert here.invitations() == [room]
    assert here.join(room).status_code == 200
    back = here.room(there.user_id, is_direct=True)
    until("the invitation", lambda: there.invitations() == [back])
    assert there.join(back).status_code == 200
    assert here.ignored() == []


def test_a_child_may_invite_somebody_elsewhere(neighbours: Neighbours) -> None:
    child, friend = neighbours.town.account("kim", "13_15"), neighbours.account("lee")
    room = child.room(friend.user_id, is_direct=True)
    until("the invitation", lambda: friend.invitations() == [room])


def test_no_clock_tells_a_remote_stranger_what_was_decided(neighbours: Neighbours) -> None:
    child, grown_up = neighbours.town.account("kim", "13_15"), neighbours.town.account("jo", "adult")
    times: dict[str, list[float]] = {child.user_id: [], grown_up.user_id: []}
    for number in range(16):
        stranger = neighbours.account("sam")
        room = stranger.room()
        for account in sorted(times, reverse=bool(number % 2)):
            started = time.perf_counter()
            assert stranger.invite(room, account).status_code == 200
            times[account].append(time.perf_counter() - started)
    hidden, shown = (statistics.median(taken) for taken in times.values())
    assert abs(hidden - shown) < 0.5 * max(hidden, shown)


def test_without_nightlight_remote_invitations_to_children_are_hidden_and_decided_later(
    neighbours: Neighbours,
) -> None:
    town = neighbours.town
    child, asker = asking_child(neighbours)
    stranger, baby = neighbours.account("sam"), town.account("kim", "13_15")
    town.service.kill()
    try:
        room = asker.room(child.user_id, is_direct=True)
        denied = stranger.room(baby.user_id, is_direct=True)
        assert asker.membership(room, child.user_id) == stranger.membership(denied, baby.user_id) == "invite"
        assert child.invitations() == child.sliding_invitations() == []
        assert baby.invitations() == baby.sliding_invitations() == []
    finally:
        town.service.start()
    until("the request", lambda: [one["room"] for one in town.requests(child)] == [room], 30)
    town.answer(child, town.requests(child)[0]["request_id"], "accept")
    until("joining", lambda: asker.membership(room, child.user_id) == "join", 30)
    assert baby.invitations() == []
    assert town.requests(baby) == []
