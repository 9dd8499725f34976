"""A service in which detection has found something, and people who are signed in to its console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from nightlight.detect.ring import Facts, Ring
from nightlight.detect.ring_values import ring_values
from nightlight.model.account import AgeBand
from nightlight.model.signal import Alert, AlertKind, BacktestRecord
from nightlight.web.app import build_app
from nightlight.web.console.routes import console_routes
from nightlight.web.console.rules import rule_routes
from nightlight.web.console.signals import signal_routes
from tests.detect.ring_world import against, device, found
from tests.flows.test_detect import DetectionWorld, account, two_families
from tests.prevention_world import SAM
from tests.web.conftest import PASSWORD

RULE = "many_minors_in_an_hour"


class DetectionPages(DetectionWorld):
    """Sam asked six children, and two of those he went on with blocked him: two families, an alert, a case."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, f"sqlite:///{folder}/pages.sqlite3", cookie_secure=False, **settings)
        self.store.migrate()
        for name in ("robin", "kim"):
            self.house.door.add_reviewer(name, PASSWORD, "test")

    def happened(self) -> DetectionPages:
        self.migrate()
        two_families(self, self.children(8))
        return self

    @property
    def app(self) -> FastAPI:
        house, kept = self.house, {"cookie_secure": False, "session_seconds": 3600}
        routes = [
            *console_routes(house.desk, house.door, house.referrer, **kept),  # type: ignore[arg-type]
            *rule_routes(house.rule_report, house.door, **kept),  # type: ignore[arg-type]
            *signal_routes(house.signal_report, house.door, **kept),  # type: ignore[arg-type]
        ]
        return build_app([], routes, house.store)

    def backtested(self, rule: str = RULE) -> None:
        now = self.house.rule_book.in_force()
        summary = {"days": 30, "signals": {"total": 1_234, "accounts": 56}, "precision": "not measured"}
        record = BacktestRecord(self.clock.at, "robin", now.pack.digest, {rule: now.meanings[rule]}, summary)
        self.house.rule_desk.note_backtest(record)

    def ring(self) -> Alert:
        """Three accounts on one device, one of them banned, and children who blocked them all."""
        names = [account(f"ring{number}") for number in range(3)]
        ones = [self.house.people.number(name) for name in names]
        events = [device(one, 7, self.clock.at) for one in ones]
        events += [against(child, one, self.clock.at) for child in (901, 902) for one in ones]
        facts = {ones[0]: Facts(AgeBand.ADULT, banned=True), ones[1]: Facts(AgeBand.ADULT), ones[2]: Facts()}
        (ring,) = found(events, facts)
        return self.raise_ring(ring, names)

    def raise_ring(self, ring: Ring, names: list[str]) -> Alert:
        with self.store.write() as tx:
            return self.house.alerts.raise_alert(
                tx, AlertKind.RING, 1, tuple(names), ring.why, {"ring": ring_values(ring)}, self.clock.at
            )

    def case_id(self, subject: str = SAM) -> str:
        with self.store.read() as tx:
            case = tx.open_case_about(subject)
        assert case is not None
        return case.case_id


class Person:
    """Somebody who is signed in and fills in forms."""

    def __init__(self, world: DetectionPages, name: str) -> None:
        self.client = TestClient(world.app, base_url="http://nightlight.test", follow_redirects=False)
        answer = self.client.post("/login", data={"username": name, "password": PASSWORD})
        assert answer.status_code == 303

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, **form: str) -> Any:
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.client.get("/rules").text)
        assert token
        return self.client.post(path, data={"csrf": token[1], **form})
