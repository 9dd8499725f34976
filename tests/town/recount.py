"""What the columns about relations, bans and time must say, worked out again with plain sets, event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nightlight.detect.fields import KINDS, RELATIONS, WORDS
from nightlight.town.keyed_numbers import What, keyed_numbers
from nightlight.town.life import Town

Known = tuple[int, int, int, int, int]


class Recount:
    """Begins as the town stood before its log; ``take`` gives (relation, mutual, known_for, banned_links,
    banned_in_room) of an event and then lets it happen."""

    def __init__(self, town: Town) -> None:
        world, seed = town.world, town.parameters.seed

        def numbers(what: What, indices: Sequence[int]) -> list[int]:
            return keyed_numbers(what, np.array(indices, np.int64), seed).tolist() if indices else []

        size = len(world.people)
        account = numbers(What.ACCOUNT, range(size))
        self.friends: dict[int, set[int]] = {}
        self.created: dict[int, int] = {}
        self.items: dict[int, set[int]] = {}
        self.numbers: dict[int, set[int]] = {}
        self.book: dict[int, set[int]] = {}
        self.members: dict[int, set[int]] = {}
        self.ever: dict[int, set[int]] = {}
        self.private: set[int] = set()
        self.banned: set[int] = set()
        for person in range(size):
            me = account[person]
            self.friends[me] = {account[other] for other in world.ties.of[person]}
            self.created[me] = world.people.created[person]
            self.items[me] = set(numbers(What.ITEM, sorted(world.things.of[person])))
            self.numbers[me] = set(numbers(What.ITEM, world.things.numbers_of[person]))
            self.book[me] = set(numbers(What.ITEM, sorted(world.things.book[person])))
        for index, members in enumerate(world.rooms.members):
            room = numbers(What.ROOM, [2 * index])[0]
            self.members[room] = {account[one] for one in members}
            self.ever[room] = set(self.members[room])
            if world.rooms.private[index]:
                self.private.add(room)

    def take(self, row: Mapping[str, int]) -> Known:
        kind, actor, target, room, item = KINDS[row["kind"]], row["actor"], row["target"], row["room"], row["item"]
        # Accounts from before the log whose creation nobody wrote down: as old as they say at first, ever after.
        self.created.setdefault(actor, row["t"] - row["known_for"])
        if kind == "account.created":
            self.created[actor] = row["t"]
        if kind in ("account.device", "account.number"):
            self.items.setdefault(actor, set()).add(item)
        known = self._known(kind, row["t"], actor, target, room)
        self._happen(kind, WORDS[row["word"]], actor, target, room, item)
        return known

    def _known(self, kind: str, t: int, actor: int, target: int, room: int) -> Known:
        relation, mutual = "", 0
        if target:
            common = self._friends(actor) & self._friends(target)
            mutual = min(10, len(common))
            shared = (
                len(members)
                for one, members in self.members.items()
                if one in self.private and {actor, target} <= members
            )
            if target in self._friends(actor):
                relation = "connected"
            elif self.book.get(target, set()) & self.numbers.get(actor, set()):
                relation = "address_book"
            elif any(size <= 50 for size in shared):
                relation = "shared_room"
            else:
                relation = "mutual" if common else "stranger"
        mine = self.items.get(actor, set())
        links = sum(1 for one in self.banned if one != actor and self.items.get(one, set()) & mine)
        in_room = 0
        if room in self.private:
            in_room = len(self.ever[room] & self.banned)
        elif room and room not in self.members and kind != "room.created":
            in_room = len({actor, target} & self.banned)
        return RELATIONS.index(relation), mutual, t - self.created[actor], links, in_room

    def _friends(self, one: int) -> set[int]:
        return self.friends.setdefault(one, set())

    def _happen(self, kind: str, word: str, actor: int, target: int, room: int, item: int) -> None:
        match kind:
            case "account.number":
                self.numbers.setdefault(actor, set()).add(item)
            case "account.banned":
                self.banned.add(actor)
            case "account.unbanned":
                self.banned.discard(actor)
            case "address_book.added":
                self.book.setdefault(actor, set()).add(item)
            case "contact.accepted" if word == "direct":
                self._friends(actor).add(target)
                self._friends(target).add(actor)
            case "contact.removed":
                self._friends(actor).discard(target)
                self._friends(target).discard(actor)
            case "room.created":
                self.members[room], self.ever[room] = set(), set()
                self.private.add(room)
            case "room.joined":
                self.members[room].add(actor)
                self.ever[room].add(actor)
            case "room.left":
                self.members[room].discard(actor)
