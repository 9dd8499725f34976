"""A second look in the console: what will be undone and what cannot be, said to another reviewer before and after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from nightlight.model.action import ActionKind
from nightlight.model.case import Outcome, Policy
from nightlight.model.draft import AgencyKind
from nightlight.web.api.status import StatusLinks
from tests.browser import browser
from tests.flows.referring import Referring
from tests.loopback import served
from tests.web.conftest import PASSWORD, app_of
from tests.web.test_console import csrf, post, robin
from tests.web.test_console_browser import page_of
from tests.web.test_holds import erase, kim, sign_in
from tests.world import World

__all__ = ["browser", "kim", "robin"]

FORM = {"outcome": "no_violation", "reason": "the account had been taken over"}


@pytest.fixture
def case_id(world: World) -> str:
    """Decided by Kim, and carried out."""
    return decided(world, ActionKind.WARN, ActionKind.SUSPEND, ActionKind.LOCK)


def decided(world: World, *kinds: ActionKind, by: str = "kim", event: str = "") -> str:
    case_id = world.report(event or world.abusive, note="the reporter's note").report.case_id or ""
    world.desk.decide(case_id, by, Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", kinds)
    world.enforcer.run_due()
    return case_id


def section(page: str) -> str:
    start = page.index('id="second-look"')
    return page[start : page.index("</section>", start)]


def test_what_will_be_undone_and_what_cannot_be_is_said_before(robin: TestClient, world: World, case_id: str) -> None:
    said = section(robin.get(f"/cases/{case_id}").text)
    assert said.count("will be undone") == 2
    assert said.count("cannot be undone") == 1
    assert "What was read stays read." in said
    assert "gets a notice" in said
    assert world.bob not in said


def test_another_reviewer_overturns_and_everybody_sees_it(
    robin: TestClient, kim: TestClient, world: World, case_id: str
) -> None:
    answer = post(robin, f"/cases/{case_id}/overturn", **FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case_id}#decision")
    world.enforcer.run_due()
    account = world.homeserver.accounts[world.mallory]
    assert (account["suspended"], account["locked"]) == (False, False)
    page = kim.get(f"/cases/{case_id}").text
    assert "the account had been taken over" in page
    assert "What was decided first" in page
    assert "what was found" in page
    assert "What is left of it" in page
    assert "overturned the decision: no violation — the account had been taken over" in page
    assert "Lift the suspension" in page
    assert 'id="second-look"' not in page
    assert "overturned</span>" in kim.get("/?state=decided").text
    assert "overturned</span>" not in kim.get("/").text
    world.audit()


def test_whoever_decided_sees_why_they_cannot(kim: TestClient, world: World, case_id: str) -> None:
    said = section(kim.get(f"/cases/{case_id}").text)
    assert "You decided this case yourself" in said
    assert "<form" not in said
    refused = post(kim, f"/cases/{case_id}/overturn", **FORM)
    assert refused.status_code == 422
    assert "You decided this case yourself" in refused.text
    assert FORM["reason"] in refused.text  # what was typed is not lost
    assert world.desk.case(case_id, "kim").log[-1].kind != "decision.overturned"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": " "}, "This needs a reason"),
        ({"reason": "x" * 4_001}, "This needs a reason"),
        ({"outcome": "violation"}, "does not hold any more"),
        ({"outcome": ""}, "Choose one of the listed values"),
        ({"outcome": "nonsense"}, "Choose one of the listed values"),
    ],
)
def test_refused_form_keeps_what_was_typed_and_overturns_nothing(
    robin: TestClient, world: World, case_id: str, changes: dict[str, str], said: str
) -> None:
    answer = post(robin, f"/cases/{case_id}/overturn", **{**FORM, **changes})
    assert answer.status_code == 422
    assert said in answer.text
    if "reason" not in changes:
        assert FORM["reason"] in answer.text
    decision = world.desk.case(case_id, "robin").decision
    assert decision is not None
    assert decision.overturn is None


def test_second_of_two_hears_that_somebody_was_faster(robin: TestClient, world: World, case_id: str) -> None:
    assert post(robin, f"/cases/{case_id}/overturn", **FORM).status_code == 303
    again = post(robin, f"/cases/{case_id}/overturn", **FORM)
    assert again.status_code == 409
    assert "overturned this decision already" in again.text
    assert FORM["reason"] in again.text


def test_overturning_is_closed_to_other_sites_to_strangers_and_to_cases_that_are_none(
    robin: TestClient, world: World, case_id: str
) -> None:
    good, path = csrf(robin), f"/cases/{case_id}/overturn"
    assert robin.post(path, data=FORM).status_code == 403
    assert robin.post(path, data={**FORM, "csrf": good[::-1]}).status_code == 403
    assert robin.get(path).status_code == 405
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as stranger:
        assert stranger.post(path, data={**FORM, "csrf": good}).status_code == 303
    assert post(robin, "/cases/case_none/overturn", **FORM).status_code == 404
    decision = world.desk.case(case_id, "robin").decision
    assert decision is not None
    assert decision.overturn is None


def test_open_case_and_one_without_a_violation_offer_no_second_look(robin: TestClient, world: World) -> None:
    case_id = world.report(world.abusive).report.case_id or ""
    assert 'id="second-look"' not in robin.get(f"/cases/{case_id}").text
    assert post(robin, f"/cases/{case_id}/overturn", **FORM).status_code == 422
    world.desk.decide(case_id, "kim", Outcome.NO_VIOLATION, Policy.NONE, "nothing", [])
    assert 'id="second-look"' not in robin.get(f"/cases/{case_id}").text
    refused = post(robin, f"/cases/{case_id}/overturn", **FORM)
    assert "A new report of the same opens a new case." in refused.text


def test_markup_in_a_reason_is_shown_as_text(robin: TestClient, case_id: str) -> None:
    post(robin, f"/cases/{case_id}/overturn", **{**FORM, "reason": "<script>alert(1)</script>"})
    page = robin.get(f"/cases/{case_id}").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_what_another_decision_keeps_is_named_with_that_case(robin: TestClient, world: World, case_id: str) -> None:
    other = decided(world, ActionKind.SUSPEND, event=world.opening)
    said = section(robin.get(f"/cases/{case_id}").text)
    assert "Another decision that stands ordered the same." in said
    assert f'href="/cases/{other}"' in said


def test_failed_action_of_an_overturned_decision_offers_no_second_try(robin: TestClient, world: World) -> None:
    case_id = world.report(world.abusive).report.case_id or ""
    world.desk.decide(case_id, "kim", Outcome.VIOLATION, Policy.SPAM, "what was found", [ActionKind.LOCK])
    world.homeserver.down = True
    for _ in range(6):
        world.clock.at += 1_000_000
        world.enforcer.run_due()
    sign_in(robin, "robin")
    page = robin.get(f"/cases/{case_id}").text
    assert "Try again" in page
    assert "in case it did" in page
    post(robin, f"/cases/{case_id}/overturn", **FORM)
    world.homeserver.down = False
    page = robin.get(f"/cases/{case_id}").text
    assert "Try again" not in page


def test_referrals_that_a_person_has_to_take_care_of_are_named(robin: TestClient, world: World) -> None:
    referring = Referring(world, kind=AgencyKind.NCMEC)
    referral = referring.begun()
    sign_in(robin, "robin")
    world.door.add_reviewer("alex", PASSWORD, "test")
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as alex:
        sign_in(alex, "alex")
        assert "cannot go out any more: withdraw it" in section(alex.get(f"/cases/{referral.case_id}").text)
        post(alex, f"/cases/{referral.case_id}/overturn", **FORM)
        page = alex.get(f"/cases/{referral.case_id}").text
    assert "cannot go out any more: withdraw it" in page
    assert "nothing more goes out" in page
    assert "Begin the referral" not in page


def test_erased_overturn_is_shown_as_erased(robin: TestClient, world: World, case_id: str) -> None:
    post(robin, f"/cases/{case_id}/overturn", **FORM)
    world.enforcer.run_due()
    erase(world, 40)
    erase(world, 300)
    sign_in(robin, "robin")
    page = robin.get(f"/cases/{case_id}").text
    assert "Who overturned it, and why, is erased" in page
    assert "cannot be undone" in page
    card = page[page.index('id="decision"') : page.index('id="actions"')]
    assert "taken over" not in card
    assert "kim" not in card


def test_reporter_is_told_what_holds_now(robin: TestClient, world: World, case_id: str) -> None:
    with world.store.read() as tx:
        (report,) = tx.reports_of(case_id)
    url = StatusLinks("http://nightlight.test", bytes(32)).url(report.report_id)
    assert robin.get(url).json()["outcome"]["outcome"] == "violation"
    world.clock.at += 1_000
    post(robin, f"/cases/{case_id}/overturn", **FORM)
    after = robin.get(url).json()
    assert (after["state"], after["outcome"]["outcome"]) == ("decided", "no_violation")
    assert after["outcome"]["decided_at"] == world.clock.at
    assert "looked at it again" in after["explanation"]
    for word in ("robin", "kim", "taken over"):
        assert word not in str(after)


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(app_of(world)) as url:
        yield url


def test_overturning_by_keyboard_without_javascript(browser: Browser, world: World, url: str, case_id: str) -> None:
    with page_of(browser, url, javascript=False, width=390) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.locator("#second-look summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.type("the account had been taken over")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#decision")).to_contain_text("the account had been taken over")
    decision = world.desk.case(case_id, "robin").decision
    assert decision is not None
    assert decision.holds is Outcome.NO_VIOLATION


def test_no_obstacle_before_and_after_in_the_light_and_in_the_dark(
    browser: Browser, world: World, url: str, case_id: str
) -> None:
    decided(world, ActionKind.SUSPEND, event=world.opening)
    with page_of(browser, url) as page:
        for overturned in (False, True):
            page.goto(f"{url}/cases/{case_id}")
            if overturned:
                expect(page.locator("#decision")).to_contain_text("overturned")
            else:
                page.locator("#second-look summary").click()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found = Axe().run(page).response["violations"]
                assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
            if not overturned:
                page.fill("#second-look [name=reason]", "the account had been taken over")
                page.locator("#second-look label", has_text="No violation").click()
                page.get_by_role("button", name="Overturn the decision").click()
                world.enforcer.run_due()
