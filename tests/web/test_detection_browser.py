"""The pages for detection in a browser: by keyboard, without JavaScript, in light and dark, on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from nightlight.model.signal import RuleMode
from tests.browser import browser
from tests.loopback import served
from tests.prevention_world import SAM
from tests.web.conftest import PASSWORD
from tests.web.detection_pages import RULE, DetectionPages
from tests.web.test_console_browser import Scheme
from tests.web.test_policies import check

__all__ = ["browser"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DetectionPages]:
    made = DetectionPages(tmp_path_factory.mktemp("pages")).happened()
    made.backtested()
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(world: DetectionPages) -> Iterator[str]:
    with served(world.app) as url:
        yield url


@contextmanager
def page_of(
    browser: Browser, url: str, name: str = "robin", *, width: int = 1280, scheme: Scheme = "light", script: bool = True
) -> Iterator[Page]:
    """A signed-in page; any complaint of the browser, violations of the policy among them, fails the test."""
    complaints: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        java_script_enabled=script,
        reduced_motion="reduce",  # colours on their way from light to dark are nobody's colours
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}/login?next=/rules")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    expect(page.locator("h1")).to_have_text("Rules of detection")
    page.wait_for_load_state("load")
    yield page
    context.close()
    assert [said for said in complaints if "422" not in said] == []


def test_a_rule_goes_to_shadow_and_live_again_by_keyboard_alone(
    browser: Browser, world: DetectionPages, url: str
) -> None:
    with page_of(browser, url) as page:
        page.keyboard.press("j")
        expect(page.locator(f"[data-row={RULE}]")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("Asks many children within an hour")
        page.wait_for_load_state("load")
        for reason, mode in (("it spoke too often", "shadow"), ("it was right", "shadow")):
            page.locator("#note").focus()
            page.keyboard.type(reason)
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(page.locator("main .timeline").first).to_contain_text(reason)
            expect(page.locator("h1 .badge")).to_have_text(mode)
            page.wait_for_load_state("load")
        expect(page.locator("main")).to_contain_text("Another person has to approve it.")
        page.keyboard.press("g")
        page.keyboard.press("a")
        expect(page.locator("h1")).to_have_text("Open alerts")
        page.wait_for_load_state("load")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("An account to watch")
        page.wait_for_load_state("load")
        page.keyboard.press("Control+Enter")
        expect(page.locator("main .note")).to_contain_text("nobody reported anything")
        page.wait_for_load_state("load")
        page.keyboard.press("g")
        page.keyboard.press("u")
        expect(page.locator("h1")).to_have_text("Rules of detection")
    with page_of(browser, url, "kim") as page:
        page.goto(f"{url}/rules/{RULE}")
        page.get_by_role("button", name="Approve").focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1 .badge")).to_have_text("live")
    assert world.house.rule_book.in_force().modes[RULE] is RuleMode.LIVE


def test_everything_works_without_javascript(browser: Browser, world: DetectionPages, url: str) -> None:
    with page_of(browser, url, script=False) as page:
        page.click("text=Asks many children within a week")
        page.fill("#note", "without a script")
        page.click("text=Pause")
        expect(page.locator("h1 .badge")).to_have_text("paused")
        page.click("main summary >> text=The text, line")
        expect(page.locator(".source-lines")).to_contain_text("- id: many_minors_in_a_week")
        page.goto(f"{url}/rules")
        page.fill("#note", "not meant so")
        # What is paused stays paused; everything else is as it was before.
        page.click("text=Roll back now")
        expect(page.locator("main .timeline").first).to_contain_text("not meant so")
        page.goto(f"{url}/signals")
        page.fill("#account", "sam")
        page.get_by_role("button", name="Look").click()
        expect(page.locator("main .alert")).to_contain_text("Type the whole id")
        page.fill("#account", SAM)
        page.get_by_role("button", name="Look").click()
        expect(page.locator(".signals").first).to_contain_text("It asked 6 children")


@pytest.mark.parametrize(("width", "scheme", "other"), [(390, "dark", "light"), (1280, "light", "dark")])
def test_no_obstacles_and_everything_fits(
    browser: Browser, url: str, world: DetectionPages, width: int, scheme: Scheme, other: Scheme
) -> None:
    ring = world.ring()
    pictures = os.environ.get("PICTURES_OF_TESTS")  # a folder, for people who want to look
    paths = {
        "rules": "/rules",
        "rule": f"/rules/{RULE}",
        "signals": f"/signals?account={SAM}",
        "alerts": "/alerts",
        "ring": f"/alerts/{ring.alert_id}",
        "case": f"/cases/{world.case_id()}",
        "ring-case": f"/cases/{ring.case_id}",
        "queue": "/",
    }
    with page_of(browser, url, width=width, scheme=scheme) as page:
        for name, path in paths.items():
            page.goto(url + path)
            page.wait_for_load_state("load")
            for details in page.locator("main details").all():
                details.evaluate("e => { e.open = true; }")
            check(page, width)
            page.emulate_media(color_scheme=other)
            contrast = Axe().run(page, options={"runOnly": {"type": "rule", "values": ["color-contrast"]}})
            assert contrast.violations_count == 0, contrast.generate_report()
            page.emulate_media(color_scheme=scheme)
            if pictures:
                page.screenshot(path=Path(pictures) / f"{name}-{scheme}-{width}.png", full_page=True)
        page.goto(f"{url}/signals?account=sam")
        expect(page.locator("main .alert")).to_be_focused()
        check(page, width)
