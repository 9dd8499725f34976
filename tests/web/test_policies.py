"""The console's page for contact policies: by forms, by keyboard, in light and dark, on a phone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update
from starlette.testclient import TestClient

from nightlight.evidence.log import LogKind
from nightlight.flows.audit import audit
from nightlight.model.account import AgeBand
from nightlight.store.schema import policy_changes
from nightlight.web.app import build_app
from nightlight.web.console.policies import policy_routes
from nightlight.web.console.routes import console_routes
from tests.browser import browser
from tests.loopback import served
from tests.policies import Town
from tests.prevent.presets import POLICIES, text
from tests.web.conftest import PASSWORD
from tests.web.test_console import CSP
from tests.web.test_console_browser import Scheme

__all__ = ["browser"]

BROKEN = text("teen-default").decode().replace("most: 5\n", "most: some\n").replace("to: 16_17", "to: 16-17", 1)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Twelve adults came towards a child each; Robin and Kim look after the policy."""
    town = Town(tmp_path, homeserver_url="http://127.0.0.1:9", homeserver_token="unused", cookie_secure=False)
    for number in range(12):
        town.approach(town.person(f"a{number}", AgeBand.ADULT), town.person(f"c{number}", AgeBand.AGE_13_15))
    for name in ("robin", "kim"):
        town.house.door.add_reviewer(name, PASSWORD, "test")
    yield town
    town.close()


def app_of(town: Town) -> FastAPI:
    house = town.house
    routes = [
        *console_routes(house.desk, house.door, house.referrer, cookie_secure=False, session_seconds=3600),
        *policy_routes(house.policies, house.door, cookie_secure=False, session_seconds=3600),
    ]
    return build_app([], routes, house.store)


class Person:
    """Somebody who is signed in and fills in forms."""

    def __init__(self, app: FastAPI, name: str) -> None:
        self.client = TestClient(app, base_url="http://nightlight.test", follow_redirects=False)
        answer = self.client.post("/login", data={"username": name, "password": PASSWORD})
        assert answer.status_code == 303

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **form: str) -> Any:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.client.get("/policies").text)
        assert found
        return self.client.post(path, data={"csrf": found[1], **form})

    def propose(self, name: str = "strict", share: str = "100", **changes: str) -> Any:
        form = {"policy": text(name).decode(), "share": share, "note": "because", "do": "propose", **changes}
        return self.post("/policies/edit", **form)


@pytest.fixture
def people(town: Town) -> tuple[Person, Person]:
    app = app_of(town)
    return Person(app, "robin"), Person(app, "kim")


def test_everything_needs_a_session_and_every_change_its_form_token(town: Town) -> None:
    stranger = TestClient(app_of(town), base_url="http://nightlight.test", follow_redirects=False)
    for path in ("/policies", "/policies/edit", "/policies/1"):
        assert stranger.get(path).headers["location"].startswith("/login")
    robin = Person(app_of(town), "robin")
    robin.propose()
    for path in ("edit", "1/approve", "1/reject", "1/roll-back", "1/share"):
        assert robin.client.post(f"/policies/{path}", data={"csrf": "0" * 64}).status_code == 403
        assert stranger.post(f"/policies/{path}", data={"csrf": "0"}).headers["location"].startswith("/login")
    assert [change.state.value for change in town.house.policy_desk.changes()] == ["proposed"]


def test_a_policy_is_proposed_by_one_and_approved_by_another(town: Town, people: tuple[Person, Person]) -> None:
    robin, kim = people
    assert robin.propose(share="20").headers["location"] == "/policies/1"
    own = robin.get("/policies/1").text
    assert "Another person has to approve it." in own
    assert "/policies/1/approve" not in own
    refused = robin.post("/policies/1/approve")
    assert refused.status_code == 422
    assert "another person has to approve it" in refused.text
    assert town.house.policy_book.in_force().newest.reference == POLICIES["teen-default"].reference
    assert kim.post("/policies/1/approve").status_code == 303
    now = town.house.policy_book.in_force()
    assert (now.newest.reference, now.share) == (POLICIES["strict"].reference, 20)
    assert "20 of 100 accounts" in kim.get("/policies").text
    late = kim.post("/policies/1/reject")
    assert late.status_code == 409
    with town.house.store.read() as tx:
        kinds = [(e.kind, e.actor) for e in tx.log_entries() if e.subject == "policy/1"]
    assert kinds == [(LogKind.POLICY_PROPOSED, "robin"), (LogKind.POLICY_APPROVED, "kim")]
    audit(town.house.store, [])


def test_raising_the_share_is_a_change_that_needs_two_people(town: Town, people: tuple[Person, Person]) -> None:
    robin, kim = people
    robin.propose(share="20")
    kim.post("/policies/1/approve")
    assert kim.post("/policies/1/share", share="50", note="it went well").headers["location"] == "/policies/2"
    assert town.house.policy_book.in_force().share == 20
    assert kim.post("/policies/2/approve").status_code == 422
    assert robin.post("/policies/2/approve").status_code == 303
    assert town.house.policy_book.in_force().share == 50
    assert robin.post("/policies/2/share", share="200", note="n").status_code == 422
    assert robin.post("/policies/2/share", share="60", note="").status_code == 422


