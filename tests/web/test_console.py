"""The console: hidden until revealed, logged before shown, and closed to other sites and other people."""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from nightlight.evidence.log import LogKind
from nightlight.model.action import ActionKind
from nightlight.model.case import CaseState
from nightlight.web.console.pages import STATIC
from nightlight.web.console.words import visible
from tests.web.conftest import PASSWORD, app_of
from tests.world import World

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.fixture
def robin(client: TestClient) -> TestClient:
    """A reviewer who is signed in."""
    answer = client.post("/login", data={"username": "robin", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return client


def csrf(client: TestClient, path: str = "/") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)
    assert found
    return found[1]


def post(client: TestClient, path: str, **form: Any) -> Any:
    return client.post(path, data={"csrf": csrf(client), **form})


def a_case(world: World, *events: str, **changes: Any) -> str:
    return world.report(*(events or (world.abusive,)), **changes).report.case_id or ""


def decision(**changes: Any) -> dict[str, Any]:
    form = {"outcome": "violation", "policy": "child_safety.grooming", "reason": "what was found", "actions": ["lock"]}
    return {**form, **changes}


def test_plaintext_is_not_in_the_page_before_reveal(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    page = robin.get(f"/cases/{case_id}")
    assert page.status_code == 200
    assert "[abusive message 1]" not in page.text
    assert "abusive" not in robin.get("/").text


def test_every_view_is_logged_before_it_is_shown(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    page = post(robin, f"/cases/{case_id}/reveal", event_id=world.abusive)
    assert "[abusive message 1]" in page.text
    views = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.EVIDENCE_VIEWED]
    assert [(entry.actor, json.loads(entry.detail)["event"]) for entry in views] == [("robin", world.abusive)]


def test_reveal_by_htmx_answers_with_the_message_alone(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    form = {"csrf": csrf(robin), "event_id": world.abusive}
    part = robin.post(f"/cases/{case_id}/reveal", data=form, headers={"HX-Request": "true"})
    assert "[abusive message 1]" in part.text
    assert "<html" not in part.text


def test_reading_a_page_reveals_nothing(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    assert robin.get(f"/cases/{case_id}/reveal", params={"event_id": world.abusive}).status_code == 405


def test_what_is_proven_and_what_is_not_is_said_in_words(robin: TestClient, world: World) -> None:
    page = robin.get(f"/cases/{a_case(world)}").text
    assert "What is proven" in page
    assert "sent exactly this message" in page
    assert "Which person held the device" in page
    unproven = robin.get(f"/cases/{a_case(world, world.opening, keys=False)}").text
    assert "Nobody here can read this message" in unproven
    assert "No message key came" in unproven


@pytest.mark.parametrize(
    "markup", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "</article>"]
)
def test_markup_of_strangers_is_shown_as_text(robin: TestClient, world: World, markup: str) -> None:
    event = world.homeserver.say(world.room, world.mallory, markup)
    case_id = a_case(world, event, note=markup)
    page = post(robin, f"/cases/{case_id}/reveal", event_id=event).text
    assert html.escape(markup, quote=False).replace('"', "&#34;") in page
    if "<" in markup and markup != "</article>":  # the page closes articles of its own
        assert markup not in page


def test_what_apps_may_show_instead_of_the_text_is_shown_too(robin: TestClient, world: World) -> None:
    formatted = {"format": "org.matrix.custom.html", "formatted_body": "<b>[abusive message 1]</b>"}
    event = world.homeserver.say(world.room, world.mallory, "ok", **formatted)
    case_id = a_case(world, event)
    page = post(robin, f"/cases/{case_id}/reveal", event_id=event).text
    assert "&lt;b&gt;[abusive message 1]&lt;/b&gt;" in page


def test_hidden_characters_are_made_visible() -> None:
    assert visible("a\u202eb\u200bc\x07\x00d\ufeff") == "a⟦U+202E⟧b⟦U+200B⟧c⟦U+0007⟧⟦U+0000⟧d⟦U+FEFF⟧"
    assert visible("שלום 👩‍👧 ünïcödé\n\tok") == "שלום 👩‍👧 ünïcödé\n\tok"


def test_decision_is_stored_and_shown(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    answer = post(robin, f"/cases/{case_id}/decide", **decision(actions=["warn", "lock"]))
    assert answer.status_code == 303
    page = robin.get(answer.headers["location"]).text
    assert "Decided." in page
    assert page.count('data-state="pending"') == 2
    world.enforcer.run_due()
    assert robin.get(f"/cases/{case_id}/actions").text.count('data-state="done"') == 2
    assert world.homeserver.accounts[world.mallory]["locked"]


def test_decide_and_next_opens_the_next_case(robin: TestClient, world: World) -> None:
    first, second = a_case(world), a_case(world, world.opening)
    answer = post(robin, f"/cases/{first}/decide", then="next", **decision())
    assert answer.headers["location"].startswith(f"/cases/{second}")


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"reason": " "}, 422, "needs a reason"),
        ({"outcome": "nonsense"}, 422, "listed values for outcome"),
        ({"outcome": ""}, 422, "listed values for outcome"),
        ({"policy": "none"}, 422, "needs the rule"),
        ({"actions": ["notify_reporter"]}, 422, "no such action"),
        ({"actions": ["explode"]}, 422, "listed values for action"),
        ({"reason": "x" * 5000}, 422, "at most"),
    ],
)
def test_refused_decision_keeps_what_was_typed(
    robin: TestClient, world: World, changes: dict[str, Any], status: int, words: str
) -> None:
    case_id = a_case(world)
    answer = post(robin, f"/cases/{case_id}/decide", **decision(**changes))
    assert answer.status_code == status
    assert words in answer.text
    assert decision(**changes)["reason"].strip()[:40] in answer.text
    assert world.desk.case(case_id, "robin").case.state is CaseState.OPEN


