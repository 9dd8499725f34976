"""``nightlight doctor`` on real installations, a good one and a bad one, run as an operator runs it."""

from __future__ import annotations

import json
from pathlib import Path

from nightlight.demo.loopback import free_port
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse, write_private
from tests.integration.prevention import Protected


def test_a_good_installation_has_no_problem(town: Protected) -> None:
    stranger, child = town.account("eve", "adult"), town.account("kim", "13_15")
    stranger.create_room(child.user_id, is_direct=True)
    done = town.service.run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for said in ("Synapse 1.163", "is one of a server admin", "is answered", "no more than they have to", "arrives"):
        assert said in done.stdout
    # What is so on loopback and is not to be so elsewhere.
    assert "! address" in done.stdout
    assert "! helplines" in done.stdout


def test_a_homeserver_that_is_only_half_set_up_is_told_what_is_missing(synapse: Synapse, tmp_path: Path) -> None:
    """Its module has no url, nothing of docs/install-synapse.md is set, and Nightlight's service is not running."""
    registration = tmp_path / "appservice.yaml"
    write_private(registration, json.dumps({"as_token": "a" * 40, "hs_token": "h" * 40}))
    service = Service(
        tmp_path / "nightlight", synapse, synapse.module_secret_path, free_port(), appservice_file=str(registration)
    )
    write_private(service.folder / "homeserver-token", synapse.admin_token)
    service.add_reviewer("robin", "correct horse battery")  # makes the store
    done = service.run("doctor", "--json")
    assert done.returncode == 3, done.stderr
    problems = {one["part"]: one for one in json.loads(done.stdout) if one["level"] == "problem"}
    assert problems.keys() == {"module", "history"}
    assert "url and state_path" in problems["module"]["mend"]
    assert "app_service_config_files" in problems["history"]["mend"]


def test_wrong_secrets_are_problems_of_their_own(synapse: Synapse, tmp_path: Path) -> None:
    other = tmp_path / "other-secret"
    write_private(other, "x" * 40)
    service = Service(tmp_path / "nightlight", synapse, other, free_port())
    write_private(service.folder / "homeserver-token", "no-token-of-anybody")
    service.add_reviewer("robin", "correct horse battery")
    done = service.run("doctor")
    assert done.returncode == 3
    assert "✗ admin token" in done.stdout
    assert "✗ module: The module does not accept our secret." in done.stdout
    assert "x" * 40 not in done.stdout + done.stderr
