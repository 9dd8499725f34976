"""The interface for services, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from nightlight.cli.compose import House
from nightlight.settings import Settings
from nightlight.web.api.prevention import prevention_router
from nightlight.web.app import build_app
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
