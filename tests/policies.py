"""A small installation with a contact policy, for tests: a store, people, decisions as the service makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nightlight.cli.compose import House
from nightlight.flows.accounts import AccountLine
from nightlight.flows.replay_policy import PolicyReplay
from nightlight.model.account import AgeBand
from nightlight.model.contact import Approach, DecidedContact, Direction
from nightlight.model.event import Event, EventKind
from nightlight.settings import Settings
from tests.world import SetClock

HOUR_MS = 3_600_000


class Town:
    """A house on SQLite with a clock that stands still."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.house = House(Settings(data_dir=folder, server_name="home.test", **settings))
        self.clock = SetClock()
        self.house.__dict__["clock"] = self.clock
        self.house.store.migrate()
        self._events = 0

    def close(self) -> None:
        self.house.close()

    def person(self, name: str, band: AgeBand) -> str:
        account = f"@{name}:home.test"
        self.house.account_book.put(AccountLine(account, band.value, None, None))
        return account

    def happened(self, kind: EventKind, actor: str, target: str = "", **fields: Any) -> None:
        self._events += 1
        room = str(fields.pop("room", ""))
        event = Event(f"e{self._events}", kind, self.clock.at, actor, target, room, fields)
        self.house.events.take([event])

    def approach(
        self, actor: str, target: str, direction: Direction = Direction.DIRECT, room: str = ""
    ) -> DecidedContact:
        """One decision; a second goes by, so that decisions have an order."""
        self.clock.at += 1_000
        (answer,) = self.house.contact_desk.decide([Approach(actor, target, direction, room)])
        return answer.decided

    @property
    def replay(self) -> PolicyReplay:
        return PolicyReplay(self.house.store, self.house.people, self.house.policy_book)
