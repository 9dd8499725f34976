"""Where the story plays: the people, what they have, and how a scene checks what it claims."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlight.demo.account import Account, registered
from nightlight.demo.cast import CAST, ENCRYPTING
from nightlight.demo.messenger import Messenger
from nightlight.demo.people import Person
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.town import Town
from nightlight.errors import NightlightError

#: A scene: its title, and how it is played.
Scene = tuple[str, Callable[[], Awaitable[None]]]


class StoryError(NightlightError):
    """A step of the story did not happen."""

    def __init__(self, step: str, what: str) -> None:
        super().__init__("story", f"{step}: {what}")


@dataclass(slots=True)
class Stage:
    """``devices``: what people keep for themselves, keys included. ``said``: every text that was sent, in its order."""

    town: Town
    messenger: Messenger
    devices: Path
    accounts: dict[str, Account] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    rooms: dict[tuple[str, str], str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def person(self, name: str) -> Person:
        """Somebody who encrypts."""
        found = self.accounts[name]
        assert isinstance(found, Person)  # noqa: S101
        return found

    def id_of(self, name: str) -> str:
        return self.accounts[name].user_id

    async def say_all(self, room: str, lines: Sequence[tuple[str, str]]) -> None:
        for name, text in lines:
            await self.person(name).sync()
            self.events[text] = await self.person(name).say(room, text)
            self.said.append(text)

    @staticmethod
    def expect(holds: bool, step: str, what: str) -> None:
        if not holds:
            raise StoryError(step, what)

    @staticmethod
    async def until(what: str, happened: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not await happened():
            if asyncio.get_running_loop().time() > deadline:
                raise StoryError(what, f"did not happen within {seconds:.0f} s")
            await asyncio.sleep(0.15)

    def reviewer(self) -> ReviewerSession:
        """The reviewer at the console, signed in."""
        session = ReviewerSession(self.town.nightlight.url)
        session.sign_in(self.town.reviewer.username, self.town.reviewer.password)
        return session


@asynccontextmanager
async def everybody(town: Town) -> AsyncIterator[Stage]:
    """The whole cast, signed in. Their devices are not beside the servers' data, and gone after the story."""
    with TemporaryDirectory(prefix="nightlight-people-", ignore_cleanup_errors=True) as folder:
        async with Messenger(town.nightlight.url, town.service_token) as messenger:
            stage = Stage(town, messenger, Path(folder))

            async def arrive(name: str) -> None:
                if name in ENCRYPTING:
                    stage.accounts[name] = await Person.arrive(town.synapse, name, stage.devices / name)
                else:
                    stage.accounts[name] = await registered(town.synapse, name)

            try:
                await asyncio.gather(*(arrive(one.name) for one in CAST))
                yield stage
            finally:
                await asyncio.gather(*(account.depart() for account in stage.accounts.values()))