def test_one_person_takes_a_change_back_at_once(town: Town, people: tuple[Person, Person]) -> None:
    robin, kim = people
    robin.propose()
    kim.post("/policies/1/approve")
    assert robin.post("/policies/1/roll-back").status_code == 303
    assert town.house.policy_book.in_force().newest.reference == POLICIES["teen-default"].reference
    assert "taken back" in robin.get("/policies/1").text


def test_mistakes_stand_beside_the_text_at_line_and_column(people: tuple[Person, Person]) -> None:
    robin, _ = people
    for does in ("check", "preview", "propose"):
        answer = robin.post("/policies/edit", policy=BROKEN, do=does, note="kept", share="7")
        assert answer.status_code == 422
        for wrong in ("most: some", "to: 16-17"):
            line = next(n for n, each in enumerate(BROKEN.split("\n"), 1) if wrong in each)
            column = BROKEN.split("\n")[line - 1].index(wrong.split()[1]) + 1
            assert f'<a href="#L{line}">line {line}, column {column}</a>' in answer.text
            assert f'<span id="L{line}">{line}</span>' in answer.text
        assert "This policy cannot be used: 2 mistakes." in answer.text
        assert html.escape("most: some") in answer.text
        assert 'value="7"' in answer.text
        assert "kept" in answer.text


def test_what_is_typed_is_text_wherever_it_is_shown(people: tuple[Person, Person]) -> None:
    robin, _ = people
    answer = robin.post("/policies/edit", policy="</textarea><script>alert(1)</script>", do="check")
    assert "<script>alert" not in answer.text
    robin.propose(note="<script>alert(2)</script>\u202e")
    for path in ("/policies", "/policies/1"):
        shown = robin.get(path).text
        assert "<script>alert" not in shown
        assert "\u202e" not in shown
        assert robin.get(path).headers["content-security-policy"] == CSP


def test_a_preview_shows_changed_fields_and_who_would_have_noticed(people: tuple[Person, Person]) -> None:
    robin, _ = people
    milder = text("teen-default").decode()
    milder = milder.replace("outcome: deny\n    source: meta\n", "outcome: request\n    source: meta\n", 1)
    answer = robin.post("/policies/edit", policy=milder, do="preview", days="7")
    assert answer.status_code == 200
    assert "8 of 500 cells change</strong>: 8 become milder, 0 stricter" in answer.text
    assert answer.text.count('<td class="changed">') > 0
    assert "was <s>deny</s>" in answer.text
    assert "12 decisions, of which <strong>12</strong> would have gone another way" in answer.text
    assert "Facts are as they were" in answer.text
    few = robin.post("/policies/edit", policy=text("strict").decode(), do="preview", days="1")
    assert "of which <strong>0</strong> would have gone another way" in few.text
    same = robin.post("/policies/edit", policy=text("teen-default").decode(), do="preview")
    assert "Nothing that decides changes." in same.text


def test_a_proposal_shows_the_second_person_what_it_changes(people: tuple[Person, Person]) -> None:
    robin, kim = people
    robin.propose("open")
    page = kim.get("/policies/1?days=7").text
    assert "cells change" in page
    assert "Who would have noticed" in page
    assert "/policies/1/approve" in page
    assert "young-people-are-told" in page


def test_tampering_is_shown_loudly_and_the_last_good_policy_stays(town: Town, people: tuple[Person, Person]) -> None:
    robin, kim = people
    robin.propose()
    kim.post("/policies/1/approve")
    with town.house.store.engine.begin() as connection:
        connection.execute(update(policy_changes).values(share=1))
    for path in ("/policies", "/policies/1"):
        page = kim.get(path).text
        assert "Somebody changed contact policies in the database." in page
        assert "signature does not hold" in page
    now = town.house.policy_book.in_force()
    assert (now.newest.reference, now.share) == (POLICIES["strict"].reference, 100)


def test_changes_that_are_not_there_and_forms_that_are_too_large_are_refused(people: tuple[Person, Person]) -> None:
    robin, _ = people
    for number in ("7", "0", "x", "9" * 30, "１"):
        assert robin.get(f"/policies/{number}").status_code == 404
    assert robin.post("/policies/edit", policy="x" * 2_000_000, do="check").status_code == 413
    assert robin.post("/policies/edit", policy="x" * 300_000, do="check").status_code == 422
    assert robin.propose(share="many").status_code == 422
    assert robin.propose(note=" ").status_code == 422


@contextmanager
def page_of(
    browser: Browser, url: str, name: str = "robin", *, width: int = 1280, scheme: Scheme = "light", script: bool = True
) -> Iterator[Page]:
    """A signed-in page; any complaint of the browser, violations of the policy among them, fails the test."""
    complaints: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}/login?next=/policies")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    expect(page.locator("h1")).to_have_text("Contact policies")
    page.wait_for_load_state("load")
    yield page
    context.close()
    assert [said for said in complaints if "422" not in said] == []


