"""The page in front of a homeserver that answers nonsense: what a stranger can put into answers does not break it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from starlette.applications import Starlette

from nightlight.web.disclose.routes import DisclosurePage, disclosure_routes
from tests.browser import browser
from tests.loopback import served

__all__ = ["browser"]

HOMESERVER = "https://homeserver.invalid"
STRANGE: list[Any] = [None, 0, -1, 1e20, "text", [], {}, [[]], {"a": {}}, True]


class Answers:
    """What the homeserver says, by the end of the path; anything else is not found."""

    def __init__(self) -> None:
        self.by_end: dict[str, Any] = {
            "/login": {"flows": [{"type": "m.login.password"}], "access_token": "t", "user_id": "@bob:example.org"},
            "/logout": {},
            "/sync": {"rooms": {"join": {"!a:example.org": {}}}},
            "/messages": {"chunk": [], "state": []},
        }
        self.calls: list[str] = []
        #: If set, every call is refused with it.
        self.errcode: str | None = None

    def __call__(self, route: Route) -> None:
        path = route.request.url.partition("?")[0]
        self.calls.append(path)
        end = next((end for end in self.by_end if path.endswith(end)), None) if self.errcode is None else None
        body = {"errcode": "M_NOT_FOUND" if self.errcode is None else self.errcode} if end is None else self.by_end[end]
        allowed = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
        if isinstance(body, bytes):
            route.fulfill(status=200, body=body, headers=allowed)
        else:
            route.fulfill(status=404 if end is None else 200, json=body, headers=allowed)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def page(browser: Browser, answers: Answers) -> Iterator[Page]:
    settings = DisclosurePage(HOMESERVER, "example.org", "https://example.org/", 50, 20, 1000)
    with served(Starlette(routes=disclosure_routes(settings))) as url:
        context = browser.new_context(locale="en-GB")
        context.route(f"{HOMESERVER}/**", answers)
        errors: list[str] = []
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(f"{url}/report")
        yield tab
        context.close()
    assert errors == []


def to_rooms(page: Page) -> None:
    press(page, "Start")
    page.fill("#name", "bob")
    page.fill("#password", "any")
    press(page, "Sign in")
    press(page, "I have neither: show me the messages anyway")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize(
    "sync", [*STRANGE, b"", b"<html>", {"rooms": 5}, {"rooms": {"join": {"!a:b": {"state": {"events": 3}}}}}]
)
def test_a_list_of_rooms_that_makes_no_sense(page: Page, answers: Answers, sync: Any) -> None:
    answers.by_end["/sync"] = sync
    to_rooms(page)
    expect(page.locator("h1")).to_have_text("In which conversation was it?")
    expect(page.get_by_role("alert").or_(page.get_by_text("There are no conversations"))).to_be_visible()


def test_rooms_of_every_strange_kind_can_be_listed_and_entered(page: Page, answers: Answers) -> None:
    named = [{"type": "m.room.name", "state_key": "", "content": {"name": value}} for value in STRANGE]
    members = [{"type": "m.room.member", "state_key": "@a:b", "content": {"displayname": value}} for value in STRANGE]
    rooms: dict[str, Any] = {f"!{n}:b": {"state": {"events": [event]}} for n, event in enumerate(named + members)}
    rooms |= {f"!t{n}:b": {"timeline": {"events": [{"origin_server_ts": v}]}} for n, v in enumerate(STRANGE)}
    rooms["!evil:b"] = {"state": {"events": [named[4] | {"content": {"name": "\u202e<img src=x onerror=alert(1)>"}}]}}
    rooms["../../admin"] = {}
    answers.by_end["/sync"] = {"rooms": {"join": rooms}}
    to_rooms(page)
    expect(page.locator("[data-room]")).to_have_count(len(rooms))
    expect(page.locator('[data-room="!evil:b"]')).to_contain_text("⟦U+202E⟧<img src=x onerror=alert(1)>")
    # The heading stands before the homeserver is asked: what is waited for is the request itself.
    with page.expect_request(lambda request: "/_matrix/client/v3/rooms/" in request.url) as asked:
        page.locator('[data-room="../../admin"]').click()
    expect(page.locator("h1")).to_have_text("Which messages?")
    # No name of a room becomes a path of its own.
    path = asked.value.url.partition("?")[0]
    assert path == f"{HOMESERVER}/_matrix/client/v3/rooms/..%2F..%2Fadmin/messages"


def test_messages_of_every_strange_kind_can_be_read_and_picked(page: Page, answers: Answers) -> None:
    good = {
        "event_id": "$0",
        "sender": "@a:b",
        "type": "m.room.message",
        "origin_server_ts": 1,
        "content": {"body": "hi"},
    }
    strange = [
        *({**good, "origin_server_ts": value} for value in STRANGE),
        *({**good, "content": {"body": value}} for value in STRANGE),
        *({**good, "content": {"body": "x", "m.relates_to": value}} for value in STRANGE),
        *(
            {**good, "content": {"body": "x", "m.relates_to": {"rel_type": "m.replace"}, "m.new_content": v}}
            for v in STRANGE
        ),
        *({**good, "type": "m.reaction", "content": {"m.relates_to": {"key": value}}} for value in STRANGE),
        *({**good, "type": "m.room.encrypted", "content": {"ciphertext": v, "algorithm": v}} for v in STRANGE),
        *({**good, "type": value} for value in STRANGE),
    ]
    chunk = [{**event, "event_id": f"${number}"} for number, event in enumerate(strange)]
    # No id, no sender or no content: not a message.
    nobody: list[Any] = [None, 5, {}]
    broken = [{**good, key: value} for key in ("event_id", "sender") for value in nobody] + STRANGE
    answers.by_end["/messages"] = {"chunk": [*chunk, *broken], "state": STRANGE, "end": 5}
    to_rooms(page)
    page.locator("[data-room]").click()
    expect(page.locator("#messages > li")).to_have_count(len(chunk))
    page.locator("#messages input").first.check()
    press(page, "Continue")
    expect(page.locator("#disclosed > li")).to_have_count(1)


def test_a_long_list_of_rooms_says_what_it_leaves_out_and_finds_it(page: Page, answers: Answers) -> None:
    def room(number: int) -> dict[str, Any]:
        name = {"type": "m.room.name", "state_key": "", "content": {"name": f"Group {number}"}}
        return {"state": {"events": [name]}, "timeline": {"events": [{"origin_server_ts": 1000 + number}]}}

    answers.by_end["/sync"] = {"rooms": {"join": {f"!{n}:b": room(n) for n in range(250)}}}
    to_rooms(page)
    expect(page.locator("[data-room]")).to_have_count(200)
    expect(page.locator("main")).to_contain_text("Only the newest 200 are listed")
    page.fill("#search", "group 7")
    expect(page.locator("[data-room]")).to_have_count(11)
    expect(page.locator('[data-room="!7:b"]')).to_be_visible()


@pytest.mark.parametrize("login", [*STRANGE, b"no json", {"flows": 3}, {"flows": [None, 5]}, {"flows": []}])
def test_a_sign_in_that_makes_no_sense(page: Page, answers: Answers, login: Any) -> None:
    answers.by_end["/login"] = login
    press(page, "Start")
    expect(page.locator("h1")).to_have_text("Sign in to your chat account")
    expect(page.locator(".error, .note")).to_be_visible()


def test_an_errcode_that_is_a_name_of_the_language_is_an_error_like_any_other(page: Page, answers: Answers) -> None:
    to_rooms(page)
    for code in ("constructor", "__proto__", "toString", ""):
        answers.errcode = code
        press(page, "Back")
        press(page, "I have neither: show me the messages anyway")
        expect(page.get_by_role("alert")).to_have_text("Something went wrong. Please try again.")


def test_the_preview_holds_everything_that_a_message_carries(page: Page, answers: Answers) -> None:
    """A text for apps that show markup may say something else than the plain one, and goes along with it."""
    plain: dict[str, Any] = {
        "event_id": "$0",
        "sender": "@a:b",
        "type": "m.room.message",
        "content": {"msgtype": "m.text", "body": "hi"},
    }
    more = {**plain, "event_id": "$1", "content": {**plain["content"], "formatted_body": "<b>something else</b>"}}
    double = {**plain, "content": {"msgtype": "m.text", "body": "under an id that stands there already"}}
    answers.by_end["/messages"] = {"chunk": [plain, more, double], "state": []}
    to_rooms(page)
    page.locator("[data-room]").click()
    expect(page.locator("#messages input")).to_have_count(2)
    for box in page.locator("#messages input").all():
        box.check()
    press(page, "Continue")
    expect(page.locator("#disclosed details")).to_have_count(1)
    page.locator("#disclosed summary").click()
    expect(page.locator("#disclosed pre")).to_contain_text('"formatted_body": "<b>something else</b>"')
