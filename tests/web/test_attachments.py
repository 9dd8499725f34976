"""Attachments in the console: said in words, never shown, kept by a form with a reason, without JavaScript too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from nightlight.demo.pictures import a_red_circle
from nightlight.evidence.hash_list import parse_hash_list
from nightlight.flows.attachments import AttachmentPolicy, AttachmentView
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, ListMatch
from nightlight.web.console import attachments
from tests.browser import browser
from tests.loopback import served
from tests.web.conftest import PASSWORD, app_of
from tests.web.test_console import csrf, robin
from tests.web.test_console_browser import Scheme, page_of
from tests.world import World

__all__ = ["browser", "robin"]

CIRCLE = a_red_circle()


def a_case(world: World, **content: object) -> tuple[str, str]:
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(CIRCLE), **content)
    return world.report(event).report.case_id or "", event


def attachment_id(page: str) -> str:
    (found,) = re.findall(r'<li id="(attachment_[^"]+)"', page)
    return str(found)


def test_case_says_what_was_found_and_shows_no_picture(robin: TestClient, world: World) -> None:
    world.policy = AttachmentPolicy(known=parse_hash_list(hashlib.sha256(CIRCLE).hexdigest().encode()))
    with TestClient(app_of(world), base_url="http://nightlight.test", follow_redirects=False) as client:
        client.post("/login", data={"username": "robin", "password": PASSWORD})
        case_id, _ = a_case(world)
        assert "Being checked" in client.get(f"/cases/{case_id}").text
        world.checker.run_due()
        page = client.get(f"/cases/{case_id}").text
        assert "Match: a file with this very content is on the operator&#39;s list" in page
        assert 'data-attachment="matches_event"' in page
        assert hashlib.sha256(CIRCLE).hexdigest() not in page
        assert not re.findall(r"<img[^>]+src=\"(?!/static/)", page)


def test_name_and_type_are_content_and_wait_for_reveal(robin: TestClient, world: World) -> None:
    case_id, event = a_case(world, filename="[a name]", info={"mimetype": "image/png"})
    world.checker.run_due()
    page = robin.get(f"/cases/{case_id}").text
    assert "[a name]" not in page
    assert "image/png" not in page
    shown = robin.post(f"/cases/{case_id}/reveal", data={"csrf": csrf(robin), "event_id": event}).text
    assert "claims to be" in shown
    assert "the file&#39;s key, left out here" in shown
    assert "[a name]" in shown
    assert "image/png" in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gpj.exe\u202e.png", "gpj.exe⟦U+202E⟧.png"),
        ("a\x00b.png", "a⟦U+0000⟧b.png"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("n" * 5_000, "n" * 255),
        ("", "a file without a name"),
    ],
)
def test_odd_names_are_seen_for_what_they_are(robin: TestClient, world: World, name: str, shown: str) -> None:
    case_id, event = a_case(world, filename=name, body="")
    page = robin.post(f"/cases/{case_id}/reveal", data={"csrf": csrf(robin), "event_id": event}).text
    section = page.split('class="attachments"')[1].split("</section>")[0]
    assert shown in section
    assert "<script>" not in section
    assert "n" * 256 not in section


def test_file_is_kept_by_a_form_with_a_reason(robin: TestClient, world: World) -> None:
    case_id, event = a_case(world)
    world.checker.run_due()
    page = robin.get(f"/cases/{case_id}").text
    form = {"csrf": csrf(robin), "event_id": event, "attachment_id": attachment_id(page)}
    assert robin.post(f"/cases/{case_id}/keep", data={**form, "reason": " "}).status_code == 422
    assert robin.post(f"/cases/{case_id}/keep", data={**form, "csrf": "0" * 64, "reason": "why"}).status_code == 403
    answer = robin.post(f"/cases/{case_id}/keep", data={**form, "reason": "[a referral]"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case_id}#{form['attachment_id']}")
    page = robin.get(f"/cases/{case_id}").text
    assert "The encrypted file is kept here" in page
    assert "kept attachment 1 of" in page
    assert "[a referral]" in page
    assert "Keep the encrypted file" not in page


@pytest.mark.parametrize("what", ["keep", "check"])
def test_attachment_of_another_case_is_not_here(robin: TestClient, world: World, what: str) -> None:
    case_id, event = a_case(world)
    form = {"csrf": csrf(robin), "event_id": event, "attachment_id": "attachment_none", "reason": "why"}
    assert robin.post(f"/cases/{case_id}/{what}", data=form).status_code == 404


def test_gone_file_can_be_looked_for_again(robin: TestClient, world: World) -> None:
    case_id, event = a_case(world)
    (mxc,) = world.homeserver.blobs
    world.homeserver.lost_media.add(mxc)
    world.checker.run_due()
    page = robin.get(f"/cases/{case_id}").text
    assert "Keep the encrypted file" not in page
    form = {"csrf": csrf(robin), "event_id": event, "attachment_id": attachment_id(page)}
    kept = robin.post(f"/cases/{case_id}/keep", data={**form, "reason": "why"})
    assert kept.status_code == 404
    assert robin.post(f"/cases/{case_id}/check", data=form).status_code == 303
    assert robin.post(f"/cases/{case_id}/check", data=form).status_code == 409
    world.homeserver.lost_media.clear()
    world.checker.run_due()
    assert 'data-attachment="matches_event"' in robin.get(f"/cases/{case_id}").text


def test_nobody_keeps_a_file_without_signing_in(client: TestClient, world: World) -> None:
    case_id, event = a_case(world)
    for what in ("keep", "check"):
        answer = client.post(f"/cases/{case_id}/{what}", data={"event_id": event, "reason": "why"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/")


def test_every_verdict_has_its_words() -> None:
    for code in AttachmentCode:
        for match in (None, *ListMatch):
            row = Attachment("a", "$e", "r", 0, AttachmentState.CHECKED, code, 1, 0, 0)
            view = AttachmentView(row, match=match)
            assert attachments.badge(view)
            assert attachments.tone(view)
            assert attachments.explanation(view).endswith(".")
            assert all(line.endswith(".") for line in attachments.lines(view))


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(app_of(world)) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_attachments_are_accessible(browser: Browser, world: World, url: str, scheme: Scheme) -> None:
    case_id, _ = a_case(world)
    world.checker.run_due()
    with page_of(browser, url, scheme=scheme) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.locator(".keep summary").click()
        found = Axe().run(page).response["violations"]
        assert [violation["id"] for violation in found] == []


def test_keeping_works_by_keyboard_and_without_javascript(browser: Browser, world: World, url: str) -> None:
    case_id, _ = a_case(world)
    world.checker.run_due()
    with page_of(browser, url, javascript=False) as page:
        page.goto(f"{url}/cases/{case_id}")
        page.locator(".keep summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("[a referral]")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".attachments")).to_contain_text("The encrypted file is kept here")
    (kept,) = world.kept_paths()
    blob = b"".join(world.vault.read(case_id, bytes.fromhex(kept.name)))
    assert blob in world.homeserver.blobs.values()
