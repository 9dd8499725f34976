"""Referring from the console: attested, approved and handed out by forms, without JavaScript too, and never unseen."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pyrage
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from nightlight.adapters.age import unseal
from nightlight.evidence.bundle.attestation import approve
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.log import LogKind
from nightlight.model.case import Outcome, Policy
from tests.browser import browser
from tests.loopback import served
from tests.web.conftest import app_of
from tests.web.test_console import csrf, post, robin
from tests.web.test_console_browser import Scheme, page_of
from tests.world import World

__all__ = ["browser", "robin"]

AGENCY = "Example Agency"
IDENTITY = pyrage.x25519.Identity.generate()
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ("alex", "billie", "charlie")}


@pytest.fixture
def case_id(world: World) -> str:
    """A decided case of two messages."""
    world.people.add_agency(AGENCY, str(IDENTITY.to_public()), "test")
    for name, key in KEYS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    case_id = world.report(world.opening, world.abusive).report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    return case_id


def proposal(world: World) -> dict[str, object]:
    return {"agency": AGENCY, "legal_basis": "an example of a legal basis", "chosen": [world.abusive]}


def signed(robin: TestClient, referral_id: str, name: str) -> str:
    """What `nightlight approver sign` prints for the attestation that the console gave out."""
    answer = robin.get(f"/referrals/{referral_id}/attestation")
    assert "attachment" in answer.headers["content-disposition"]
    return base64.b64encode(approve(answer.content, KEYS[name])).decode()


def referral_of(page: str) -> str:
    found = re.search(r'<div class="referral" id="(referral_[^"]+)"', page)
    assert found
    return found[1]


def test_case_is_referred_approved_and_handed_out(robin: TestClient, world: World, case_id: str) -> None:
    answer = post(robin, f"/cases/{case_id}/refer", **proposal(world))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case_id}#referrals")
    page = robin.get(f"/cases/{case_id}").text
    referral_id = referral_of(page)
    early = post(robin, f"/referrals/{referral_id}/export")
    assert early.status_code == 422
    assert "2 more approvals are needed" in early.text
    for name in ("alex", "billie"):
        assert (
            post(robin, f"/referrals/{referral_id}/approve", approval=signed(robin, referral_id, name)).status_code
            == 303
        )
    handed = post(robin, f"/referrals/{referral_id}/export")
    assert handed.headers["content-type"] == "application/octet-stream"
    assert f'filename="{referral_id}.bundle.age"' in handed.headers["content-disposition"]
    assert handed.headers["cache-control"] == "no-store"
    report = verify_bundle(unseal(handed.content, [str(IDENTITY)]))
    assert [shown.event_id for shown in report.messages] == [world.abusive]
    kinds = [entry.kind for entry in world.desk.case(case_id, "robin").log]
    for kind in (LogKind.REFERRAL_PROPOSED, LogKind.REFERRAL_APPROVED, LogKind.REFERRAL_EXPORTED):
        assert kind in kinds
    assert "Download again" in robin.get(f"/cases/{case_id}").text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"agency": "nobody"}, "no such agency"),
        ({"legal_basis": "  "}, "legal basis"),
        ({"chosen": []}, "message"),
        ({"chosen": ["$another"]}, "message"),
    ],
)
def test_what_cannot_be_referred_is_said_and_what_was_typed_stays(
    robin: TestClient, world: World, case_id: str, changes: dict[str, object], said: str
) -> None:
    answer = post(robin, f"/cases/{case_id}/refer", **{**proposal(world), **changes})
    assert 400 <= answer.status_code < 500
    alert = re.search(r'<p class="alert"[^>]*>([^<]+)', answer.text)
    assert alert
    assert said in alert[1]
    assert '<details class="refer" open>' in answer.text
    if "legal_basis" not in changes:
        assert "an example of a legal basis" in answer.text


@pytest.mark.parametrize("approval", ["", "no base64!", "AAAA", "stranger"])
def test_an_approval_that_does_not_count(robin: TestClient, world: World, case_id: str, approval: str) -> None:
    post(robin, f"/cases/{case_id}/refer", **proposal(world))
    referral_id = referral_of(robin.get(f"/cases/{case_id}").text)
    if approval == "stranger":
        attestation = robin.get(f"/referrals/{referral_id}/attestation").content
        approval = base64.b64encode(approve(attestation, Ed25519PrivateKey.generate())).decode()
    answer = post(robin, f"/referrals/{referral_id}/approve", approval=approval)
    assert 400 <= answer.status_code < 500
    assert 'role="alert"' in answer.text
    assert "0 of 2 approvals" in robin.get(f"/cases/{case_id}").text


def test_one_approver_twice_is_one(robin: TestClient, world: World, case_id: str) -> None:
    post(robin, f"/cases/{case_id}/refer", **proposal(world))
    referral_id = referral_of(robin.get(f"/cases/{case_id}").text)
    for _ in range(2):
        post(robin, f"/referrals/{referral_id}/approve", approval=signed(robin, referral_id, "alex"))
    assert "1 of 2 approvals" in robin.get(f"/cases/{case_id}").text


def test_nothing_is_referred_from_another_site_or_by_somebody_else(
    robin: TestClient, world: World, case_id: str
) -> None:
    good = csrf(robin)
    assert robin.post(f"/cases/{case_id}/refer", data=proposal(world)).status_code == 403
    other = {"csrf": good[::-1], **proposal(world)}
    assert robin.post(f"/cases/{case_id}/refer", data=other).status_code == 403
    post(robin, f"/cases/{case_id}/refer", **proposal(world))
    referral_id = referral_of(robin.get(f"/cases/{case_id}").text)
    for path in ("approve", "export"):
        assert robin.post(f"/referrals/{referral_id}/{path}", data={"approval": "x"}).status_code == 403
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as stranger:
        answers = [stranger.get(f"/referrals/{referral_id}/attestation")]
        answers += [
            stranger.post(f"/referrals/{referral_id}/{path}", data={"a": "b"}) for path in ("export", "approve")
        ]
        for answer in answers:
            assert answer.status_code in (303, 403)
            assert answer.headers.get("location", "/login").startswith("/login")
    assert robin.get("/referrals/none/attestation").status_code == 404


def test_a_case_without_a_violation_cannot_be_referred(robin: TestClient, world: World) -> None:
    world.people.add_agency(AGENCY, str(IDENTITY.to_public()), "test")
    case_id = world.report(world.abusive).report.case_id or ""
    assert 'id="referrals"' not in robin.get(f"/cases/{case_id}").text
    assert post(robin, f"/cases/{case_id}/refer", **proposal(world)).status_code == 422
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "nothing found", [])
    assert 'id="referrals"' not in robin.get(f"/cases/{case_id}").text
    assert post(robin, f"/cases/{case_id}/refer", **proposal(world)).status_code == 422


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(app_of(world)) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_referring_by_keyboard_without_javascript_and_with_no_obstacle(
    browser: Browser, world: World, url: str, case_id: str, scheme: Scheme
) -> None:
    with page_of(browser, url, scheme=scheme, javascript=False) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.locator(".refer summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("an example of a legal basis")
        page.get_by_role("button", name="Propose the referral").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".referral")).to_contain_text("0 of 2 approvals")
    with page_of(browser, url, scheme=scheme) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.locator(".refer summary").click()
        assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
