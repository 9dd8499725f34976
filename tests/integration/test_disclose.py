"""A reporter with a real app: from its key file to a proven report, with one command on their own computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from nightlight.demo.people import Person
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse
from tests.integration.conftest import Loop


def test_one_command_sends_a_proven_report_and_no_key_but_the_messages_own(
    run: Loop, people: tuple[Person, Person], synapse: Synapse, service: Service, tmp_path: Path
) -> None:
    bob, mallory = people

    async def chat() -> tuple[str, list[str]]:
        room = await mallory.create_encrypted_room([bob.user_id])
        await bob.join(room)
        await mallory.sync()
        events = [await mallory.say(room, f"[abusive message {number}]") for number in range(2)]
        await bob.sync()
        await bob.export_keys(tmp_path / "keys.txt", "a passphrase")
        return room, events

    room, events = run(chat())
    command = [
        *(sys.executable, "-m", "nightlight.cli.main", "disclose", "--keys", str(tmp_path / "keys.txt")),
        *(
            "--homeserver",
            synapse.base_url,
            "--event",
            events[0],
            "--category",
            "threat",
            "--send",
            service.url,
            "--yes",
        ),
    ]
    secrets = {"NIGHTLIGHT_PASSPHRASE": "a passphrase", "MATRIX_ACCESS_TOKEN": bob.access_token}
    done = subprocess.run(command, env={**os.environ, **secrets}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "VERIFIED" in said
    assert json.loads(done.stdout)["room_id"] == room  # found without naming it
    status = httpx.get(said.split("Follow it at ")[1].split()[0]).json()
    assert (status["state"], status["messages"][0]["code"]) == ("in_review", "ok")
    assert bob.access_token not in (service.folder / "nightlight.log").read_text()
    again = subprocess.run(command, env={**os.environ, **secrets}, capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert again.stderr.split("Follow it at ")[1] == done.stderr.split("Follow it at ")[1]  # the same report