@pytest.fixture
def url(town: Town) -> Iterator[str]:
    with served(app_of(town)) as url:
        yield url


def test_a_policy_is_mended_previewed_and_proposed_by_keyboard_alone(browser: Browser, town: Town, url: str) -> None:
    with page_of(browser, url) as page:
        page.keyboard.press("Control+Enter")
        expect(page.locator("h1")).to_have_text("Change the policy")
        page.wait_for_load_state("load")
        area = page.locator("#policy")
        area.focus()
        page.keyboard.press("Control+Home")
        page.keyboard.type("oops: 1\n")
        page.keyboard.press("Control+Enter")
        expect(page.locator("main .alert")).to_be_focused()
        expect(page.locator(".mistakes")).to_contain_text("line 1, column 1")
        page.wait_for_load_state("load")
        area.focus()
        page.keyboard.press("Control+Home")
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Delete")
        page.keyboard.press("Control+Enter")
        expect(page.locator("main .feedback")).to_contain_text("This policy can be used.")
        page.wait_for_load_state("load")
        page.locator("#note").focus()
        page.keyboard.type("from the keyboard, gp and all")
        page.keyboard.press("Tab")
        page.keyboard.press("Control+A")
        page.keyboard.type("10")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("h1 .badge")).to_have_text("waits for approval")
        page.wait_for_load_state("load")
        page.locator("h1").click()
        page.keyboard.press("g")
        page.keyboard.press("p")
        expect(page.locator(".row.change")).to_contain_text("for 10 of 100 accounts")
        page.wait_for_load_state("load")
        page.keyboard.press("j")
        expect(page.locator(".row.change")).to_be_focused()
    with page_of(browser, url, "kim") as page:
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Approve").focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1 .badge")).to_have_text("approved")
    assert town.house.policy_book.in_force().share == 10


def test_everything_works_without_javascript(browser: Browser, town: Town, url: str) -> None:
    with page_of(browser, url, script=False) as page:
        page.click("text=Change the policy")
        page.select_option("#start", "strict")
        page.click("text=Load")
        expect(page.locator("#policy")).to_have_value(text("strict").decode())
        page.fill("#policy", BROKEN)
        page.click("text=Check")
        expect(page.locator(".mistakes li")).to_have_count(2)
        page.click(".mistakes a >> nth=0")
        assert "#L" in page.url
        page.fill("#policy", text("strict").decode())
        page.click("text=Preview what changes")
        expect(page.locator("#preview")).to_contain_text("cells change")
        page.fill("#note", "without scripts")
        page.get_by_role("button", name="Propose").click()
        expect(page.locator("h1 .badge")).to_have_text("waits for approval")
    with page_of(browser, url, "kim", script=False) as page:
        page.click(".row.change")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("button", name="Take it back now").click()
        expect(page.locator("h1 .badge")).to_have_text("taken back")


def test_line_numbers_stay_beside_their_lines(browser: Browser, url: str) -> None:
    with page_of(browser, url) as page:
        page.goto(f"{url}/policies/edit?start=teen-default")
        page.wait_for_load_state("load")
        lines = len(text("teen-default").decode().split("\n"))
        place = page.evaluate(
            """(n) => {
                const area = document.getElementById('policy'), style = getComputedStyle(area);
                const line = parseFloat(style.lineHeight), top = area.getBoundingClientRect().top;
                const number = document.getElementById('L' + n).getBoundingClientRect();
                return [number.top - top - parseFloat(style.paddingTop) - line * (n - 1), line];
            }""",
            lines,
        )
        assert abs(place[0]) < place[1] / 2
        box = page.locator(".editor")
        assert box.evaluate("e => e.scrollHeight > e.clientHeight")


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_no_obstacles_and_everything_fits(browser: Browser, url: str, town: Town, scheme: Scheme, width: int) -> None:
    robin = Person(app_of(town), "robin")
    robin.propose("open", share="20", note="n" * 300)
    robin.propose("strict", share="30", note="second")
    Person(app_of(town), "kim").post("/policies/1/approve")
    with page_of(browser, url, width=width, scheme=scheme) as page:
        for path in ("/policies", "/policies/1?days=7", "/policies/2?days=30", "/policies/edit"):
            page.goto(url + path)
            page.wait_for_load_state("load")
            for details in page.locator("main details").all():
                details.evaluate("e => { e.open = true; }")
            check(page, width)
        page.fill("#policy", BROKEN)
        page.get_by_role("button", name="Check").click()
        expect(page.locator(".mistakes")).to_be_visible()
        check(page, width)
        page.fill("#policy", text("strict").decode())
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#preview")).to_be_visible()
        check(page, width)


def check(page: Page, width: int) -> None:
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    result = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert result.violations_count == 0, result.generate_report()
