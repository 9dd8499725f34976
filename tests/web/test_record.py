"""The console's page of the record: behind the door, exact or as published, counted once a minute, for everybody."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from fastapi import FastAPI
from playwright.sync_api import Browser, expect
from sqlalchemy import text
from starlette.testclient import TestClient

from nightlight.flows.record import RecordKeeper
from nightlight.insight.record import NOT_FOR_PUBLICATION, RecordTargets
from nightlight.insight.record_values import KEPT_BACK
from nightlight.insight.waits import read_targets
from nightlight.web.app import build_app
from nightlight.web.console.record import record_routes
from nightlight.web.console.routes import console_routes
from tests.browser import browser
from tests.loopback import served
from tests.store.test_record import made, store_rows
from tests.web.conftest import PASSWORD
from tests.web.test_console_browser import Scheme
from tests.web.test_policies import check
from tests.world import World

__all__ = ["browser"]

MONTHS = "from=2024-10&to=2024-11"
TARGETS = RecordTargets(*(read_targets(hours, "test") for hours in ("1,4,24,72,168",) * 3))


def app_of(world: World) -> FastAPI:
    kept = {"cookie_secure": False, "session_seconds": 3600}
    keeper = RecordKeeper(world.store, world.clock, TARGETS, 90)
    routes = [
        *console_routes(world.desk, world.door, world.referrer, **kept),  # type: ignore[arg-type]
        *record_routes(keeper, world.door, **kept),  # type: ignore[arg-type]
    ]
    return build_app([], routes, world.store)


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    store_rows(world.store, made(random.Random(3), 60))
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as client:
        yield client


def signed_in(client: TestClient) -> TestClient:
    assert client.post("/login", data={"username": "robin", "password": PASSWORD}).status_code == 303
    return client


def test_strangers_are_sent_to_the_door(client: TestClient) -> None:
    answer = client.get(f"/record?{MONTHS}")
    assert (answer.status_code, answer.headers["location"][:11]) == (303, "/login?next")


def test_exact_numbers_are_marked_and_published_ones_are_kept_back(client: TestClient) -> None:
    signed_in(client)
    exact = client.get(f"/record?{MONTHS}").text
    published = client.get(f"/record?{MONTHS}&as=published").text
    assert NOT_FOR_PUBLICATION in exact
    assert KEPT_BACK not in exact
    assert NOT_FOR_PUBLICATION not in published
    assert published.count(KEPT_BACK) > 50
    assert re.search(r'<th scope="row">all</th><td class="figure">\d+</td>', exact)


@pytest.mark.parametrize(
    "asked",
    ["from=2024-13&to=2024-14", "from=2024-11&to=2024-10", "from=<script>&to=x", "from=2999-01&to=2999-02", "from=%00"],
)
def test_a_period_that_is_none_is_refused_with_the_page_around_it(client: TestClient, asked: str) -> None:
    answer = signed_in(client).get(f"/record?{asked}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<script>x" not in answer.text
    assert "from=<script>" not in answer.text


def test_reloading_does_not_count_again_within_a_minute(client: TestClient, world: World) -> None:
    signed_in(client)
    first = client.get(f"/record?{MONTHS}").text
    with world.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM decisions"))
    assert client.get(f"/record?{MONTHS}").text == first
    world.clock.at += 61_000
    assert client.get(f"/record?{MONTHS}").text != first


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_no_obstacles_and_everything_fits(
    browser: Browser, client: TestClient, world: World, width: int, scheme: Scheme
) -> None:
    complaints: list[str] = []
    with served(app_of(world)) as url:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{url}/login?next=/record?{MONTHS}")
        page.fill("[name=username]", "robin")
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        expect(page.locator("h1")).to_have_text("Record")
        for name in ("exact", "published"):
            page.goto(f"{url}/record?{MONTHS}&as={name}")
            page.wait_for_load_state("load")
            check(page, width)
            if pictures := os.environ.get("PICTURES_OF_TESTS"):
                page.screenshot(path=Path(pictures) / f"record-{name}-{scheme}-{width}.png", full_page=True)
        page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
        contrast = Axe().run(page, options={"runOnly": {"type": "rule", "values": ["color-contrast"]}})
        assert contrast.violations_count == 0, contrast.generate_report()
        page.fill("#from", "2024-11")
        page.select_option("#as", "exact")
        page.click("text=Show")
        expect(page.locator("main .inside")).to_contain_text(NOT_FOR_PUBLICATION)
        context.close()
    assert complaints == []
