"""A conversation on a real Synapse: its order, its gaps, and a report of a part of it from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.people import Person
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse
from tests.integration.conftest import Loop

People = tuple[Person, Person]


async def a_chat(bob: Person, mallory: Person) -> tuple[str, list[str]]:
    """Seven messages, the third and the sixth by Bob; the fifth edits the fourth; then a reaction."""
    room = await mallory.create_encrypted_room([bob.user_id])
    await bob.join(room)
    events: list[str] = []
    for number, who in enumerate([mallory, mallory, bob, mallory]):
        events.append(await who.say(room, f"[message {number}]"))
    edit = {
        "msgtype": "m.text",
        "body": "* [edited]",
        "m.new_content": {"msgtype": "m.text", "body": "[edited]"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": events[3]},
    }
    events.append(await mallory.send(room, edit))
    events.append(await bob.say(room, "[message 5]"))
    events.append(await mallory.say(room, "[message 6]"))
    await bob.sync()
    return room, events


def test_synapse_tells_the_order_and_what_lies_between(run: Loop, people: People, matrix: MatrixHomeserver) -> None:
    room, events = run(a_chat(*people))
    assert matrix.timeline(room, events[1], {events[4], events[1]})[:4] == events[1:5]
    assert matrix.timeline(room, events[0], set(events)) == events
    assert matrix.timeline(room, "$nothing-of-the-kind", set(events)) == []
    assert matrix.timeline("!elsewhere", events[0], set(events)) == []


def test_disclose_sends_what_was_said_around_as_context(
    run: Loop, people: People, synapse: Synapse, service: Service, tmp_path: Path
) -> None:
    bob, mallory = people
    room, events = run(a_chat(bob, mallory))
    run(bob.export_keys(tmp_path / "keys.txt", "a passphrase"))
    command = [
        *(sys.executable, "-m", "nightlight.cli.main", "disclose", "--keys", str(tmp_path / "keys.txt")),
        *("--homeserver", synapse.base_url, "--room", room, "--event", events[3], "--around", "1"),
        *("--context-event", events[0], "--category", "threat", "--send", service.url, "--yes"),
    ]
    secrets = {"NIGHTLIGHT_PASSPHRASE": "a passphrase", "MATRIX_ACCESS_TOKEN": bob.access_token}
    done = subprocess.run(command, env={**os.environ, **secrets}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    roles = {message["event_id"]: message.get("role", "reported") for message in report["messages"]}
    assert roles == {
        events[3]: "reported",
        events[0]: "context",
        events[2]: "context",
        events[4]: "context",
    }
    assert "will be opened as context" in " ".join(done.stderr.split())
    service.add_reviewer("robin", "a long password")
    with ReviewerSession(service.url) as robin:
        robin.sign_in("robin", "a long password")
        case_id = robin.queue().split("/cases/")[1].split('"')[0]
        page = " ".join(robin.case(case_id).split())
    assert "1 message omitted" in page
    assert page.count("Nothing omitted in between.") == 2
    assert page.count("the reporter's own") + page.count("the reporter&#39;s own") == 1
    assert 'Edits <a href="#m-3">message 3</a>' in page
    assert page.count(">context</span>") == 3
