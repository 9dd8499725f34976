from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightlight.store.database import Database
from tests.databases import database, database_url, postgres
from tests.simulators.homeserver import SimulatedHomeserver
from tests.simulators.shared import shared_simulator
from tests.world import World

__all__ = ["database", "database_url", "postgres", "shared_simulator"]


@pytest.fixture
def world(shared_simulator: tuple[SimulatedHomeserver, str], database: Database) -> Iterator[World]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    world = World(simulator, database, url)
    yield world
    world.matrix.close()
