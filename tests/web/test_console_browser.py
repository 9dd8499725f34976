"""The console in a real browser: by keyboard, without JavaScript, on a phone, in the dark, under its own policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from nightlight.evidence.log import LogKind
from nightlight.model.report import Category
from tests.browser import browser
from tests.loopback import served
from tests.web.conftest import PASSWORD, app_of
from tests.world import World

__all__ = ["browser"]

Scheme = Literal["light", "dark"]


@contextmanager
def page_of(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    scheme: Scheme = "light",
    javascript: bool = True,
    complaints_expected: int = 0,
) -> Iterator[Page]:
    """A signed-in page; any complaint of the browser (policy violations come as such) fails the test.

    ``complaints_expected``: how many answers the browser may call failed because they were refused.
    """
    complaints: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=javascript
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.fill("[name=username]", "robin")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    expect(page.locator("#queue")).to_be_visible()
    page.wait_for_load_state("load")  # keys are taken by a script, and scripts run last
    yield page
    context.close()
    refused = [complaint for complaint in complaints if "the server responded with a status of 422" in complaint]
    assert len(refused) == complaints_expected
    assert [complaint for complaint in complaints if complaint not in refused] == []


def reveal(page: Page) -> None:
    """By its key. If that was quicker than htmx, the browser loads a page instead: wait for that, too."""
    page.keyboard.press("r")
    expect(page.locator("[data-revealed]")).to_have_count(1)
    page.wait_for_load_state("load")


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(app_of(world)) as url:
        yield url


def test_a_case_is_found_read_and_decided_by_keyboard_alone(browser: Browser, world: World, url: str) -> None:
    world.report(world.abusive)
    world.clock.at += 1000
    world.report(world.opening)
    with page_of(browser, url) as page:
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("Grooming")
        page.wait_for_load_state("load")
        assert "[abusive message 1]" not in page.content()
        reveal(page)
        expect(page.locator("[data-revealed]")).to_contain_text("[abusive message 1]")
        page.keyboard.press("h")
        expect(page.locator("[data-revealed]")).to_have_count(0)
        assert "[abusive message 1]" not in page.content()
        page.keyboard.press("d")
        page.keyboard.press("Space")
        page.select_option("[name=policy]", "child_safety.grooming")
        page.fill("[name=reason]", "r1d?gq are letters here, not commands")
        page.locator("h1").click()
        page.keyboard.press("3")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".feedback")).to_contain_text("1 action is on its way. This is the next case")
        page.wait_for_load_state("load")
        page.keyboard.press("g")
        page.keyboard.press("q")
        expect(page.locator(".row")).to_have_count(1)
    assert [case.case_id for case in world.open_cases()] == [world.report(world.opening).report.case_id]
    world.enforcer.run_due()
    assert world.homeserver.accounts[world.mallory]["locked"]


def test_actions_renew_themselves_while_they_are_on_their_way(browser: Browser, world: World, url: str) -> None:
    case_id = world.report(world.abusive).report.case_id
    with page_of(browser, url) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.check("[value=violation]")
        page.select_option("[name=policy]", "child_safety.grooming")
        page.fill("[name=reason]", "what was found")
        page.check("[value=suspend]")
        page.click("button[value=stay]")
        expect(page.locator('[data-state="pending"]')).to_have_count(1)
        world.enforcer.run_due()
        expect(page.locator('[data-state="done"]')).to_have_count(1)


def test_the_queue_renews_itself(browser: Browser, world: World, url: str) -> None:
    with page_of(browser, url) as page:
        page.clock.install()
        page.reload()
        expect(page.locator(".empty")).to_be_visible()
        world.report(world.abusive)
        page.clock.run_for(10_500)
        expect(page.locator(".row")).to_have_count(1)


def test_renewing_the_queue_keeps_the_focus(browser: Browser, world: World, url: str) -> None:
    first = world.report(world.abusive).report.case_id
    with page_of(browser, url) as page:
        page.clock.install()
        page.reload()
        page.keyboard.press("j")
        world.report(world.opening, category=Category.SEXTORTION)
        page.clock.run_for(10_500)
        expect(page.locator(".row")).to_have_count(2)
        assert page.evaluate("document.activeElement.dataset.row") == first


def test_refused_decision_keeps_what_is_revealed(browser: Browser, world: World, url: str) -> None:
    case_id = world.report(world.abusive).report.case_id
    with page_of(browser, url, complaints_expected=1) as page:
        page.goto(f"{url}/cases/{case_id}")
        reveal(page)
        page.check("[value=violation]")
        page.fill("[name=reason]", "what was found")
        page.check("[value=lock]")
        page.press("[name=reason]", "Control+Enter")
        expect(page.locator("#decide .alert")).to_contain_text("needs the rule it broke")
        expect(page.locator("#decide .alert")).to_be_focused()
        expect(page.locator("[data-revealed]")).to_contain_text("[abusive message 1]")
        expect(page.locator("[name=reason]")).to_have_value("what was found")
        expect(page.locator("[value=lock]")).to_be_checked()
        page.select_option("[name=policy]", "child_safety.grooming")
        page.press("[name=reason]", "Control+Enter")
        expect(page.locator(".feedback")).to_contain_text("Decided.")
        assert page.url == f"{url}/cases/{case_id}"  # a reload says it no more


def test_hidden_message_can_be_revealed_again_and_each_view_is_logged(browser: Browser, world: World, url: str) -> None:
    case_id = world.report(world.abusive).report.case_id or ""
    with page_of(browser, url) as page:
        page.goto(f"{url}/cases/{case_id}")
        for _ in range(2):
            reveal(page)
            page.click("[data-hide]")
            expect(page.locator("[data-revealed]")).to_have_count(0)
            assert "[abusive message 1]" not in page.content()
    views = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.EVIDENCE_VIEWED]
    assert len(views) == 2


def test_decision_is_in_view_without_scrolling(browser: Browser, world: World, url: str) -> None:
    case_id = world.report(world.abusive).report.case_id
    with page_of(browser, url) as page:
        page.goto(f"{url}/cases/{case_id}")
        expect(page.locator("[data-submit]")).to_be_in_viewport(ratio=1)


def test_arrows_scroll_a_case_and_held_keys_decide_nothing(browser: Browser, world: World, url: str) -> None:
    case_id = world.report(world.opening, world.abusive, world.reply).report.case_id
    with page_of(browser, url) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(300)  # wait_for_function would need the eval that the policy forbids
        assert page.evaluate("scrollY") > 0
        page.check("[value=no_violation]")
        page.fill("[name=reason]", "what was found")
        page.evaluate(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', "
            "{key: 'Enter', ctrlKey: true, repeat: true, bubbles: true}))"
        )
        page.wait_for_timeout(200)
    assert world.desk.queue().open == 1


def test_everything_works_without_javascript(browser: Browser, world: World, url: str) -> None:
    world.report(world.abusive)
    with page_of(browser, url, javascript=False) as page:
        page.click(".row")
        page.click("[data-reveal]")
        expect(page.locator(".revealed")).to_contain_text("[abusive message 1]")
        page.check("[value=violation]")
        page.select_option("[name=policy]", "child_safety.grooming")
        page.fill("[name=reason]", "what was found")
        page.check("[value=lock]")
        page.click("[data-submit]")
        expect(page.locator(".feedback")).to_be_visible()
    assert world.open_cases() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_fit_and_are_clean_under_the_policy(
    browser: Browser, world: World, url: str, scheme: Scheme, width: int
) -> None:
    long = world.homeserver.say(world.room, world.mallory, "x" * 2000)
    case_id = world.report(world.abusive, long, note="y" * 190).report.case_id
    with page_of(browser, url, width=width, scheme=scheme) as page:
        for path in ("/", f"/cases/{case_id}", "/?state=decided", "/login"):
            page.goto(url + path)
            if path.startswith("/cases/"):
                reveal(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            contrast = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert contrast == ("rgb(20, 22, 29)" if scheme == "dark" else "rgb(246, 245, 241)")


def test_blurring_is_the_readers_own_choice_and_is_remembered(browser: Browser, world: World, url: str) -> None:
    case_id = world.report(world.abusive).report.case_id
    with page_of(browser, url) as page:
        page.goto(f"{url}/cases/{case_id}")
        reveal(page)
        text = page.locator(".revealed .text")
        expect(text).to_have_css("filter", "none")
        page.keyboard.press("b")
        page.mouse.move(0, 0)
        expect(text).to_have_css("filter", "blur(8px) grayscale(1)")
        page.reload()
        expect(page.locator("body.blurred")).to_have_count(1)
