"""A person's own page: the door, and who asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlight.model.contact import RequestState
from tests.simulators.homeserver import SimulatedHomeserver
from tests.simulators.shared import shared_simulator
from tests.web.safe_world import SafeWorld

__all__ = ["shared_simulator"]


@pytest.fixture
def world(shared_simulator: tuple[SimulatedHomeserver, str], tmp_path: Path) -> Iterator[SafeWorld]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    world = SafeWorld(simulator, url, tmp_path)
    yield world
    world.close()


def state(world: SafeWorld, request_id: str) -> RequestState:
    with world.house.store.read() as tx:
        request = tx.contact_request(request_id)
    assert request is not None
    return request.state


def test_a_classmate_is_accepted_after_the_notice_was_read(world: SafeWorld) -> None:
    request_id = world.classmate_asks()
    kim = world.browser(world.kim)
    assert "Somebody from a group you are in would like to talk to you." in kim.open("/safe")
    assert world.lee not in kim.page
    kim.open(f"/safe/requests/{request_id}")
    assert world.lee not in kim.page
    assert 'value="accept"' not in kim.page  # only behind the notice
    assert "Do you know this person from real life?" in kim.open(f"/safe/requests/{request_id}/accept")
    assert "You said yes" in kim.send(f"/safe/requests/{request_id}", answer="accept")
    assert state(world, request_id) is RequestState.ACCEPTED
    assert "Nobody is waiting" in kim.open("/safe")


def test_the_name_shows_only_on_a_tap_and_never_an_age(world: SafeWorld) -> None:
    request_id = world.classmate_asks()
    kim = world.browser(world.kim)
    assert world.lee in kim.open(f"/safe/requests/{request_id}?who=1")
    for page in (kim.open("/safe"), kim.open(f"/safe/requests/{request_id}?who=1")):
        assert not re.search(r"13_15|adult|grown-up who|years old|\bage\b", page)


@pytest.mark.parametrize("answer", ["accept", "decline", "block"])
def test_nobody_answers_or_sees_another_persons_request(world: SafeWorld, answer: str) -> None:
    request_id = world.classmate_asks()
    sam = world.browser(world.sam)
    sam.open("/safe")
    for path in ("", "?who=1", "/accept"):
        assert world.lee not in sam.open(f"/safe/requests/{request_id}{path}")
        assert sam.status == 404
    sam.send(f"/safe/requests/{request_id}", answer=answer)
    assert sam.status == 404
    assert state(world, request_id) is RequestState.WAITING


def test_what_was_hidden_or_is_held_is_not_there_for_anybody(world: SafeWorld) -> None:
    hidden = [world.ask(world.sam, world.kim), world.ask(world.lee, world.kim)]
    assert [state(world, one) for one in hidden] == [RequestState.DENIED, RequestState.HELD]
    kim = world.browser(world.kim)
    assert "Nobody is waiting" in kim.open("/safe")
    for request_id in hidden:
        kim.open(f"/safe/requests/{request_id}?who=1")
        assert kim.status == 404
        kim.open(f"/safe/report?request={request_id}")
        assert kim.status == 404
    assert world.sam not in kim.open("/safe/somebody")


def test_of_two_answers_at_once_one_counts(world: SafeWorld) -> None:
    request_id = world.classmate_asks()
    one, other = world.browser(world.kim), world.browser(world.kim)
    one.open("/safe")
    other.open("/safe")
    one.send(f"/safe/requests/{request_id}", answer="decline")
    other.send(f"/safe/requests/{request_id}", answer="accept")
    assert other.status == 409
    assert "answered this request already" in other.page
    assert state(world, request_id) is RequestState.DECLINED
    one.open("/safe")
    assert "You said no" in one.send(f"/safe/requests/{request_id}", answer="decline")  # the same again is no mistake


def test_a_form_without_its_sessions_token_does_nothing(world: SafeWorld) -> None:
    request_id = world.classmate_asks()
    kim, lee = world.browser(world.kim), world.browser(world.lee)
    kim.open("/safe")
    lee.open("/safe")
    stolen = re.search(r'name="csrf" value="([0-9a-f]+)"', lee.page)
    assert stolen
    for token in ("", "x", stolen[1]):
        kim.send(f"/safe/requests/{request_id}", answer="block", csrf=token)
        assert kim.status == 403
    assert state(world, request_id) is RequestState.WAITING


def test_an_openid_token_opens_one_session_and_never_a_second(world: SafeWorld) -> None:
    token = world.homeserver.token_for(world.kim)
    first, second = world.browser(), world.browser()
    assert first.sign_in(world.kim, token) == 204
    assert second.sign_in(world.kim, token) == 401
    assert world.kim in first.open("/safe")
    assert world.kim not in second.open("/safe")
    assert world.browser().sign_in(world.kim, "forged") == 401
    with world.house.store.write() as tx:  # what is stored opens nothing
        assert tx.own_session(token.encode(), world.clock.at) is None


def test_a_session_ends_with_its_time_and_with_signing_out(world: SafeWorld) -> None:
    kim = world.browser(world.kim)
    assert world.kim in kim.open("/safe/protections")
    world.clock.at += 30 * 60_000 + 1
    assert world.kim not in kim.open("/safe/protections")
    kim.sign_in(world.kim)
    cookie = dict(kim.client.cookies)
    kim.open("/safe")
    kim.send("/safe/sign-out")
    thief = world.browser()
    thief.client.cookies.update(cookie)
    assert world.kim not in thief.open("/safe")


def test_leaving_signs_out_and_leads_elsewhere(world: SafeWorld) -> None:
    kim = world.browser(world.kim)
    answer = kim.client.get("/safe/leave", follow_redirects=False)
    assert answer.headers["location"] == "https://example.org/"
    assert world.kim not in kim.open("/safe")


def test_another_site_signs_nobody_in_and_changes_no_language(world: SafeWorld) -> None:
    browser = world.browser()
    browser.client.headers["sec-fetch-site"] = "cross-site"
    assert browser.sign_in(world.kim) == 403
    for path in ("/safe/link", "/safe/link/x", "/safe/language"):
        assert browser.client.post(path, data={"name": "kim", "language": "de"}).status_code == 403, path
    assert world.homeserver.notices == {}


def link_in(world: SafeWorld, account: str) -> str:
    world.house.enforcer.run_due()
    texts = [notice["content"]["body"] for notice in world.homeserver.notices.values() if notice["user_id"] == account]
    found = re.findall(r"/safe/link/[A-Za-z0-9_-]+", "\n".join(texts))
    return found[-1] if found else ""


def test_without_javascript_a_link_comes_as_a_notice_and_works_once(world: SafeWorld) -> None:
    browser = world.browser()
    assert "on its way" in browser.send("/safe/link", name="kim")
    link = link_in(world, world.kim)
    browser.open(link)
    browser.open(link)  # looking at it uses nothing up
    assert "Continue" in browser.page
    browser.send(link, open="1")
    assert world.kim in browser.page
    other = world.browser()
    other.open(link)
    other.send(link, open="1")
    assert other.status == 410
    assert world.kim not in other.open("/safe")


def test_a_link_runs_out_and_is_stored_as_a_hash_only(world: SafeWorld, tmp_path: Path) -> None:
    browser = world.browser()
    browser.send("/safe/link", name=world.kim)
    link = link_in(world, world.kim)
    token = link.rsplit("/", 1)[1].encode()
    world.house.store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("nightlight.sqlite3*"))
    assert token not in stored
    world.clock.at += 15 * 60_000
    browser.send(link, open="1")
    assert browser.status == 410


@pytest.mark.parametrize("name", ["nobody", "@kim:elsewhere.example", "", "kim kim", "@", "ﬀ", "../kim", "k" * 300])
def test_asking_for_a_link_answers_the_same_for_every_name(world: SafeWorld, name: str) -> None:
    browser = world.browser()
    known = browser.send("/safe/link", name="kim")
    assert browser.send("/safe/link", name=name) == known
    assert browser.status == 200
    world.house.enforcer.run_due()
    assert {notice["user_id"] for notice in world.homeserver.notices.values()} <= {world.kim, "@nobody:sim.example"}


def test_a_flood_of_links_reaches_nobody(world: SafeWorld) -> None:
    door = world.house.own_door
    for _ in range(20):
        door.ask_for_link("kim", "en")
    world.house.enforcer.run_due()
    assert len(world.homeserver.notices) == 3
    for number in range(400):
        door.ask_for_link(f"name{number}", "en")
    with world.house.store.read() as tx:
        assert tx.count_sign_in_links(0) == 300
    world.clock.at += 3_600_001
    door.ask_for_link("kim", "en")
    world.house.enforcer.run_due()
    assert len(world.homeserver.notices) == 4


def test_a_link_that_cannot_be_sent_in_time_is_not_sent(world: SafeWorld) -> None:
    world.house.own_door.ask_for_link("kim", "en")
    world.homeserver.down = True
    world.house.enforcer.run_due()
    world.clock.at += 16 * 60_000
    world.homeserver.down = False
    world.house.enforcer.run_due()
    assert world.homeserver.notices == {}


def test_a_grown_up_who_signs_in_finds_no_word_about_age(world: SafeWorld) -> None:
    sam = world.browser(world.sam)
    for path in ("/safe", "/safe/protections", "/safe/blocked", "/safe/somebody", "/safe/help", "/safe/about"):
        page = sam.open(path)
        assert sam.status == 200, path
        assert not re.search(
            r"\b(child|your age|minor|teen|young)\b", re.sub(r"<[^>]*>|Childline[^<]*|for children[^<]*", "", page)
        ), path
