"""The interface for services, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Match, Route
from starlette.testclient import TestClient

from nightlight.adapters.engines import column_reader
from nightlight.cli.compose import House
from nightlight.settings import Settings
from nightlight.web.api.module import module_router
from nightlight.web.api.prevention import prevention_router
from nightlight.web.app import HOT, build_app
from tests.event_streams import MEDIA_TYPE, columns_of, stream_of
from tests.world import SetClock

TOKEN = "t" * 40
MODULE = "m" * 40
CHILD, ADULT, FRIEND = "@kim:home.test", "@sam:home.test", "@alex:home.test"


class Service:
    """The service with a clock that stands still."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        (folder / "token").write_text(TOKEN)
        (folder / "module").write_text(MODULE)
        self.house = House(
            Settings(
                data_dir=folder,
                server_name="home.test",
                service_token_file=folder / "token",
                module_secret_file=folder / "module",
                **settings,
            )
        )
        self.clock = SetClock()
        self.house.__dict__["clock"] = self.clock
        self.house.store.migrate()
        app = build_app(
            [prevention_router(self.house.prevention, self.house.service_tokens, self.house.service_limits)],
            [],
            self.house.store,
        )
        self.client = TestClient(app, base_url="http://nightlight.test", headers={"Authorization": f"Bearer {TOKEN}"})
        self._number = 0

    def age(self, account: str, band: str | None = None, **more: Any) -> None:
        body = {**({"age_band": band} if band else {}), **more}
        assert self.client.put(f"/v1/accounts/{account}", json=body).status_code == 204

    def event(self, kind: str, actor: str, target: str = "", **more: Any) -> dict[str, Any]:
        self._number += 1
        event = {"id": f"e{self._number}", "kind": kind, "at": self.clock.at, "actor": actor, **more}
        return {**event, "target": target} if target else event

    def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post("/v1/events", json={"events": list(events)})
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def decide(self, actor: str, target: str, direction: str = "direct", **more: Any) -> dict[str, Any]:
        body = {"actor": actor, "target": target, "direction": direction, **more}
        answer = self.client.post("/v1/contacts/decide", json=body)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.house.close()


