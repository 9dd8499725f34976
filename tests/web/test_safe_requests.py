"""A person's own page: the door, and who asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nightlight.model.contact import RequestState
from tests.web.safe_world import SafeWorld, safe

__all__ = ["safe"]


def state(safe: SafeWorld, request_id: str) -> RequestState:
    with safe.house.store.read() as tx:
        request = tx.contact_request(request_id)
    assert request is not None
    return request.state


def test_a_classmate_is_accepted_after_the_notice_was_read(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    kim = safe.browser(safe.kim)
    assert "Somebody from a group you are in would like to talk to you." in kim.open("/safe")
    assert safe.lee not in kim.page
    kim.open(f"/safe/requests/{request_id}")
    assert safe.lee not in kim.page
    assert 'value="accept"' not in kim.page  # only behind the notice
    assert "Do you know this person from real life?" in kim.open(f"/safe/requests/{request_id}/accept")
    assert "You said yes" in kim.send(f"/safe/requests/{request_id}", answer="accept")
    assert state(safe, request_id) is RequestState.ACCEPTED
    assert "Nobody is waiting" in kim.open("/safe")


def test_the_name_shows_only_on_a_tap_and_never_an_age(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    kim = safe.browser(safe.kim)
    assert safe.lee in kim.open(f"/safe/requests/{request_id}?who=1")
    for page in (kim.open("/safe"), kim.open(f"/safe/requests/{request_id}?who=1")):
        assert not re.search(r"13_15|adult|grown-up who|years old|\bage\b", page)


@pytest.mark.parametrize("answer", ["accept", "decline", "block"])
def test_nobody_answers_or_sees_another_persons_request(safe: SafeWorld, answer: str) -> None:
    request_id = safe.classmate_asks()
    sam = safe.browser(safe.sam)
    sam.open("/safe")
    for path in ("", "?who=1", "/accept"):
        assert safe.lee not in sam.open(f"/safe/requests/{request_id}{path}")
        assert sam.status == 404
    sam.send(f"/safe/requests/{request_id}", answer=answer)
    assert sam.status == 404
    assert state(safe, request_id) is RequestState.WAITING


def test_what_was_hidden_or_is_held_is_not_there_for_anybody(safe: SafeWorld) -> None:
    hidden = [safe.ask(safe.sam, safe.kim), safe.ask(safe.lee, safe.kim)]
    assert [state(safe, one) for one in hidden] == [RequestState.DENIED, RequestState.HELD]
    kim = safe.browser(safe.kim)
    assert "Nobody is waiting" in kim.open("/safe")
    for request_id in hidden:
        kim.open(f"/safe/requests/{request_id}?who=1")
        assert kim.status == 404
        kim.open(f"/safe/report?request={request_id}")
        assert kim.status == 404
    assert safe.sam not in kim.open("/safe/somebody")


def test_of_two_answers_at_once_one_counts(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    one, other = safe.browser(safe.kim), safe.browser(safe.kim)
    one.open("/safe")
    other.open("/safe")
    one.send(f"/safe/requests/{request_id}", answer="decline")
    other.send(f"/safe/requests/{request_id}", answer="accept")
    assert other.status == 409
    assert "answered this request already" in other.page
    assert state(safe, request_id) is RequestState.DECLINED
    one.open("/safe")
    assert "You said no" in one.send(f"/safe/requests/{request_id}", answer="decline")  # the same again is no mistake


def test_a_form_without_its_sessions_token_does_nothing(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    kim, lee = safe.browser(safe.kim), safe.browser(safe.lee)
    kim.open("/safe")
    lee.open("/safe")
    stolen = re.search(r'name="csrf" value="([0-9a-f]+)"', lee.page)
    assert stolen
    for token in ("", "x", stolen[1]):
        kim.send(f"/safe/requests/{request_id}", answer="block", csrf=token)
        assert kim.status == 403
    assert state(safe, request_id) is RequestState.WAITING


def test_an_openid_token_opens_one_session_and_never_a_second(safe: SafeWorld) -> None:
    token = safe.homeserver.token_for(safe.kim)
    first, second = safe.browser(), safe.browser()
    assert first.sign_in(safe.kim, token) == 204
    assert second.sign_in(safe.kim, token) == 401
    assert safe.kim in first.open("/safe")
    assert safe.kim not in second.open("/safe")
    assert safe.browser().sign_in(safe.kim, "forged") == 401
    with safe.house.store.write() as tx:  # what is stored opens nothing
        assert tx.own_session(token.encode(), safe.clock.at) is None


def test_a_session_ends_with_its_time_and_with_signing_out(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    assert safe.kim in kim.open("/safe/protections")
    safe.clock.at += 30 * 60_000 + 1
    assert safe.kim not in kim.open("/safe/protections")
    kim.sign_in(safe.kim)
    cookie = dict(kim.client.cookies)
    kim.open("/safe")
    kim.send("/safe/sign-out")
    thief = safe.browser()
    thief.client.cookies.update(cookie)
    assert safe.kim not in thief.open("/safe")


def test_leaving_signs_out_and_leads_elsewhere(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    answer = kim.client.get("/safe/leave", follow_redirects=False)
    assert answer.headers["location"] == "https://example.org/"
    assert safe.kim not in kim.open("/safe")


def test_another_site_signs_nobody_in_and_changes_no_language(safe: SafeWorld) -> None:
    browser = safe.browser()
    browser.client.headers["sec-fetch-site"] = "cross-site"
    assert browser.sign_in(safe.kim) == 403
    for path in ("/safe/link", "/safe/link/x", "/safe/language"):
        assert browser.client.post(path, data={"name": "kim", "language": "de"}).status_code == 403, path
    assert safe.homeserver.notices == {}


def link_in(safe: SafeWorld, account: str) -> str:
    found = re.findall(r"/safe/link/[A-Za-z0-9_-]+", "\n".join(safe.notices(account)))
    return found[-1] if found else ""


def test_without_javascript_a_link_comes_as_a_notice_and_works_once(safe: SafeWorld) -> None:
    browser = safe.browser()
    assert "on its way" in browser.send("/safe/link", name="kim")
    link = link_in(safe, safe.kim)
    browser.open(link)
    browser.open(link)  # looking at it uses nothing up
    assert "Continue" in browser.page
    browser.send(link, open="1")
    assert safe.kim in browser.page
    other = safe.browser()
    other.open(link)
    other.send(link, open="1")
    assert other.status == 410
    assert safe.kim not in other.open("/safe")


def test_a_link_runs_out_and_is_stored_as_a_hash_only(safe: SafeWorld, tmp_path: Path) -> None:
    browser = safe.browser()
    browser.send("/safe/link", name=safe.kim)
    link = link_in(safe, safe.kim)
    token = link.rsplit("/", 1)[1].encode()
    safe.house.store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("nightlight.sqlite3*"))
    assert token not in stored
    safe.clock.at += 15 * 60_000
    browser.send(link, open="1")
    assert browser.status == 410


@pytest.mark.parametrize("name", ["nobody", "@kim:elsewhere.example", "", "kim kim", "@", "ﬀ", "../kim", "k" * 300])
def test_asking_for_a_link_answers_the_same_for_every_name(safe: SafeWorld, name: str) -> None:
    browser = safe.browser()
    known = browser.send("/safe/link", name="kim")
    assert browser.send("/safe/link", name=name) == known
    assert browser.status == 200
    safe.house.enforcer.run_due()
    assert {notice["user_id"] for notice in safe.homeserver.notices.values()} <= {safe.kim, "@nobody:sim.example"}


def test_a_flood_of_links_reaches_nobody(safe: SafeWorld) -> None:
    door = safe.house.own_door
    for _ in range(20):
        door.ask_for_link("kim", "en")
    safe.house.enforcer.run_due()
    assert len(safe.homeserver.notices) == 3
    for number in range(400):
        door.ask_for_link(f"name{number}", "en")
    with safe.house.store.read() as tx:
        assert tx.count_sign_in_links(0) == 300
    safe.clock.at += 3_600_001
    door.ask_for_link("kim", "en")
    safe.house.enforcer.run_due()
    assert len(safe.homeserver.notices) == 4


def test_a_link_that_cannot_be_sent_in_time_is_not_sent(safe: SafeWorld) -> None:
    safe.house.own_door.ask_for_link("kim", "en")
    safe.homeserver.down = True
    safe.house.enforcer.run_due()
    safe.clock.at += 16 * 60_000
    safe.homeserver.down = False
    safe.house.enforcer.run_due()
    assert safe.homeserver.notices == {}


def test_a_grown_up_who_signs_in_finds_no_word_about_age(safe: SafeWorld) -> None:
    sam = safe.browser(safe.sam)
    for path in ("/safe", "/safe/protections", "/safe/blocked", "/safe/somebody", "/safe/help", "/safe/about"):
        page = sam.open(path)
        assert sam.status == 200, path
        assert not re.search(
            r"\b(child|your age|minor|teen|young)\b", re.sub(r"<[^>]*>|Childline[^<]*|for children[^<]*", "", page)
        ), path
