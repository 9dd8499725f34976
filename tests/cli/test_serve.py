"""``nightlight serve`` as an operator runs it: several processes on PostgreSQL, one log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from nightlight.cli.secrets import secret
from nightlight.demo.loopback import free_port
from nightlight.flows.audit import audit
from nightlight.hazmat import base64url
from nightlight.store.database import Database
from tests.databases import Postgres, case_keys, postgres
from tests.loopback import served
from tests.simulators.homeserver import ADMIN_TOKEN, SERVER_NAME, SimulatedHomeserver

__all__ = ["postgres"]


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        yield url


def test_several_processes_keep_one_log_and_double_nothing(tmp_path: Path, database_url: str) -> None:
    simulator = SimulatedHomeserver()
    bob, mallory = simulator.account("bob"), simulator.account("mallory")
    room = simulator.room(bob, mallory)
    events = [simulator.say(room, mallory, f"[message {number}]") for number in range(30)]
    for event in events[:5]:
        simulator.report(bob, room, event, "pressed report in the app")
    token = simulator.token_for(bob)
    port = free_port()
    with served(simulator.app) as homeserver_url:
        environment = {
            **os.environ,
            "NIGHTLIGHT_DATA_DIR": str(tmp_path),
            "NIGHTLIGHT_DATABASE_URL": database_url,
            "NIGHTLIGHT_PORT": str(port),
            "NIGHTLIGHT_HOMESERVER_URL": homeserver_url,
            "NIGHTLIGHT_SERVER_NAME": SERVER_NAME,
            "NIGHTLIGHT_HOMESERVER_TOKEN": ADMIN_TOKEN,
            "NIGHTLIGHT_POLL_SECONDS": "0.2",
        }
        command = [sys.executable, "-m", "nightlight.cli.main", "serve", "--workers", "3"]
        log = (tmp_path / "log").open("w")
        service = subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"{url}/health")
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)

            def send(event: str) -> int:
                key = base64url.encode_urlsafe(simulator.message_keys[event])
                body = {"room_id": room, "category": "threat", "messages": [{"event_id": event, "message_key": key}]}
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": event}
                return httpx.post(f"{url}/v1/reports", json=body, headers=headers, timeout=30).status_code

            with ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(send, [*events, *events]))
            assert sorted(answers) == [200] * 30 + [201] * 30
            deadline = time.monotonic() + 30
            while len(simulator.notices) < 5:  # the app's own reports were collected, and answered once each
                assert time.monotonic() < deadline
                time.sleep(0.2)
            time.sleep(1)
        finally:
            os.killpg(service.pid, signal.SIGTERM)
            assert service.wait(timeout=30) is not None
            log.close()
    assert len(simulator.notices) == 5
    store = Database(database_url, secret(tmp_path, "log"), case_keys(secret(tmp_path, "master")))
    result = audit(store, [])
    assert (result.reports, result.evidence) == (35, 30)
    store.close()
    assert token not in (tmp_path / "log").read_text()