def test_events_in_columns_are_answered_and_kept_as_in_json(service: Service, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Service(tmp_path / "other")
    rows = [
        service.event("account.created", ADULT),
        service.event("contact.requested", ADULT, CHILD, via="direct"),
        service.event("contact.declined", CHILD, ADULT, room="!a:home.test"),
        service.event("room.created", CHILD, room="!a:home.test", visibility="private", encrypted=True),
        {**service.event("contact.requested", ADULT, CHILD), "at": service.clock.at + 10**7},
        service.event("contact.decided", ADULT, CHILD, direction="direct", outcome="allow"),
        service.event("room.joined", "@with space", room="!a:home.test"),
    ]
    rows.append(rows[0])
    rows.append({**rows[1], "via": "group"})
    in_columns = other.client.post(
        "/v1/events", content=stream_of(columns_of(rows)), headers={"content-type": f"{MEDIA_TYPE}; x=y"}
    )
    assert in_columns.status_code == 200
    assert in_columns.json() == service.send(*rows)
    assert in_columns.json()["accepted"] == 4
    assert in_columns.json()["duplicates"] == 1
    assert [one["code"] for one in in_columns.json()["refused"]] == [
        "event_from_the_future",
        "event_kind_reserved",
        "event_malformed",
        "event_id_reused",
    ]
    kept = []
    for house in (service.house, other.house):
        with house.store.read() as tx:
            kept.append([one.event for one in tx.events_after(0, 100)])
    assert kept[0] == kept[1]
    assert [one.event_id for one in kept[0]] == [row["id"] for row in rows[:4]]
    other.house.close()


def test_what_is_no_stream_of_columns_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(tmp_path, service_body_bytes_max=20_000)

    def code_of(content: bytes, kind: str = MEDIA_TYPE, token: str = TOKEN) -> tuple[int, str]:
        headers = {"content-type": kind, "authorization": f"Bearer {token}"}
        answer = service.client.post("/v1/events", content=content, headers=headers)
        return answer.status_code, answer.json().get("code", "")

    row = service.event("account.created", ADULT)
    body = stream_of(columns_of([row]))
    assert code_of(body, token="x" * 40) == (401, "invalid_service_token")
    assert code_of(body, "application/octet-stream") == (415, "not_json")
    assert code_of(body, "application/json") == (400, "json_not_utf8")
    assert code_of(body[:100]) == (400, "arrow_malformed")
    assert code_of(stream_of(columns_of([row]), compression="zstd")) == (400, "arrow_compressed")
    assert code_of(stream_of(columns_of([row] * 500))) == (413, "body_too_large")
    assert code_of(body) == (200, "")
    monkeypatch.setattr("nightlight.adapters.engines.COLUMNS_NEEDED", ("no_such_library",))
    assert column_reader() is None
    (tmp_path / "bare").mkdir()
    service = Service(tmp_path / "bare")
    assert code_of(body) == (415, "not_json")


def test_a_stranger_is_kept_from_a_child_and_an_adult_is_not(service: Service) -> None:
    service.age(CHILD, "13_15")
    service.age(ADULT, "adult", assurance="verified")
    service.age("@jo:home.test", "adult")
    made = service.decide(ADULT, CHILD)
    assert made["outcome"] == "deny"
    assert made["reasons"][0] == "adults-to-under-16"
    assert made["policy"].startswith("teen-default@1#")
    assert service.decide(ADULT, "@jo:home.test")["outcome"] == "allow"


def test_a_request_waits_and_is_accepted(service: Service) -> None:
    service.age(CHILD, "13_15")
    service.age(FRIEND, "13_15")
    made = service.decide(FRIEND, CHILD, "group", room="!class:home.test")
    assert made["outcome"] == "hold"  # a stranger, and "only people I know" is on
    service.send(
        service.event("room.created", FRIEND, room="!r", visibility="private"),
        service.event("room.joined", FRIEND, room="!r"),
        service.event("room.joined", CHILD, room="!r"),
    )
    made = service.decide(FRIEND, CHILD)
    assert made["outcome"] == "request"
    waiting = service.client.get("/v1/contacts/requests", params={"account": CHILD}).json()["requests"]
    assert [one["request_id"] for one in waiting] == [made["request_id"]]
    answer = {"account": CHILD, "answer": "accept"}
    path = f"/v1/contacts/requests/{made['request_id']}"
    assert service.client.post(path, json=answer).json()["state"] == "accepted"
    assert service.client.post(path, json=answer).json()["state"] == "accepted"
    assert service.client.post(path, json={**answer, "answer": "block"}).json()["code"] == "request_answered"
    assert service.client.post(path, json={"account": ADULT, "answer": "accept"}).status_code == 404
    assert service.decide(FRIEND, CHILD)["outcome"] == "allow"


def test_a_block_holds_whatever_is_between_them(service: Service) -> None:
    service.send(
        service.event("contact.accepted", CHILD, FRIEND),
        service.event("contact.blocked", CHILD, FRIEND),
        service.event("contact.accepted", CHILD, FRIEND),
    )
    assert service.decide(FRIEND, CHILD)["reasons"] == ["blocked"]
    assert service.decide(CHILD, FRIEND)["outcome"] == "allow"


def test_notices_wait_for_the_messengers_own_client_until_they_were_shown(service: Service) -> None:
    service.age(CHILD, "under_13")
    service.age(FRIEND, "under_13")
    service.send(
        service.event("room.created", FRIEND, room="!r", visibility="private"),
        service.event("room.joined", FRIEND, room="!r"),
        service.event("room.joined", CHILD, room="!r"),
    )

    def waiting(account: str) -> list[dict[str, Any]]:
        answer = service.client.get("/v1/notices/pending", params={"account": account})
        assert answer.status_code == 200
        return list(answer.json()["notices"])

    made = service.decide(FRIEND, CHILD)
    (notice,) = waiting(CHILD)
    assert (notice["notice"], notice["language"]) == ("request_waiting", "en")
    assert "grown-up you trust" in notice["text"]
    assert FRIEND not in str(notice)
    assert waiting(FRIEND) == waiting(ADULT) == []
    service.clock.at += 1
    path = f"/v1/contacts/requests/{made['request_id']}"
    assert service.client.post(path, json={"account": CHILD, "answer": "block"}).status_code == 200
    assert [one["notice"] for one in waiting(CHILD)] == ["request_waiting", "after_blocking"]
    ids = [one["id"] for one in waiting(CHILD)]
    # Somebody else's cannot be taken away.
    assert service.client.post("/v1/notices/pending", json={"account": FRIEND, "ids": ids}).json() == {"shown": 0}
    for shown in (1, 0):
        body = {"account": CHILD, "ids": ids[:1]}
        assert service.client.post("/v1/notices/pending", json=body).json() == {"shown": shown}
    assert [one["id"] for one in waiting(CHILD)] == ids[1:]


def test_the_same_notice_does_not_come_again_so_soon(service: Service) -> None:
    service.age(CHILD, "13_15")
    for number in range(3):
        body = {"account": CHILD, "other": f"@x{number}:home.test"}
        service.house.request_desk.block(body["account"], body["other"])
    assert len(service.house.notice_box.waiting(CHILD)) == 1
    service.clock.at += 24 * 3_600_000
    service.house.request_desk.block(CHILD, "@late:home.test")
    assert len(service.house.notice_box.waiting(CHILD)) == 2
    service.house.ask_desk.sweep()
    service.clock.at += 31 * 24 * 3_600_000
    service.house.ask_desk.sweep()
    assert service.house.notice_box.waiting(CHILD) == []


@pytest.mark.parametrize(
    "body", [{}, {"account": CHILD}, {"account": CHILD, "ids": "x"}, {"account": CHILD, "ids": [1]}]
)
def test_a_malformed_list_of_shown_notices_is_refused(service: Service, body: dict[str, Any]) -> None:
    assert service.client.post("/v1/notices/pending", json=body).status_code == 400


def test_notices_take_the_services_token(service: Service) -> None:
    service.client.headers["Authorization"] = "Bearer nonsense"
    assert service.client.get("/v1/notices/pending", params={"account": CHILD}).status_code == 401
    assert service.client.post("/v1/notices/pending", json={"account": CHILD, "ids": []}).status_code == 401


@pytest.mark.parametrize("path", sorted(HOT))
def test_what_is_asked_most_often_takes_no_detour_and_is_described_all_the_same(service: Service, path: str) -> None:
    house = service.house
    module = module_router(house.contact_desk, house.request_desk, house.service_tokens, house.service_limits)
    app = build_app(
        [prevention_router(house.prevention, house.service_tokens, house.service_limits), module], [], house.store
    )
    scope = {"type": "http", "method": "POST", "path": path}
    first = next(route for route in app.router.routes if route.matches(scope)[0] is Match.FULL)
    assert type(first) is Route
    assert (path in app.openapi()["paths"]) is not path.startswith("/v1/module/")
    answer = TestClient(app).get(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
