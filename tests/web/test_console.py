"""The console: hidden until revealed, logged before shown, and closed to other sites and other people."""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogKind
from nightlight.flows.review import Desk
from nightlight.model.action import ActionKind
from nightlight.model.case import CaseState
from nightlight.model.report import ReportedMessage
from nightlight.model.verdict import Code, verdict_for
from nightlight.respond.visible import visible
from nightlight.web.console.assets import STATIC
from nightlight.web.console.proof import MISSING, OTHER_CLOCK, claims
from nightlight.web.console.words import clock, log_words
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
    assert "its message key did not come with the report" in unproven
    assert "The reporter can still send its message key" in unproven


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
    assert visible("می\u200cخواهم") == "می\u200cخواهم"  # Persian needs its joiners
    assert visible("a\u200db\u200cc\u3164\u2028\u2800") == "a⟦U+200D⟧b⟦U+200C⟧c⟦U+3164⟧⟦U+2028⟧⟦U+2800⟧"
    assert visible("\ud800\U000e0041") == "⟦U+D800⟧⟦U+E0041⟧"
    assert visible("e" + "\u0301" * 50).count("⟦U+0301⟧") == 46


def test_decision_is_stored_and_shown(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    answer = post(robin, f"/cases/{case_id}/decide", **decision(actions=["warn", "lock"]))
    assert answer.status_code == 303
    page = robin.get(answer.headers["location"]).text
    assert "Decided." in page
    assert "2 actions are on their way." in page
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


def test_refused_decision_by_htmx_answers_with_the_form_alone(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    form = {"csrf": csrf(robin), **decision(policy="none")}
    part = robin.post(f"/cases/{case_id}/decide", data=form, headers={"HX-Request": "true"})
    assert part.status_code == 422
    assert part.text.startswith("<form")
    assert "what was found" in part.text


def test_decision_by_htmx_leads_to_the_next_case(robin: TestClient, world: World) -> None:
    first, second = a_case(world), a_case(world, world.opening)
    form = {"csrf": csrf(robin), "then": "next", **decision()}
    answer = robin.post(f"/cases/{first}/decide", data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"].startswith(f"/cases/{second}?decided={first}")


def test_last_decision_says_that_it_was_taken(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    answer = post(robin, f"/cases/{case_id}/decide", **decision(then="next", actions=["lock"]))
    assert answer.headers["location"].startswith(f"/cases/{case_id}?")
    assert "1 action is on its way." in robin.get(answer.headers["location"]).text


@pytest.mark.parametrize("query", ["decided=1", "decided=case_000001&actions=9&mark=" + "0" * 32, "actions=x&mark=é"])
def test_made_up_address_announces_no_decision(robin: TestClient, world: World, query: str) -> None:
    page = robin.get(f"/cases/{a_case(world)}?{query}")
    assert page.status_code == 200
    assert "Decided." not in page.text


@pytest.mark.parametrize("htmx", [False, True])
def test_decision_that_came_too_late_is_not_lost(robin: TestClient, world: World, htmx: bool) -> None:
    case_id = a_case(world)
    post(robin, f"/cases/{case_id}/decide", **decision())
    form = {"csrf": csrf(robin), **decision(reason="what I found\r\nin two lines")}
    answer = robin.post(f"/cases/{case_id}/decide", data=form, headers={"HX-Request": str(htmx).lower()})
    assert answer.status_code == 409
    assert "Somebody decided this case already" in answer.text
    assert "what I found\nin two lines" in answer.text


def test_reason_is_as_long_as_the_browser_counts_it(robin: TestClient, world: World) -> None:
    reason = "\r\n".join("x" * 9 for _ in range(400))  # 3,999 characters for the browser
    assert post(robin, f"/cases/{a_case(world)}/decide", **decision(reason=reason)).status_code == 303


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


@pytest.mark.parametrize("code", list(Code))
def test_every_verdict_says_what_is_missing_and_what_would_prove_it(code: Code) -> None:
    verdict = verdict_for(code)
    said = claims(ReportedMessage(0, "$event", verdict, "@a:here", 1), {"here"})
    assert said.not_proven
    assert bool(said.how) is not verdict.proven
    assert (code in MISSING) is not verdict.proven
    unknown = claims(ReportedMessage(0, "$event", verdict, None, None), {"here"})
    assert verdict.proven or not unknown.proven


def test_clock_of_another_server_is_not_called_proven() -> None:
    verdict = verdict_for(Code.OK)
    there = claims(ReportedMessage(0, "$event", verdict, "@a:there", 1), {"here"})
    here = claims(ReportedMessage(0, "$event", verdict, "@a:here", 1), {"here"})
    assert OTHER_CLOCK in there.not_proven
    assert OTHER_CLOCK not in here.not_proven
    assert not any("The homeserver stored it at this time" in claim for claim in there.proven)


def test_id_that_is_a_name_is_not_called_a_hash() -> None:
    old = claims(ReportedMessage(0, "$event:here", verdict_for(Code.OK), "@a:here", 1), {"here"})
    assert not any("hash" in claim for claim in old.proven)


def test_two_revealed_messages_are_two_places_on_the_page(robin: TestClient, world: World) -> None:
    case_id = a_case(world, world.opening, world.abusive)
    form = {"csrf": csrf(robin)}
    parts = [
        robin.post(f"/cases/{case_id}/reveal", data={**form, "event_id": event}, headers={"HX-Request": "true"}).text
        for event in (world.opening, world.abusive)
    ]
    page = robin.get(f"/cases/{case_id}").text
    ids = [re.findall(r'<article[^>]* id="(m-\d)"', part)[0] for part in parts]
    assert sorted(ids) == re.findall(r'<article[^>]* id="(m-\d)"', page) == ["m-1", "m-2"]


def test_time_that_is_no_time_is_shown_all_the_same() -> None:
    assert clock(2**53) == f"{2**53} ms, not a time"


def test_every_entry_of_a_case_is_a_sentence(robin: TestClient, world: World) -> None:
    case_id = a_case(world)
    post(robin, f"/cases/{case_id}/reveal", event_id=world.abusive)
    post(robin, f"/cases/{case_id}/decide", **decision(actions=["warn", "lock"]))
    world.enforcer.run_due()
    for entry in world.desk.case(case_id, "robin").log:
        assert log_words(entry) != entry.kind


def test_log_that_cannot_be_written_shows_nothing(
    robin: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = a_case(world)
    token = csrf(robin)

    def refuse(*_args: Any) -> None:
        raise RefusedError("log_broken", "Entry 7 was edited.", "Stop the service.")

    monkeypatch.setattr(Desk, "reveal", refuse)
    answer = robin.post(f"/cases/{case_id}/reveal", data={"csrf": token, "event_id": world.abusive})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "Stop the service." in answer.text


def test_database_that_does_not_answer_is_a_page_that_says_so(
    robin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> None:
        raise UnavailableError("store_unavailable", "The database does not answer.")

    monkeypatch.setattr(Desk, "queue", fail)
    answer = robin.get("/")
    assert answer.status_code == 503
    assert "Try again in a moment" in answer.text
    part = robin.get("/", headers={"HX-Request": "true"})
    assert part.headers["hx-retarget"] == "#notice"
    assert "<html" not in part.text


# Who gets in


def test_signed_out_reviewer_keeps_what_was_typed(client: TestClient, world: World) -> None:
    answer = client.post(f"/cases/{a_case(world)}/decide", data=decision(), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-retarget"] == "#notice"
    renewed = client.get("/", headers={"HX-Request": "true"})
    assert (renewed.status_code, renewed.headers["hx-redirect"]) == (204, "/login")


def test_way_back_after_signing_in_keeps_its_query(client: TestClient) -> None:
    assert client.get("/?state=decided").headers["location"] == "/login?next=/%3Fstate%3Ddecided"


def test_head_of_a_page_needs_no_form_token(robin: TestClient) -> None:
    assert robin.head("/").status_code == 200


def test_sign_in_page_lets_its_form_say_where_it_comes_from(client: TestClient) -> None:
    assert '<meta name="referrer" content="same-origin">' in client.get("/login").text
    form = {"username": "robin", "password": PASSWORD}
    assert client.post("/login", data=form, headers={"Origin": "http://nightlight.test"}).status_code == 303
    assert client.post("/login", data=form, headers={"Origin": "null"}).status_code == 403


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
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
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
        (b"&".join(b"a%d=1" % n for n in range(1_100)), "application/x-www-form-urlencoded", 400),
        (b"csrf=%ff%fe", "application/x-www-form-urlencoded", 403),
    ],
)
def test_malformed_form_is_refused(robin: TestClient, world: World, data: bytes, kind: str, status: int) -> None:
    answer = robin.post(f"/cases/{a_case(world)}/decide", content=data, headers={"Content-Type": kind})
    assert answer.status_code == status


def test_static_files_are_kept_only_under_the_mark_of_their_content(client: TestClient) -> None:
    page = client.get("/login").text
    (address,) = re.findall(r'href="(/static/console\.css\?v=[0-9a-f]+)"', page)
    kept = client.get(address)
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-security-policy"] == CSP
    for other in ("/static/console.css", "/static/console.css?v=0", "/static/vendor/vendor.json"):
        assert client.get(other).headers["cache-control"] == "no-cache"
    assert client.get("/static/../routes.py").status_code == 404
    assert client.get("/static/%2e%2e/routes.py").status_code == 404


def test_vendored_files_are_what_their_packages_ship() -> None:
    vendor = json.loads((STATIC / "vendor" / "vendor.json").read_text())
    assert {entry["package"] for entry in vendor} == {"htmx.org", "@picocss/pico"}
    for entry in vendor:
        data = (STATIC / "vendor" / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert (STATIC / "vendor" / entry["licence_file"]).read_text()
