from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from nightlight.store.database import Database
from nightlight.web.api.log import log_router
from nightlight.web.api.routes import BodyLimits, api_router
from nightlight.web.api.status import StatusLinks
from nightlight.web.app import build_app
from nightlight.web.console.holds import hold_routes
from nightlight.web.console.routes import console_routes
from nightlight.web.console.second_look import second_look_routes
from tests.databases import LOG_KEY, case_keys
from tests.simulators.homeserver import SimulatedHomeserver
from tests.simulators.shared import shared_simulator
from tests.world import World

__all__ = ["shared_simulator"]

PASSWORD = "a long enough password"


@pytest.fixture
def world(shared_simulator: tuple[SimulatedHomeserver, str], tmp_path: Path) -> Iterator[World]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    store = Database(f"sqlite:///{tmp_path / 'web.sqlite3'}", LOG_KEY, case_keys())
    store.migrate()
    world = World(simulator, store, url)
    world.door.add_reviewer("robin", PASSWORD, "test")
    yield world
    world.matrix.close()
    store.close()


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    """The whole application, plain HTTP cookies."""
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as client:
        yield client


def app_of(world: World, *, cookie_secure: bool = False) -> FastAPI:
    return build_app(
        [
            api_router(world.intake, world.store, StatusLinks("https://nightlight.test", bytes(32)), LIMITS),
            log_router(world.transparency),
        ],
        [
            *console_routes(world.desk, world.door, world.referrer, cookie_secure=cookie_secure, session_seconds=3600),
            *second_look_routes(
                world.desk, world.second_look, world.door, cookie_secure=cookie_secure, session_seconds=3600
            ),
            *hold_routes(world.desk, world.hold_desk, world.door, cookie_secure=cookie_secure, session_seconds=3600),
        ],
        world.store,
    )


LIMITS = BodyLimits(body_bytes=65_536, note_chars=200, messages=3, context=2, json_depth=16)
