"""The page of a person's own, with a simulated homeserver behind it and a clock that stands still."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from nightlight.cli.compose import House
from nightlight.cli.serve import app_for
from nightlight.flows.accounts import AccountLine
from nightlight.model.contact import Approach, Direction
from nightlight.model.event import Event, EventKind
from nightlight.settings import Settings
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver
from tests.world import SetClock

DAY = 86_400_000


class SafeWorld:
    """Kim is young, Lee is in Kim's class, Sam is grown up."""

    def __init__(self, simulator: SimulatedHomeserver, url: str, folder: Path, **settings: Any) -> None:
        (folder / "module").write_text(MODULE_SECRET)
        self.homeserver = simulator
        self.house = House(
            Settings(
                data_dir=folder,
                homeserver_url=url,
                server_name=SERVER_NAME,
                homeserver_token=SecretStr(ADMIN_TOKEN),
                module_secret_file=folder / "module",
                cookie_secure=False,
                quick_exit_url="https://example.org/",
                **settings,
            )
        )
        self.clock = SetClock()
        self.house.__dict__["clock"] = self.clock
        self.house.store.migrate()
        self.app = app_for(self.house)
        self.kim, self.lee, self.sam = (simulator.account(name) for name in ("kim", "lee", "sam"))
        self.age(self.kim, "13_15")
        self.age(self.lee, "13_15")
        self.age(self.sam, "adult")
        self._number = 0

    def age(self, account: str, band: str | None = None, assurance: str | None = None, born: str | None = None) -> None:
        self.house.account_book.put(AccountLine(account, band, assurance, born))

    def event(self, kind: EventKind, actor: str, target: str = "", room: str = "", **fields: Any) -> None:
        self._number += 1
        event = Event(f"given/{self._number}", kind, self.clock.at, actor, target, room, fields)
        assert self.house.events.take([event]).refused == ()

    def share_a_room(self, one: str, other: str, room: str = "!class:sim.example") -> None:
        self.event(EventKind.ROOM_CREATED, one, room=room, visibility="private")
        self.event(EventKind.ROOM_JOINED, one, room=room)
        self.event(EventKind.ROOM_JOINED, other, room=room)

    def ask(self, actor: str, target: str, direction: Direction = Direction.DIRECT, room: str = "") -> str:
        """Somebody asks for contact; the id of the request that it becomes."""
        (answer,) = self.house.contact_desk.decide([Approach(actor, target, direction, room)])
        assert answer.request is not None, answer.decided.outcome
        return answer.request.request_id

    def classmate_asks(self) -> str:
        self.share_a_room(self.lee, self.kim)
        return self.ask(self.lee, self.kim, room="!dm:sim.example")

    def browser(self, account: str | None = None, language: str = "en") -> SafeBrowser:
        browser = SafeBrowser(self, language)
        if account:
            browser.sign_in(account)
        return browser

    def notices(self, account: str) -> list[str]:
        """The server notices that the account got."""
        self.house.enforcer.run_due()
        sent = self.homeserver.notices.values()
        return [notice["content"]["body"] for notice in sent if notice["user_id"] == account]

    def close(self) -> None:
        self.house.close()


class SafeBrowser:
    """A browser without JavaScript: pages, links and forms."""

    def __init__(self, world: SafeWorld, language: str = "en") -> None:
        self.world = world
        self.client = TestClient(
            world.app,
            base_url="http://nightlight.test",
            headers={"accept-language": language, "sec-fetch-site": "same-origin"},
        )
        self.page = ""
        self.status = 0
        self.path = ""

    def sign_in(self, account: str, token: str = "") -> int:
        token = token or self.world.homeserver.token_for(account)
        return self.client.post("/safe/sign-in", data={"openid_token": token}).status_code

    def open(self, path: str) -> str:
        answer = self.client.get(path)
        return self._take(answer)

    def send(self, path: str, **fields: str) -> str:
        """Posts as a form of the page in front of us would, with its token."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page)
        values = {**({"csrf": found[1]} if found else {}), **fields}
        return self._take(self.client.post(path, data=values))

    def _take(self, answer: Any) -> str:
        self.page, self.status = answer.text, answer.status_code
        self.path = urlsplit(str(answer.url)).path
        return self.page


@pytest.fixture
def safe(shared_simulator: tuple[SimulatedHomeserver, str], tmp_path: Path) -> Iterator[SafeWorld]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    world = SafeWorld(simulator, url, tmp_path)
    yield world
    world.close()
