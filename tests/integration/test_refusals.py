"""What a stranger sees and how long it takes: a child's refusal or silence is anybody's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.prevention import Account, Protected

ROUNDS = 15


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """A town whose policy refuses openly (``denied_looks``), as somebody's own "block all invitations" does."""
    with Protected(tmp_path_factory.mktemp("refusing"), "strict") as town:
        yield town


def seen(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything that a client gets but the time of day."""
    return answer.status_code, answer.content, [(k, v) for k, v in answer.headers.multi_items() if k != "date"]


def blocking_everybody(town: Protected) -> Account:
    account = town.account("jo", "adult")
    account.put_account_data("m.invite_permission_config", {"default_action": "block"})
    return account


def test_a_denied_invitation_is_refused_with_the_bytes_of_somebodys_own_block(refusing: Protected) -> None:
    child, nobody, stranger = refusing.account("kim", "13_15"), blocking_everybody(refusing), refusing.account("sam")
    room = stranger.room()
    denied, blocked = stranger.invite(room, child.user_id), stranger.invite(room, nobody.user_id)
    assert seen(denied) == seen(blocked)
    assert (denied.status_code, denied.json()["errcode"]) == (403, "M_INVITE_BLOCKED")
    rooms = stranger.joined()
    denied, blocked = stranger.create_room(child.user_id), stranger.create_room(nobody.user_id)
    assert seen(denied) == seen(blocked)
    assert denied.status_code == 403
    assert stranger.joined() == rooms


def test_a_denied_invitation_takes_the_time_of_somebodys_own_block(refusing: Protected) -> None:
    child, nobody, stranger = refusing.account("kim", "13_15"), blocking_everybody(refusing), refusing.account("sam")
    assert_same_time(stranger, child, nobody, 403)


def test_a_hidden_invitation_takes_the_time_of_one_that_is_shown(town: Protected) -> None:
    child, grown_up, stranger = town.account("kim", "13_15"), town.account("jo", "adult"), town.account("sam", "adult")
    assert_same_time(stranger, child, grown_up, 200)


def assert_same_time(stranger: Account, one: Account, other: Account, status: int) -> None:
    """By medians of turns taken alternately; an honest difference would be one step of 40 ms."""
    times: dict[str, list[float]] = {one.user_id: [], other.user_id: []}
    for number in range(ROUNDS):
        room = stranger.room()
        for account in sorted(times, reverse=bool(number % 2)):
            started = time.perf_counter()
            assert stranger.invite(room, account).status_code == status
            times[account].append(time.perf_counter() - started)
    first, second = (statistics.median(taken) for taken in times.values())
    assert abs(first - second) < 0.03
