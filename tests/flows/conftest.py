from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightlight.store.database import Database
from tests.databases import database, database_url, postgres
from tests.loopback import served
from tests.simulators.homeserver import SimulatedHomeserver
from tests.world import World

__all__ = ["database", "database_url", "postgres"]


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[tuple[SimulatedHomeserver, str]]:
    """One server for a module: its state is emptied before each test."""
    simulator = SimulatedHomeserver()
    with served(simulator.app) as url:
        yield simulator, url


@pytest.fixture
def world(shared_simulator: tuple[SimulatedHomeserver, str], database: Database) -> Iterator[World]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    world = World(simulator, database, url)
    yield world
    world.matrix.close()
