"""How one asks another, what the other answers, and what follows when both have accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nightlight.model.event import EventKind
from nightlight.town.parameters import HOUR_MS
from nightlight.town.roles import Role
from nightlight.town.world import (
    ADDRESS_BOOK,
    CONNECTED,
    MUTUAL,
    SHARED_ROOM,
    STRANGER,
    World,
    direct_room,
    group_room,
)

#: By relation: how often somebody accepts, and declines; the others never answer. Invented, not measured.
_ANSWERS: Final = {
    CONNECTED: (0.95, 0.01),
    ADDRESS_BOOK: (0.9, 0.02),
    SHARED_ROOM: (0.75, 0.06),
    MUTUAL: (0.65, 0.1),
    STRANGER: (0.2, 0.25),
}
_BLOCKS_A_STRANGER = 0.05
_WITHDRAWN = 0.1


class Contact:
    """``on_connected``: called with who asked, who accepted and their connection."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: set[tuple[int, int]] = set()
        self.on_connected: list[Callable[[int, int, int], None]] = []
        #: Called with who asked and who did not want to be asked.
        self.on_unwanted: list[Callable[[int, int], None]] = []

    def ask(self, asker: int, asked: int) -> None:
        """One to one. Nothing happens if they are connected, the one blocks the other, or an answer is awaited."""
        world = self._world
        banned = world.people.banned
        if asker == asked or banned[asker] or banned[asked] or asked in world.ties.of[asker]:
            return
        if (asker, asked) in self._open or (asked, asker) in world.blocks or (asker, asked) in world.blocks:
            return
        relation = world.relation(asker, asked)
        world.record(EventKind.CONTACT_REQUESTED, asker, asked, word="direct")
        self._open.add((asker, asked))
        accepts, declines = _ANSWERS[relation]
        if world.people.role[asker] == Role.SPAMMER:
            accepts, declines = accepts / 4, declines * 1.5
        if world.people.role[asked] == Role.SHOP:
            accepts = 0.95
        chance = world.dice.random()
        if chance < accepts:
            # Most answers come soon, some after days.
            world.after(0.02, world.dice.choice((1, 2, 8, 48)), self._accept, asker, asked)
        elif chance < accepts + declines:
            world.after(0.05, world.dice.choice((2, 12, 48)), self._decline, asker, asked, relation)
        else:
            world.after(48, 240, self._give_up, asker, asked)

    def invite(self, asker: int, asked: int, room: int) -> None:
        """Into a room of several."""
        world = self._world
        banned = world.people.banned
        if asker == asked or banned[asker] or banned[asked] or world.rooms.within(asked, room):
            return
        if (asked, asker) in world.blocks:
            return
        accepts, declines = _ANSWERS[world.relation(asker, asked)]
        world.record(EventKind.CONTACT_REQUESTED, asker, asked, room=group_room(room), word="group")
        chance = world.dice.random()
        if chance < accepts:
            world.after(0.02, 12, self._come, asker, asked, room)
        elif chance < accepts + declines:
            world.after(0.1, 24, self._decline_room, asker, asked, room)

    def block(self, blocker: int, blocked: int) -> None:
        world = self._world
        if world.people.banned[blocker] or (blocker, blocked) in world.blocks:
            return
        if blocked in world.ties.of[blocker]:
            self.remove(blocker, blocked)
        world.record(EventKind.CONTACT_BLOCKED, blocker, blocked)
        world.blocks.add((blocker, blocked))

    def unblock(self, blocker: int, blocked: int) -> None:
        if (blocker, blocked) in self._world.blocks and not self._world.people.banned[blocker]:
            self._world.record(EventKind.CONTACT_UNBLOCKED, blocker, blocked)
            self._world.blocks.discard((blocker, blocked))

    def remove(self, one: int, other: int) -> None:
        if other in self._world.ties.of[one] and not self._world.people.banned[one]:
            self._world.record(EventKind.CONTACT_REMOVED, one, other)
            self._world.ties.part(one, other)

    def _answerable(self, asker: int, asked: int) -> bool:
        self._open.discard((asker, asked))
        banned = self._world.people.banned
        return not banned[asker] and not banned[asked] and asked not in self._world.ties.of[asker]

    def _accept(self, asker: int, asked: int) -> None:
        world = self._world
        if not self._answerable(asker, asked) or (asked, asker) in world.blocks:
            return
        world.record(EventKind.CONTACT_ACCEPTED, asked, asker, word="direct")
        edge = world.ties.connect(asker, asked, world.dice.paretovariate(1.3))
        first, second = (asker, asked) if world.dice.random() < 0.7 else (asked, asker)
        world.after(0.005, 6, self._first_message, first, second, edge)
        for told in self.on_connected:
            told(asker, asked, edge)

    def _first_message(self, one: int, other: int, edge: int) -> None:
        if self._world.ties.live[edge]:
            self._world.record(EventKind.FIRST_MESSAGE, one, other, room=direct_room(edge))

    def _decline(self, asker: int, asked: int, relation: int) -> None:
        world = self._world
        if not self._answerable(asker, asked):
            return
        world.record(EventKind.CONTACT_DECLINED, asked, asker, word="direct")
        if relation in (STRANGER, MUTUAL):
            if world.dice.random() < _BLOCKS_A_STRANGER:
                self.block(asked, asker)
            for told in self.on_unwanted:
                told(asker, asked)

    def _give_up(self, asker: int, asked: int) -> None:
        world = self._world
        if self._answerable(asker, asked) and world.dice.random() < _WITHDRAWN:
            world.record(EventKind.CONTACT_WITHDRAWN, asker, asked, word="direct")

    def _come(self, asker: int, asked: int, room: int) -> None:
        world = self._world
        if not world.people.banned[asked] and not world.rooms.within(asked, room):
            world.record(EventKind.CONTACT_ACCEPTED, asked, asker, room=group_room(room), word="group")
            world.enter(asked, room)

    def _decline_room(self, asker: int, asked: int, room: int) -> None:
        if not self._world.people.banned[asked]:
            self._world.record(EventKind.CONTACT_DECLINED, asked, asker, room=group_room(room), word="group")

    def talk(self, one: int, other: int, edge: int, messages: int) -> None:
        """What both write in one hour of a new chat: counted when the hour is over."""
        world = self._world
        if not world.ties.live[edge]:
            return
        hour_end = world.now // HOUR_MS * HOUR_MS
        for actor, target, share in ((one, other, 0.6), (other, one, 0.4)):
            count = max(1, int(messages * share))
            world.record(
                EventKind.VOLUME,
                actor,
                target,
                room=direct_room(edge),
                messages=count,
                size=count * world.dice.randint(40, 160),
                at=hour_end - 1,
            )
