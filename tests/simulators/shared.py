"""One simulated homeserver, served for a whole test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loopback import served
from tests.simulators.homeserver import SimulatedHomeserver


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[tuple[SimulatedHomeserver, str]]:
    """One server for a module: its state is emptied before each test."""
    simulator = SimulatedHomeserver()
    with served(simulator.app) as url:
        yield simulator, url
