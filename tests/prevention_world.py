"""A Nightlight that decides about contact, put together as in earnest, with a clock that stands still."""

from __future__ import annotations

import itertools
import secrets
from pathlib import Path
from typing import Any, Self

from nightlight.cli.compose import House
from nightlight.flows.accounts import AccountLine
from nightlight.flows.decide_contact import Answer
from nightlight.flows.take_events import EventReceipt
from nightlight.model.account import Age
from nightlight.model.contact import Approach, ContactFacts, Direction
from nightlight.model.event import Event, EventKind, LoggedEvent
from nightlight.settings import Settings
from tests.world import SetClock

SERVER = "home.test"
KIM, SAM, ALEX, JO = (f"@{name}:{SERVER}" for name in ("kim", "sam", "alex", "jo"))
DAY_MS = 24 * 3_600_000


class PreventionWorld:
    """Kim is 13 to 15, Alex too; Sam is an adult, Jo's age is not known. Nobody knows anybody.

    Several on one database are several processes: each has its own relations in memory.
    """

    def __init__(self, folder: Path, database_url: str, clock: SetClock | None = None, **settings: Any) -> None:
        self.clock = clock or SetClock()
        values = {"data_dir": folder, "database_url": database_url, "server_name": SERVER, **settings}
        self.house = House(Settings(**values))
        self.house.__dict__["clock"] = self.clock
        self.store = self.house.store
        self._numbers = itertools.count(1)
        self._name = secrets.token_hex(4)

    def migrate(self) -> Self:
        self.store.migrate()
        self.age(KIM, "13_15")
        self.age(ALEX, "13_15")
        self.age(SAM, "adult", "verified")
        return self

    def age(self, account: str, band: str | None, assurance: str | None = None, born: str | None = None) -> None:
        self.house.account_book.put(AccountLine(account, band, assurance, born))

    def known_age(self, account: str) -> Age:
        with self.store.read() as tx:
            return self.house.people.age_of(tx, account)

    def event(self, kind: EventKind, actor: str, target: str = "", room: str = "", **more: Any) -> Event:
        at, event_id = more.pop("at", self.clock.at), more.pop("event_id", None)
        return Event(event_id or f"test-{self._name}-{next(self._numbers)}", kind, at, actor, target, room, more)

    def take(self, *events: Event) -> EventReceipt:
        return self.house.events.take(list(events))

    def happen(self, kind: EventKind, actor: str, target: str = "", room: str = "", **more: Any) -> None:
        receipt = self.take(self.event(kind, actor, target, room, **more))
        assert not receipt.refused, receipt

    def share_a_class(self, *accounts: str, room: str = "!class:home.test") -> None:
        """They are in a small private room together."""
        self.happen(EventKind.ROOM_CREATED, accounts[0], room=room, visibility="private")
        for account in accounts:
            self.happen(EventKind.ROOM_JOINED, account, room=room)

    def decide(self, actor: str, target: str, room: str = "", direction: Direction = Direction.DIRECT) -> Answer:
        return self.house.contact_desk.decide([Approach(actor, target, direction, room)])[0]

    def facts(self, actor: str, target: str) -> ContactFacts:
        return self.house.contact_desk.preview(Approach(actor, target, Direction.DIRECT))[0]

    def log(self) -> list[LoggedEvent]:
        with self.store.read() as tx:
            return tx.events_after(0, 1_000_000)

    def kinds(self) -> list[str]:
        return [logged.event.kind.value for logged in self.log()]

    def relations(self) -> set[tuple[int, int, int, int]]:
        """All that holds, as the store has it."""
        with self.store.snapshot() as tx:
            return {tuple(row) for chunk in tx.relations_at_start() for row in chunk}

    def close(self) -> None:
        self.house.close()
