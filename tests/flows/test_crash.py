"""Promise 3: a kill −9 at any instant loses no accepted report and doubles none. The process is really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from nightlight.cli.anchor import Anchor
from nightlight.cli.secrets import secret
from nightlight.demo.loopback import free_port
from nightlight.flows.audit import audit
from nightlight.hazmat import base64url
from nightlight.model.case import CaseState
from nightlight.store.database import Database
from tests.databases import case_keys
from tests.loopback import served
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver

NEVER = 10**9


class Server:
    """One Nightlight process."""

    def __init__(self, town: CrashTown, port: int, die_at: int) -> None:
        self._town = town
        self.returncode: int | None = None
        self._number = town.ask(f"{port} {die_at}")

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self._number, signal.SIGKILL)
            self.returncode = self._town.ask("ended")


class CrashTown:
    """A simulated homeserver and a real Nightlight process that can be told when to die."""

    def __init__(self, folder: Path, database_url: str, homeserver_url: str, simulator: SimulatedHomeserver) -> None:
        self.folder = folder
        self._starter: subprocess.Popen[str] | None = None
        self.database_url = database_url
        self.simulator = simulator
        self.bob, self.mallory = simulator.account("bob"), simulator.account("mallory")
        self.room = simulator.room(self.bob, self.mallory)
        (folder / "module-secret").write_text(MODULE_SECRET)
        self.environment = {
            **os.environ,
            "NIGHTLIGHT_DATA_DIR": str(folder),
            "NIGHTLIGHT_DATABASE_URL": database_url,
            "NIGHTLIGHT_HOMESERVER_URL": homeserver_url,
            "NIGHTLIGHT_SERVER_NAME": SERVER_NAME,
            "NIGHTLIGHT_HOMESERVER_TOKEN": ADMIN_TOKEN,
            "NIGHTLIGHT_MODULE_SECRET_FILE": str(folder / "module-secret"),
            # The background stays out of the way: what is counted are the steps of the request.
            "NIGHTLIGHT_POLL_SECONDS": "3600",
            "NIGHTLIGHT_OUTBOX_SECONDS": "3600",
        }

    def arm(self, on: bool) -> None:
        path = self.folder / "armed"
        path.touch() if on else path.unlink(missing_ok=True)

    @property
    def reached(self) -> int:
        path = self.folder / "reached"
        return int(path.read_text()) if path.exists() else 0

    @contextmanager
    def process(self, die_at: int = NEVER) -> Iterator[tuple[Server, str]]:
        port = free_port()
        (self.folder / "reached").unlink(missing_ok=True)
        process = Server(self, port, die_at)
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    httpx.get(f"{url}/health")
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield process, url
        finally:
            process.kill()

    def ask(self, line: str) -> int:
        """A line to the process that forks servers, and its answer."""
        if self._starter is None:
            arguments = [sys.executable, "-m", "tests.flows.crashing_server", str(self.folder)]
            self._starter = subprocess.Popen(
                arguments,
                env=self.environment,
                cwd=Path(__file__).parents[2],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(f"{line}\n")
        self._starter.stdin.flush()
        return int(self._starter.stdout.readline())

    def stop(self) -> None:
        if self._starter is not None:
            self._starter.kill()
            self._starter.communicate()

    def body(self, event_id: str) -> dict[str, Any]:
        key = base64url.encode_urlsafe(self.simulator.message_keys[event_id])
        messages = [{"event_id": event_id, "message_key": key}]
        return {"room_id": self.room, "category": "grooming", "messages": messages}

    def post(self, url: str, event_id: str, key: str) -> httpx.Response | None:
        """The answer, or None where the process died before it gave one."""
        headers = {"Authorization": f"Bearer {self.simulator.token_for(self.bob)}", "Idempotency-Key": key}
        try:
            return httpx.post(f"{url}/v1/reports", json=self.body(event_id), headers=headers, timeout=20)
        except httpx.HTTPError:
            return None

    @contextmanager
    def store(self) -> Iterator[Database]:
        store = Database(self.database_url, secret(self.folder, "log"), case_keys(secret(self.folder, "master")))
        yield store
        store.close()


@pytest.fixture
def town(tmp_path: Path, database_url: str) -> Iterator[CrashTown]:
    simulator = SimulatedHomeserver()
    with served(simulator.app) as url:
        town = CrashTown(tmp_path, database_url, url, simulator)
        yield town
        town.stop()


def test_kill_between_any_two_steps_of_intake_loses_and_doubles_nothing(town: CrashTown) -> None:
    accepted: dict[str, str] = {}
    sent, unanswered = 0, ""
    # At every step on SQLite; on PostgreSQL, for time, at every fifth.
    for die_at in range(1, 200, 1 if town.database_url.startswith("sqlite") else 5):
        event_id = town.simulator.say(town.room, town.mallory, f"[abusive message {die_at}]")
        sent += 1
        with town.process(die_at) as (process, url):
            if unanswered:
                # The reporter got no answer and sends the same thing again, to the restarted service.
                again = town.post(url, unanswered, f"key-{unanswered}")
                assert again is not None
                assert again.status_code in (200, 201)
                assert again.json()["messages"][0]["verdict"] == "VERIFIED"
                accepted[unanswered] = again.json()["report_id"]
            town.arm(True)
            answer = town.post(url, event_id, f"key-{event_id}")
            town.arm(False)
        if answer is not None:
            assert answer.status_code == 201
            accepted[event_id] = answer.json()["report_id"]
            break  # the whole request has fewer steps than this: every instant was tried
        assert process.returncode == -9
        unanswered = event_id
    else:
        pytest.fail("the request never came to an end")
    assert die_at > 10, "the steps of a request were not counted"
    with town.store() as store:
        result = audit(store, Anchor(town.folder / "log-anchor.txt").heads())
        assert (result.reports, result.evidence) == (sent, sent)
        with store.read() as tx:
            assert tx.count_cases(CaseState.OPEN) == len(accepted) == sent
            for event_id, report_id in accepted.items():
                report = tx.report(report_id)
                assert report is not None
                assert [message.event_id for message in report.messages] == [event_id]


def test_kill_while_many_report_keeps_every_acknowledged_report(town: CrashTown) -> None:
    from concurrent.futures import ThreadPoolExecutor

    events = [town.simulator.say(town.room, town.mallory, f"[message {number}]") for number in range(40)]
    with town.process() as (process, url), ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(town.post, url, event, f"key-{event}") for event in events]
        while sum(future.done() for future in futures) < 10:
            time.sleep(0.005)
        process.kill()
        answers = [future.result() for future in futures]
    acknowledged = [answer.json()["report_id"] for answer in answers if answer is not None]
    assert len(acknowledged) >= 10
    with town.store() as store, store.read() as tx:
        assert all(tx.report(report_id) is not None for report_id in acknowledged)
    with town.process() as (_, url):
        for event in events:
            answer = town.post(url, event, f"key-{event}")
            assert answer is not None
            assert answer.status_code in (200, 201)
    with town.store() as store:
        assert audit(store, []).reports == len(events)
