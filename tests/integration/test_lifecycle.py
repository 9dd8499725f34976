"""A homeserver that goes down, comes back, or never comes up; with a town of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from nightlight_synapse import NightlightModule
from synapse.module_api.errors import ConfigError

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.people import Person
from nightlight.demo.synapse import Synapse
from nightlight.errors import UnavailableError
from tests.integration.conftest import Loop


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    with Synapse(tmp_path_factory.mktemp("own") / "synapse") as synapse:
        yield synapse


def test_same_town_is_there_after_a_stop(own: Synapse, run: Loop, tmp_path: Path) -> None:
    secret = own.module_secret_path.read_text()
    matrix = MatrixHomeserver(own.base_url, own.server_name, own.admin_token, secret, 20)
    bob = run(Person.arrive(own, "bob", tmp_path / "bob"))
    room = run(bob.create_encrypted_room([]))
    event = run(bob.say(room, "[text]"))
    token = run(bob.openid_token())
    matrix.send_notice(bob.user_id, "[the rule]", "key-1")
    own.stop()
    own.stop()
    with pytest.raises(UnavailableError) as caught:
        matrix.fetch_event(event)
    assert (caught.value.code, caught.value.retry) == ("homeserver_unreachable", True)
    own.start()
    assert matrix.fetch_event(event)
    assert matrix.whois(token) == bob.user_id
    own.restart()
    assert matrix.membership_at(room, event, bob.user_id) == "join"
    run(bob.depart())
    matrix.close()


def test_ctrl_c_in_the_terminal_does_not_reach_synapse(own: Synapse) -> None:
    assert own._server._process is not None
    assert os.getsid(own._server._process.pid) != os.getsid(0)


def test_synapse_that_does_not_come_up_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    synapse = Synapse(tmp_path / "synapse")
    with socket.create_server(("127.0.0.1", synapse.port)), pytest.raises(UnavailableError) as caught:
        synapse.start()
    assert caught.value.code == "server_down"
    assert "in use" in caught.value.message
    assert synapse._server._process is None


@pytest.mark.parametrize("secret", [b"", b"short", b"\xff" * 40, b"a line" * 10 + b"\n" + b"another" * 10])
def test_module_refuses_a_bad_secret_without_showing_it(tmp_path: Path, secret: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(secret)
    with pytest.raises(ConfigError) as caught:
        NightlightModule.parse_config({"secret_path": str(path)})
    assert "secret" in str(caught.value)
    assert "another" not in str(caught.value)


@pytest.mark.parametrize("config", [None, {}, {"secret_path": 7}, {"secret_path": "/nowhere/at/all"}, {"secret": "x"}])
def test_module_says_what_to_set(config: object) -> None:
    with pytest.raises(ConfigError, match="secret_path"):
        NightlightModule.parse_config(config)  # type: ignore[arg-type]


def test_module_shows_no_secret_in_its_repr(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s" * 32 + "\n")
    assert "ssss" not in repr(NightlightModule.parse_config({"secret_path": str(path)}))
