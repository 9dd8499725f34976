"""The module's redaction, on every way a sender may try to get out of it, in old and new room versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.people import Person
from nightlight.errors import RefusedError
from tests.integration.conftest import Loop

People = tuple[Person, Person]


async def two_messages(bob: Person, mallory: Person, version: str) -> tuple[str, list[str]]:
    """Bob's room, of which he alone is the administrator; two encrypted messages of Mallory."""
    encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    made = await bob.request(
        "POST",
        "/createRoom",
        {"room_version": version, "invite": [mallory.user_id], "initial_state": [encryption]},
    )
    room: str = made["room_id"]
    await mallory.join(room)
    return room, [await mallory.say(room, text) for text in ("[abusive message 1]", "[a harmless message]")]


def only_first_is_gone(run: Loop, bob: Person, room: str, events: list[str]) -> None:
    first, second = (run(bob.raw_event(room, event)) for event in events)
    assert not first["content"]
    assert second["content"]["ciphertext"]


@pytest.mark.parametrize("version", ["6", "10", "11", "12"])
def test_exactly_one_message_is_redacted_in_every_room_version(
    run: Loop, people: People, matrix: MatrixHomeserver, version: str
) -> None:
    bob, mallory = people
    room, events = run(two_messages(bob, mallory, version))
    matrix.redact(room, events[0], "[reason]")
    matrix.redact(room, events[0], "[reason]")
    only_first_is_gone(run, bob, room, events)
    run(bob.sync())
    assert [text for _, _, text in run(bob.decrypted(room))] == ["[a harmless message]"]


async def leave(_bob: Person, mallory: Person, room: str) -> None:
    await mallory.leave(room)


async def be_kicked(bob: Person, mallory: Person, room: str) -> None:
    await bob.request("POST", f"/rooms/{room}/kick", {"user_id": mallory.user_id})


async def be_banned(bob: Person, mallory: Person, room: str) -> None:
    await bob.request("POST", f"/rooms/{room}/ban", {"user_id": mallory.user_id})


async def be_muted(bob: Person, _mallory: Person, room: str) -> None:
    await bob.request("PUT", f"/rooms/{room}/state/m.room.power_levels", {"events_default": 50, "state_default": 50})


@pytest.mark.parametrize("dodge", [leave, be_kicked, be_banned, be_muted])
def test_what_happened_to_the_sender_since_changes_nothing(
    run: Loop, people: People, matrix: MatrixHomeserver, dodge: Callable[[Person, Person, str], Any]
) -> None:
    bob, mallory = people
    room, events = run(two_messages(bob, mallory, "12"))
    run(dodge(bob, mallory, room))
    matrix.redact(room, events[0], "[reason]")
    only_first_is_gone(run, bob, room, events)


@pytest.mark.parametrize("action", ["suspend", "lock", "deactivate"])
def test_account_acted_on_before_is_redacted_all_the_same(
    run: Loop, people: People, matrix: MatrixHomeserver, action: str
) -> None:
    bob, mallory = people
    room, events = run(two_messages(bob, mallory, "12"))
    getattr(matrix, action)(mallory.user_id)
    matrix.redact(room, events[0], "[reason]")
    only_first_is_gone(run, bob, room, events)


def test_room_state_is_not_redacted(run: Loop, people: People, matrix: MatrixHomeserver, tmp_path: Path) -> None:
    bob, mallory = people
    room, _ = run(two_messages(bob, mallory, "12"))
    state = run(bob.request("GET", f"/rooms/{room}/state"))
    names = {event["type"]: event["event_id"] for event in state}  # type: ignore[index]
    for kind in ("m.room.encryption", "m.room.member"):
        with pytest.raises(RefusedError) as caught:
            matrix.redact(room, names[kind], "[reason]")
        assert caught.value.code == "not_redacted"
