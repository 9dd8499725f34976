"""What our module in Synapse keeps in a file of its own."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from nightlight_synapse import state as module_state
from nightlight_synapse.state import FullError, Listed, State

KIM, SAM, ROOM = "@kim:home.test", "@sam:home.test", "!room:home.test"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite3"


def test_what_is_hidden_is_written_with_the_lists_it_will_stand_in(path: Path) -> None:
    state = State(str(path), "secret")
    state.add_hidden(KIM, SAM, ROOM, Listed(ignored=True, filtered=True))
    after_a_restart = State(str(path), "secret")
    assert after_a_restart.hidden_of(KIM, SAM) == [ROOM]
    assert after_a_restart.listed(KIM, SAM) == Listed(ignored=True, filtered=True)
    assert after_a_restart.ignored_by_us(KIM) == {SAM}


def test_reading_does_not_wait_for_somebody_who_writes(path: Path) -> None:
    state = State(str(path), "secret")
    state.add_hidden(KIM, SAM, ROOM, Listed())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = threading.Thread(target=state.add_room, args=("decision", ROOM))
    waiting.start()
    assert state.hidden_of(KIM, SAM) == [ROOM]
    assert waiting.is_alive()
    other.execute("COMMIT")
    waiting.join(10)
    assert state.untold_rooms(5) == [("decision", ROOM)]


def test_two_statements_are_one_step(path: Path) -> None:
    state = State(str(path), "secret")
    with pytest.raises(sqlite3.Error):
        state._write_all(("INSERT INTO rooms VALUES ('d', 'r', 1)", ()), ("INSERT INTO nowhere VALUES (1)", ()))
    assert state.untold_rooms(5) == []
    state.add_room("decision", ROOM)


def test_more_than_the_file_takes_is_refused_and_what_is_there_can_still_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_state, "HIDDEN_MAX", 3)
    state = State(str(path), "secret")
    for number in range(3):
        state.add_hidden(f"@child{number}:home.test", SAM, ROOM, Listed())
    with pytest.raises(FullError):
        state.add_hidden(KIM, SAM, ROOM, Listed())
    state.add_hidden("@child0:home.test", SAM, "!other:home.test", Listed())
    state.remove_hidden("@child1:home.test", SAM)
    state.remove_hidden("@child0:home.test", SAM)
    state.add_hidden(KIM, SAM, ROOM, Listed())


def test_one_account_has_a_bound_of_its_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_state, "HIDDEN_FROM_MAX", 2)
    state = State(str(path), "secret")
    for number in range(2):
        state.add_hidden(KIM, f"@stranger{number}:home.test", ROOM, Listed())
    with pytest.raises(FullError):
        state.add_hidden(KIM, SAM, ROOM, Listed())
    state.add_hidden("@alex:home.test", SAM, ROOM, Listed())
