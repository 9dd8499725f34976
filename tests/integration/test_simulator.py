"""The simulated homeserver answers as a real one does, and its events follow the rules of real ones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from canonicaljson import encode_canonical_json

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.people import Person
from nightlight.demo.synapse import Synapse
from nightlight.errors import NightlightError
from nightlight.evidence.stored_event import check_stored_event
from tests.integration.conftest import Loop
from tests.loopback import served
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver

People = tuple[Person, Person]
NOBODY, STRANGER = "@nobody:{server}", "@nobody:elsewhere.example"


def rehashed(event: dict[str, Any]) -> tuple[str, str]:
    """Content hash and event id by the rule that the simulator builds its events with."""
    event = {key: value for key, value in event.items() if key not in ("signatures", "unsigned", "event_id")}
    covered = {key: value for key, value in event.items() if key != "hashes"}
    content_hash = base64.b64encode(hashlib.sha256(encode_canonical_json(covered)).digest()).decode().rstrip("=")
    reduced = {**event, "content": {}}
    event_id = base64.urlsafe_b64encode(hashlib.sha256(encode_canonical_json(reduced)).digest()).decode().rstrip("=")
    return content_hash, f"${event_id}"


@pytest.fixture
def simulator() -> SimulatedHomeserver:
    return SimulatedHomeserver()


@pytest.fixture
def simulated(simulator: SimulatedHomeserver) -> Iterator[MatrixHomeserver]:
    with served(simulator.app) as url:
        matrix = MatrixHomeserver(url, SERVER_NAME, ADMIN_TOKEN, MODULE_SECRET, 5)
        yield matrix
        matrix.close()


def test_simulated_events_follow_the_rules_of_real_ones(
    run: Loop,
    people: People,
    matrix: MatrixHomeserver,
    simulator: SimulatedHomeserver,
    simulated: MatrixHomeserver,
) -> None:
    bob, mallory = people
    room = run(mallory.create_encrypted_room([bob.user_id]))
    real_id = run(mallory.say(room, "[abusive message 1]"))
    twin_room = simulator.room(simulator.account("mallory"))
    twin_id = simulator.say(twin_room, simulator.account("mallory"), "[abusive message 1]")
    real, twin = matrix.fetch_event(real_id), simulated.fetch_event(twin_id)
    assert real is not None
    assert twin is not None
    for event, event_id in ((real, real_id), (twin, twin_id)):
        assert rehashed(event) == (event["hashes"]["sha256"], event_id)
        assert not check_stored_event(event, event_id).redacted
    # Synapse adds its own bookkeeping to ``unsigned``; everything hashed and signed has the same keys.
    assert real.keys() - {"unsigned"} == twin.keys() - {"unsigned"}
    assert real["content"].keys() == twin["content"].keys()


def errors_of(matrix: MatrixHomeserver, server: str, room: str, other: str, event: str) -> dict[str, str]:
    """What the adapter makes of impossible requests; only the code counts."""
    nobody = NOBODY.format(server=server)
    asked: dict[str, Callable[[], object]] = {
        "whois": partial(matrix.whois, "unknown"),
        "event": partial(matrix.fetch_event, "$unknown"),
        "event with a path in it": partial(matrix.fetch_event, "$/../.."),
        "event of another room": partial(matrix.membership_at, other, event, nobody),
        "event of no room": partial(matrix.membership_at, "!none", event, nobody),
        "no event": partial(matrix.membership_at, room, "$unknown", nobody),
        "no member": partial(matrix.membership_at, room, event, nobody),
        "no room": partial(matrix.membership_now, "!none", nobody),
        "media": partial(matrix.quarantine, f"mxc://{server}/lost"),
        "media let go": partial(matrix.unquarantine, f"mxc://{server}/lost"),
        "redact": partial(matrix.redact, room, "$unknown", "reason"),
        "redact in another room": partial(matrix.redact, other, event, "reason"),
    }
    for name, account in (("nobody", nobody), ("stranger", STRANGER)):
        for act in (matrix.suspend, matrix.lock, matrix.deactivate, matrix.unsuspend, matrix.unlock):
            asked[f"{act.__name__} {name}"] = partial(act, account)
        asked[f"notice {name}"] = partial(matrix.send_notice, account, "text", "key")
    answers = {}
    for what, ask in asked.items():
        try:
            answers[what] = repr(ask())
        except NightlightError as error:
            answers[what] = f"{type(error).__name__} {error.code}"
    return answers


def test_simulator_refuses_as_synapse_does(
    run: Loop,
    people: People,
    matrix: MatrixHomeserver,
    synapse: Synapse,
    simulator: SimulatedHomeserver,
    simulated: MatrixHomeserver,
) -> None:
    bob, mallory = people
    room = run(mallory.create_encrypted_room([bob.user_id]))
    other = run(mallory.create_encrypted_room([]))
    event = run(mallory.say(room, "[text]"))
    author = simulator.account("mallory")
    twin_room, twin_other = simulator.room(author), simulator.room(author)
    twin_event = simulator.say(twin_room, author, "[text]")
    simulator.lost_media.add(f"mxc://{SERVER_NAME}/lost")
    real = errors_of(matrix, synapse.server_name, room, other, event)
    assert errors_of(simulated, SERVER_NAME, twin_room, twin_other, twin_event) == real
    assert not any(answer.startswith("UnavailableError") for answer in real.values())


def test_simulator_lists_reports_with_the_keys_of_synapse(
    run: Loop, people: People, synapse: Synapse, simulator: SimulatedHomeserver, simulated: MatrixHomeserver
) -> None:
    bob, mallory = people
    room = run(mallory.create_encrypted_room([bob.user_id]))
    run(bob.join(room))
    run(bob.report_with_matrix(room, run(mallory.say(room, "[text]")), "reason"))
    run(bob.report_account(mallory.user_id, "reason"))
    simulator.report("@bob:sim.example", "!room", "$event", "reason")
    simulator.report_account("@bob:sim.example", "@mallory:sim.example", "reason")
    with served(simulator.app) as url:
        for what in ("event_reports", "user_reports"):
            answers = [
                httpx.get(
                    f"{base}/_synapse/admin/v1/{what}?dir=b&from=0&limit=1",
                    headers={"Authorization": f"Bearer {token}"},
                    trust_env=False,
                ).json()
                for base, token in ((synapse.base_url, synapse.admin_token), (url, ADMIN_TOKEN))
            ]
            real, twin = (answer[what][0] for answer in answers)
            assert real.keys() == twin.keys()