def test_second_decision_is_refused(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    post(robin, f"/cases/{case_id}/decide", **decision())
    again = post(robin, f"/cases/{case_id}/decide", **decision())
    assert again.status_code == 409
    assert len(world.desk.case(case_id, "robin").actions) == 1


def test_irreversible_actions_are_closed_while_nothing_is_proven(robin: TestClient, world: World) -> None:
    case_id = a_case(world, keys=False)
    page = robin.get(f"/cases/{case_id}").text
    for kind in (ActionKind.DEACTIVATE, ActionKind.REDACT, ActionKind.QUARANTINE):
        assert re.search(rf'value="{kind}"[^>]*disabled', page)
    assert post(robin, f"/cases/{case_id}/decide", **decision(actions=["deactivate"])).status_code == 422


def test_failed_action_says_why_and_can_be_tried_again(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    post(robin, f"/cases/{case_id}/decide", **decision())
    del world.homeserver.accounts[world.mallory]
    world.enforcer.run_due()
    page = robin.get(f"/cases/{case_id}").text
    assert "There is no account" in page
    (action,) = world.desk.case(case_id, "robin").actions
    assert post(robin, f"/actions/{action.action_id}/retry").status_code == 303
    assert post(robin, "/actions/nonsense/retry").status_code == 409


def test_waiting_reports_are_counted_in_the_queue(robin: TestClient, world: World) -> None:
    world.homeserver.down = True
    world.intake.take(world.request(world.abusive), "some-token", None)
    assert "1 report safely stored" in robin.get("/").text


# Who gets in


@pytest.mark.parametrize("path", ["/", "/cases/case_1", "/cases/case_1/actions", "/?state=decided"])
def test_nothing_is_shown_without_a_session(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("path", ["/cases/{}/reveal", "/cases/{}/decide", "/actions/a/retry", "/logout"])
def test_nothing_is_done_without_a_session(client: TestClient, world: World, path: str) -> None:
    case_id = a_case(world)
    answer = client.post(path.format(case_id), data={**decision(), "event_id": world.abusive})
    assert answer.status_code == 303
    assert "abusive" not in answer.text
    assert world.desk.queue().open == 1


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "x" * 10_000])
@pytest.mark.parametrize("path", ["/cases/{}/reveal", "/cases/{}/decide"])
def test_form_of_another_site_is_refused(robin: TestClient, world: World, path: str, token: str) -> None:
    case_id = a_case(world)
    answer = robin.post(path.format(case_id), data={**decision(), "event_id": world.abusive, "csrf": token})
    assert answer.status_code == 403
    assert "[abusive message 1]" not in answer.text
    assert world.desk.queue().open == 1


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
)
def test_sign_in_form_of_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/login", data={"username": "robin", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "/a\r\nSet-Cookie: x=1", "evil"]
)
def test_nobody_is_sent_to_another_site_after_signing_in(client: TestClient, target: str) -> None:
    form = {"username": "robin", "password": PASSWORD, "next": target}
    answer = client.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_wrong_password_is_refused_and_says_nothing_more(client: TestClient) -> None:
    for name in ("robin", "nobody"):
        answer = client.post("/login", data={"username": name, "password": "wrong"})
        assert answer.status_code == 401
        assert "do not fit together" in answer.text
        assert "set-cookie" not in answer.headers


def test_cookie_is_secure_by_default(world: World) -> None:
    with TestClient(
        app_of(world, cookie_secure=True), base_url="https://nightlight.test", follow_redirects=False
    ) as client:
        cookie = client.post("/login", data={"username": "robin", "password": PASSWORD}).headers["set-cookie"]
        assert cookie.startswith("__Host-nightlight=")
        for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
            assert attribute in cookie
        assert client.get("/").status_code == 200


def test_signing_out_ends_the_session_on_the_server(robin: TestClient) -> None:
    kept = robin.cookies.get("nightlight")
    assert post(robin, "/logout").status_code == 303
    robin.cookies.set("nightlight", kept or "")
    assert robin.get("/").status_code == 303


def test_every_page_carries_the_strict_policy(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    for path in ("/", "/login", f"/cases/{case_id}", "/cases/unknown"):
        headers = robin.get(path).headers
        assert headers["content-security-policy"] == CSP
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
    page = robin.get(f"/cases/{case_id}").text
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)
    assert not re.search(r"\son[a-z]+=", page)
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_unknown_case_is_a_page_that_says_so(robin: TestClient) -> None:
    answer = robin.get("/cases/case_unknown")
    assert answer.status_code == 404
    assert "There is no such case" in answer.text


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"a=1", "text/plain", 400),
        (b"--x", "multipart/form-data; boundary=x", 400),
        (b"&".join(b"a%d=1" % n for n in range(200)), "application/x-www-form-urlencoded", 400),
        (b"csrf=%ff%fe", "application/x-www-form-urlencoded", 403),
    ],
)
def test_malformed_form_is_refused(robin: TestClient, world: World, data: bytes, kind: str, status: int) -> None:
    answer = robin.post(f"/cases/{a_case(world)}/decide", content=data, headers={"Content-Type": kind})
    assert answer.status_code == status


def test_vendored_files_are_what_their_packages_ship() -> None:
    vendor = json.loads((STATIC / "vendor" / "vendor.json").read_text())
    assert {entry["package"] for entry in vendor} == {"htmx.org", "@picocss/pico"}
    for entry in vendor:
        data = (STATIC / "vendor" / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert (STATIC / "vendor" / entry["licence_file"]).read_text()
