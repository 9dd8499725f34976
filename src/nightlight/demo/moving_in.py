"""The town before the story: people talk, nobody's age is known yet, and then it becomes known."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

from nightlight.demo.cast import CAST, FAMILIES, PUPILS, TEACHER, birth_month
from nightlight.demo.reach import Reach
from nightlight.demo.stage import Scene, Stage
from nightlight.model.contact import Relation

FRIENDLY = [
    ("alice", "Hi Bob! Did you finish the maths homework?"),
    ("bob", "Nearly. Number four is hard."),
    ("alice", "Draw the triangle first, then it is easy."),
    ("bob", "Got it, thank you! See you at chess club."),
]
#: Rooms of two that exist before ages are known; the second one accepts.
_CHATS = (("alice", "bob"), ("mallory", "bob"), ("helen", "carl"), ("carl", "bob"))
_KNOWN = {
    ("mallory", "bob"): Relation.CONNECTED,
    ("carl", "bob"): Relation.CONNECTED,
    ("grace", "leo"): Relation.SHARED_ROOM,
    ("kim", "bob"): Relation.SHARED_ROOM,
    ("kim", "alice"): Relation.SHARED_ROOM,
    ("helen", "mia"): Relation.CONNECTED,
}


class MovingIn:
    """``birth_months``: what was told to Nightlight, and must not be readable anywhere after."""

    def __init__(self, stage: Stage, reach: Reach) -> None:
        self._stage = stage
        self._reach = reach
        self.birth_months: list[str] = []

    def scenes(self) -> list[Scene]:
        return [
            ("Families, a class and a team get together", self._people_meet),
            ("Alice and Bob chat, encrypted end to end", self._friends_chat),
            ("The messenger says how old its people are", self._ages_come),
        ]

    async def _people_meet(self) -> None:
        stage = self._stage
        families = [pair for family in FAMILIES for pair in itertools.combinations(map(stage.id_of, family), 2)]
        await stage.messenger.says_connected(families)
        await asyncio.gather(self._class_meets(), *(self._chat(*pair) for pair in _CHATS))

    async def _class_meets(self) -> None:
        accounts = self._stage.accounts
        room = await accounts[TEACHER].make_room(*(accounts[name].user_id for name in PUPILS), direct=False)
        await asyncio.gather(*(accounts[name].join(room) for name in PUPILS))

    async def _chat(self, host: str, guest: str) -> None:
        accounts = self._stage.accounts
        room = await accounts[host].make_room(accounts[guest].user_id)
        await accounts[guest].join(room)
        self._stage.rooms[host, guest] = room

    async def _friends_chat(self) -> None:
        await self._stage.say_all(self._stage.rooms["alice", "bob"], FRIENDLY)

    async def _ages_come(self) -> None:
        today = datetime.now(UTC)
        told = []
        for somebody in CAST:
            if somebody.age is not None:
                born = birth_month(somebody.age, today.year, today.month)
                account = self._stage.id_of(somebody.name)
                told.append(self._stage.messenger.says_age(account, born, somebody.days))
                self.birth_months.append(born)
        await asyncio.gather(*told)
        for (one, other), relation in _KNOWN.items():
            await self._stage.until(f"what {one} is to {other}", lambda: self._is(one, other, relation))  # noqa: B023

    async def _is(self, one: str, other: str, relation: Relation) -> bool:
        return self._reach.relation(self._stage.id_of(one), self._stage.id_of(other)) is relation
