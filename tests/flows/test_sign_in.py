"""Reviewers' sign-in."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from nightlight.errors import RefusedError, UnavailableError
from nightlight.flows import sign_in
from tests.world import World

PASSWORD = "a long enough password"


def test_right_password_opens_a_session_that_ends(world: World) -> None:
    world.door.add_reviewer("robin", PASSWORD, "test")
    token = world.door.sign_in(" Robin ", PASSWORD)
    assert world.door.user_of(token) == "robin"
    world.clock.at += 3_600_001
    assert world.door.user_of(token) is None


@pytest.mark.parametrize(
    ("name", "password"), [("robin", "wrong"), ("nobody", PASSWORD), ("", ""), ("robin", "x" * 100_000)]
)
def test_wrong_name_and_wrong_password_look_alike(world: World, name: str, password: str) -> None:
    world.door.add_reviewer("robin", PASSWORD, "test")
    with pytest.raises(RefusedError) as caught:
        world.door.sign_in(name, password)
    assert (caught.value.code, caught.value.message) == ("sign_in_failed", "Name and password do not fit together.")


def test_guessing_is_slowed_down_for_known_and_unknown_names_alike(world: World) -> None:
    world.door.add_reviewer("robin", PASSWORD, "test")
    for name in ("robin", "nobody"):
        for _ in range(5):
            with pytest.raises(RefusedError, match="do not fit"):
                world.door.sign_in(name, "wrong password")
        with pytest.raises(RefusedError) as caught:
            world.door.sign_in(name, PASSWORD)
        assert caught.value.code == "sign_in_blocked"
    world.clock.at += 15 * 60_000 + 1
    assert world.door.sign_in("robin", PASSWORD)


def test_strangers_cannot_have_many_passwords_hashed_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "_QUEUE_SECONDS", 0.01)
    world.door.add_reviewer("robin", PASSWORD, "test")
    for _ in range(4):
        world.door.places.acquire()
    with pytest.raises(UnavailableError) as caught:
        world.door.sign_in("robin", PASSWORD)
    assert caught.value.code == "sign_in_busy"
    world.door.places.release()
    assert world.door.sign_in("robin", PASSWORD)


def test_removed_reviewer_is_out_at_once(world: World) -> None:
    world.door.add_reviewer("robin", PASSWORD, "test")
    token = world.door.sign_in("robin", PASSWORD)
    world.door.remove_reviewer("robin", "test")
    assert world.door.user_of(token) is None
    with pytest.raises(RefusedError):
        world.door.sign_in("robin", PASSWORD)


def test_new_password_ends_old_sessions(world: World) -> None:
    world.door.add_reviewer("robin", PASSWORD, "test")
    token = world.door.sign_in("robin", PASSWORD)
    world.door.add_reviewer("robin", PASSWORD + "!", "test")
    assert world.door.user_of(token) is None


def test_neither_password_nor_session_token_is_stored(world: World) -> None:
    world.door.add_reviewer("robin", PASSWORD, "test")
    token = world.door.sign_in("robin", PASSWORD)
    with world.store.engine.connect() as connection:
        for table in ("reviewers", "sessions", "log_entries"):
            stored = repr(connection.execute(text(f"SELECT * FROM {table}")).all())
            assert PASSWORD not in stored
            assert token not in stored
        assert "$argon2id$" in repr(connection.execute(text("SELECT password_hash FROM reviewers")).all())


@pytest.mark.parametrize(
    ("name", "password"), [("Robin Hood", PASSWORD), ("", PASSWORD), ("robin", "short"), ("robin", "x" * 257)]
)
def test_unfit_names_and_passwords_are_refused(world: World, name: str, password: str) -> None:
    with pytest.raises(RefusedError):
        world.door.add_reviewer(name, password, "test")
