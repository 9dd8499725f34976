"""Holds in the console: placed by a form, let go by two people who both sign in; and an erased case shown as erased."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from nightlight.errors import RefusedError
from nightlight.model.action import ActionKind
from nightlight.model.case import Outcome, Policy
from nightlight.web.api.status import StatusLinks
from tests.browser import browser
from tests.loopback import served
from tests.web.conftest import PASSWORD, app_of
from tests.web.test_console import csrf, post, robin
from tests.web.test_console_browser import page_of
from tests.world import NOTICE_MS, World

__all__ = ["browser", "robin"]

DAY_MS = 86_400_000
FORM = {"scope": "case", "kind": "legal", "why": "an appeal", "legal_basis": "an example of a law"}


@pytest.fixture
def case_id(world: World) -> str:
    """Decided: no rule was broken."""
    case_id = world.report(world.abusive, note="the reporter's note").report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "what was found", [])
    return case_id


@pytest.fixture
def kim(world: World) -> Iterator[TestClient]:
    """Another reviewer."""
    world.door.add_reviewer("kim", PASSWORD, "test")
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as client:
        sign_in(client, "kim")
        yield client


def erase(world: World, days: int) -> None:
    world.clock.at += days * DAY_MS - NOTICE_MS
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    world.eraser.sweep()


def sign_in(client: TestClient, name: str) -> None:
    """Anew: sessions end long before anything is erased."""
    assert client.post("/login", data={"username": name, "password": PASSWORD}).status_code == 303


def hold_of(client: TestClient, case_id: str) -> str:
    found = re.search(r'<div class="hold" id="(hold_[^"]+)"', client.get(f"/cases/{case_id}").text)
    assert found
    return found[1]


def test_hold_is_placed_proposed_and_confirmed_by_two_people(
    robin: TestClient, kim: TestClient, world: World, case_id: str
) -> None:
    answer = post(robin, f"/cases/{case_id}/hold", **FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case_id}#retention")
    page = robin.get(f"/cases/{case_id}").text
    assert "Held by hold_" in page
    assert "an appeal" in page
    hold_id = hold_of(robin, case_id)
    erase(world, 400)
    world.desk.reveal(case_id, world.abusive, "robin")
    sign_in(robin, "robin")
    sign_in(kim, "kim")
    answer = post(robin, f"/holds/{hold_id}/propose", case_id=case_id, reason="the appeal is over")
    assert answer.status_code == 303
    own = robin.get(f"/cases/{case_id}").text
    assert "Somebody else confirms it." in own
    assert "Release it</button>" not in own
    refused = post(robin, f"/holds/{hold_id}/confirm", case_id=case_id)
    assert refused.status_code == 422
    assert "somebody else has to confirm it" in refused.text
    assert "Release it</button>" in kim.get(f"/cases/{case_id}").text
    assert post(kim, f"/holds/{hold_id}/confirm", case_id=case_id).status_code == 303
    page = kim.get(f"/cases/{case_id}").text
    assert "Released by robin and kim: the appeal is over" in page
    assert "released hold" in page
    world.audit()


def test_proposal_can_be_rejected(robin: TestClient, kim: TestClient, world: World, case_id: str) -> None:
    post(robin, f"/cases/{case_id}/hold", **FORM)
    hold_id = hold_of(robin, case_id)
    post(robin, f"/holds/{hold_id}/propose", case_id=case_id, reason="the appeal is over")
    assert post(kim, f"/holds/{hold_id}/reject", case_id=case_id).status_code == 303
    assert "Propose to release it" in robin.get(f"/cases/{case_id}").text
    assert post(kim, f"/holds/{hold_id}/confirm", case_id=case_id).status_code == 409
    assert world.hold_desk.hold(hold_id).holds(world.clock.at)


def test_hold_on_the_account_shows_in_every_case_of_it(robin: TestClient, world: World, case_id: str) -> None:
    other = world.report(world.opening).report.case_id or ""
    post(robin, f"/cases/{case_id}/hold", **{**FORM, "scope": "account"})
    assert f"Legal hold: {world.mallory}" in robin.get(f"/cases/{other}").text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"why": " "}, "A hold says why."),
        ({"legal_basis": ""}, "A hold says the legal basis."),
        ({"kind": "preservation"}, "A hold says the agency."),
        ({"until": "31.1.2030"}, "not a date"),
        ({"until": "2001-01-01"}, "in the future"),
        ({"until": "9998-12-31"}, "in the future"),
    ],
)
def test_hold_that_is_refused_keeps_what_was_typed(
    robin: TestClient, case_id: str, changes: dict[str, str], said: str
) -> None:
    answer = post(robin, f"/cases/{case_id}/hold", **{**FORM, **changes})
    assert answer.status_code == 422
    assert said in answer.text
    if "legal_basis" not in changes:
        assert "an example of a law" in answer.text
    assert 'class="hold"' not in robin.get(f"/cases/{case_id}").text


def test_last_day_counts_whole(robin: TestClient, world: World, case_id: str) -> None:
    post(robin, f"/cases/{case_id}/hold", **FORM, until="2027-01-31")
    (hold,) = world.hold_desk.holds()
    assert hold.until == 1_801_440_000_000  # the first instant of 1 February 2027


def test_holds_are_closed_to_other_sites_and_to_strangers(robin: TestClient, world: World, case_id: str) -> None:
    good = csrf(robin)
    assert robin.post(f"/cases/{case_id}/hold", data=FORM).status_code == 403
    assert robin.post(f"/cases/{case_id}/hold", data={**FORM, "csrf": good[::-1]}).status_code == 403
    post(robin, f"/cases/{case_id}/hold", **FORM)
    hold_id = hold_of(robin, case_id)
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as stranger:
        for path in (f"/cases/{case_id}/hold", *(f"/holds/{hold_id}/{do}" for do in ("propose", "confirm", "reject"))):
            assert stranger.post(path, data={**FORM, "csrf": good, "case_id": case_id}).status_code in (303, 403)
            assert robin.post(path, data={**FORM, "case_id": case_id}).status_code == 403
    assert [hold.proposed_by for hold in world.hold_desk.holds()] == [None]
    assert post(robin, "/cases/case_none/hold", **FORM).status_code == 404
    assert post(robin, "/holds/hold_none/propose", case_id=case_id, reason="x").status_code == 404
    assert post(robin, f"/holds/{hold_id}/propose", case_id="case_none", reason=" ").status_code == 404


def test_markup_in_a_hold_is_shown_as_text(robin: TestClient, case_id: str) -> None:
    post(robin, f"/cases/{case_id}/hold", **{**FORM, "why": "<script>alert(1)</script>"})
    page = robin.get(f"/cases/{case_id}").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_what_will_go_is_said_in_the_case_before_it_goes(robin: TestClient, world: World, case_id: str) -> None:
    page = robin.get(f"/cases/{case_id}").text
    assert "Kept until then: unfounded-evidence: at most 30 days from the decision" in page
    world.clock.at += 33 * DAY_MS
    world.eraser.sweep()
    sign_in(robin, "robin")
    assert "a hold stops it" in robin.get(f"/cases/{case_id}").text
    assert "announced to erase “what was said”" in robin.get(f"/cases/{case_id}").text


def test_erased_case_is_shown_as_erased(robin: TestClient, world: World, case_id: str) -> None:
    erase(world, 40)
    sign_in(robin, "robin")
    page = robin.get(f"/cases/{case_id}").text
    assert "What was said in this case was erased" in page
    assert "unfounded-evidence" in page
    assert "the reporter's note" not in page.replace("&#39;", "'")
    assert "data-reveal" not in page
    assert "erased “what was said”, by unfounded-evidence" in page
    refused = post(robin, f"/cases/{case_id}/reveal", event_id=world.abusive)
    assert refused.status_code == 410
    assert "was erased on" in refused.text
    assert post(robin, f"/cases/{case_id}/reveal-all").status_code == 410
    erase(world, 300)
    sign_in(robin, "robin")
    page = robin.get(f"/cases/{case_id}").text
    assert "account erased" in page
    assert "Who decided, and the reason in words, is erased" in page
    assert "somebody whose name is erased" in page
    again = post(robin, f"/cases/{case_id}/hold", **FORM)
    assert (again.status_code, "nothing can be held" in again.text) == (410, True)
    assert robin.get("/?state=decided").status_code == 200


def test_status_link_of_a_reporter_still_answers_after_the_erasure(
    client: TestClient, world: World, case_id: str
) -> None:
    with world.store.read() as tx:
        (report,) = tx.reports_of(case_id)
    url = StatusLinks("http://nightlight.test", bytes(32)).url(report.report_id)
    before = client.get(url).json()
    assert (before["state"], before["erased_at"]) == ("decided", None)
    for days in (40, 300):
        erase(world, days)
        after = client.get(url).json()
        assert (after["state"], after["outcome"]["outcome"]) == ("decided", "no_violation")
        assert after["received_at"] == before["received_at"]
        assert after["erased_at"] is not None
        assert (after["messages"], after["how_to_prove"]) == ([], None)
        assert "What you sent with it was erased on" in after["explanation"]


def test_failed_action_of_an_erased_case_cannot_be_tried_again(robin: TestClient, world: World) -> None:
    case_id = world.report(world.abusive).report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "found", [ActionKind.LOCK])
    world.homeserver.down = True
    for _ in range(6):
        world.enforcer.run_due()
        world.clock.at += DAY_MS
    (action,) = world.desk.case(case_id, "robin").actions
    assert action.state == "failed"
    erase(world, 1_000)
    sign_in(robin, "robin")
    assert "Try again" not in robin.get(f"/cases/{case_id}").text
    with pytest.raises(RefusedError, match="is erased"):
        world.desk.retry(action.action_id, "robin")


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(app_of(world)) as url:
        yield url


def test_holding_by_keyboard_without_javascript_and_with_no_obstacle(
    browser: Browser, world: World, url: str, case_id: str
) -> None:
    with page_of(browser, url, javascript=False) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.locator("#retention .holding summary").focus()
        page.keyboard.press("Enter")
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.type("an appeal")
        page.keyboard.press("Tab")
        page.keyboard.type("an example of a law")
        page.get_by_role("button", name="Place the hold").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".hold")).to_contain_text("an appeal")
    with page_of(browser, url) as page:
        page.emulate_media(reduced_motion="reduce")  # colours on their way are nobody's colours
        page.goto(f"{url}/cases/{case_id}")
        for summary in page.locator("#retention summary").all():
            summary.click()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = Axe().run(page).response["violations"]
            assert [(violation["id"], [node["target"] for node in violation["nodes"]]) for violation in found] == []
