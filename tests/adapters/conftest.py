from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from tests.loopback import served
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[SimulatedHomeserver, str]]:
    simulator = SimulatedHomeserver()
    with served(simulator.app) as url:
        yield simulator, url


@pytest.fixture
def url(shared: tuple[SimulatedHomeserver, str]) -> str:
    return shared[1]


@pytest.fixture
def simulator(shared: tuple[SimulatedHomeserver, str]) -> SimulatedHomeserver:
    """One server for a module, emptied before each test."""
    simulator = shared[0]
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    return simulator


@pytest.fixture
def matrix(url: str, simulator: SimulatedHomeserver) -> Iterator[MatrixHomeserver]:
    """The adapter in front of the simulated homeserver."""
    matrix = MatrixHomeserver(url, SERVER_NAME, ADMIN_TOKEN, MODULE_SECRET, 5)
    yield matrix
    matrix.close()
