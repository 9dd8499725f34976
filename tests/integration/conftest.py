from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.people import Person
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse
from tests.integration.prevention import Protected
from tests.loopback import served
from tests.simulators.school import School

T = TypeVar("T")


class Loop:
    """One event loop for a whole test module, so that people may live longer than one test.

    In a thread of its own: the browser's driver keeps a loop in the thread of the tests.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __call__(self, story: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(story, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


@pytest.fixture(scope="module")
def run() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """One real Synapse for the tests of one file: what was reported in others is not collected.

    People may also sign in with their (simulated) school.
    """
    with served(School().app) as school:
        single_sign_on = {"cas_config": {"enabled": True, "server_url": school, "protocol_version": 2}}
        with Synapse(tmp_path_factory.mktemp("town") / "synapse", single_sign_on) as synapse:
            yield synapse


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """One town with a contact policy for all tests of prevention; everybody in it is new for each test."""
    with Protected(tmp_path_factory.mktemp("prevention")) as town:
        yield town


@pytest.fixture
def matrix(synapse: Synapse) -> Iterator[MatrixHomeserver]:
    secret = synapse.module_secret_path.read_text()
    matrix = MatrixHomeserver(synapse.base_url, synapse.server_name, synapse.admin_token, secret, 20)
    yield matrix
    matrix.close()


_numbers = itertools.count(1)


@pytest.fixture
def people(synapse: Synapse, run: Loop, tmp_path: Path) -> Iterator[tuple[Person, Person]]:
    """Bob and Mallory, new for each test, each with a client that encrypts."""
    number = next(_numbers)
    bob = run(Person.arrive(synapse, f"bob{number}", tmp_path / "bob"))
    mallory = run(Person.arrive(synapse, f"mallory{number}", tmp_path / "mallory"))
    yield bob, mallory
    run(bob.depart())
    run(mallory.depart())


@pytest.fixture
def service(synapse: Synapse, tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "nightlight", synapse, synapse.module_secret_path)
    service.add_reviewer("robin", "a long enough password")
    service.start()
    yield service
    service.stop()
