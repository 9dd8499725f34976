"""The state of the town at one moment, its calendar, and the writing down of what happens, true to that state."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from nightlight.detect.columns import SMALL_MAX
from nightlight.detect.fields import WORDS, Type, code
from nightlight.model.event import EventKind
from nightlight.prevent.facts import COUNTED_MAX
from nightlight.town.belongings import Belongings
from nightlight.town.friendships import Friendships
from nightlight.town.journal import Journal
from nightlight.town.parameters import HOUR_MS, Parameters
from nightlight.town.people import UNKNOWN, People
from nightlight.town.roles import Role
from nightlight.town.rooms import Rooms

KIND = {kind: code(Type.KIND, kind.value) for kind in EventKind}
WORD = {word: number for number, word in enumerate(WORDS)}
CONNECTED, ADDRESS_BOOK, SHARED_ROOM, MUTUAL, STRANGER = range(1, 6)
NOBODY = -1

#: Most events arrive within moments of what they tell; one in so many is up to an hour late.
_LATE_ONE_IN = 40
_PROMPT_MS = 1_500


def direct_room(edge: int) -> int:
    """Rooms of two and of several share one row of indices: the odd and the even ones."""
    return 2 * edge + 1


def group_room(room: int) -> int:
    return 2 * room


class World:
    """``now``: the moment, milliseconds since 1970. Everything random in it comes from ``dice``."""

    def __init__(self, parameters: Parameters, journal: Journal) -> None:
        self.parameters = parameters
        self.journal = journal
        self.dice = random.Random(parameters.seed)  # noqa: S311 - invented people, not secrets
        self.now = parameters.start_ms
        self.people = People()
        self.ties = Friendships()
        self.rooms = Rooms()
        self.things = Belongings(self.people.banned.__getitem__)
        self.staff = NOBODY
        #: Who blocks whom.
        self.blocks: set[tuple[int, int]] = set()
        #: Called when somebody is banned.
        self.on_ban: list[Callable[[int], None]] = []
        self._calendar: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._entries = 0

    # The calendar

    def at(self, time: int, do: Callable[..., None], *about: Any) -> None:
        """``do`` happens at that time; of the same time, what was entered first."""
        self._entries += 1
        heapq.heappush(self._calendar, (time, self._entries, do, about))

    def after(self, low_hours: float, high_hours: float, do: Callable[..., None], *about: Any) -> None:
        self.at(self.now + int(self.dice.uniform(low_hours, high_hours) * HOUR_MS), do, *about)

    def live_until(self, end: int) -> None:
        """All that the calendar holds before ``end``."""
        calendar = self._calendar
        while calendar and calendar[0][0] < end:
            time, _, do, about = heapq.heappop(calendar)
            # What happens while the log is busy with a flush is taken after it.
            self.now = max(time, self.journal.t)
            do(*about)

    # People

    def add_person(self, created: int, band: int, role: Role, **more: Any) -> int:
        person = self.people.add(created, band, role, **more)
        self.ties.add_person()
        self.rooms.add_person()
        self.things.add_person()
        return person

    def declared(self, band: int, unknown_share: float) -> int:
        """The band as the platform knows it: of some people it knows nothing."""
        return UNKNOWN if self.dice.random() < unknown_share else band

    def set_banned(self, person: int, banned: bool) -> None:
        self.people.banned[person] = banned
        self.rooms.count_banned(person, 1 if banned else -1)
        self.things.recount_around(person)
        for other, edge in self.ties.of[person].items():
            self.ties.live[edge] = not banned and not self.people.banned[other]

    def relation(self, actor: int, target: int) -> int:
        if target in self.ties.of[actor]:
            return CONNECTED
        return self._unconnected(actor, target, self.ties.common(actor, target))

    def _unconnected(self, actor: int, target: int, common: set[int]) -> int:
        if self.things.has_in_book(target, actor):
            return ADDRESS_BOOK
        if self.rooms.shared(actor, target):
            return SHARED_ROOM
        return MUTUAL if common else STRANGER

    # The log

    def record(
        self,
        kind: EventKind,
        actor: int,
        target: int = NOBODY,
        *,
        room: int = NOBODY,
        item: int = NOBODY,
        word: str = "",
        messages: int = 0,
        size: int = 0,
        at: int = 0,
    ) -> None:
        """Writes down what happens now, as things are before it changes them."""
        people, now = self.people, self.now
        relation = mutual = 0
        target_band = UNKNOWN
        if target >= 0:
            target_band = people.band[target]
            edge = self.ties.of[actor].get(target)
            if edge is not None:
                relation, mutual = CONNECTED, min(COUNTED_MAX, self.ties.mutual[edge])
            else:
                common = self.ties.common(actor, target)
                relation, mutual = self._unconnected(actor, target, common), min(COUNTED_MAX, len(common))
        in_room = 0
        if room >= 0:
            if room % 2:
                edge = room // 2
                in_room = people.banned[self.ties.one[edge]] + people.banned[self.ties.other[edge]]
            else:
                in_room = min(SMALL_MAX, self.rooms.banned[room // 2])
        if not at:
            random_ = self.dice.random
            late = HOUR_MS if random_() * _LATE_ONE_IN < 1 else _PROMPT_MS
            at = now - int(random_() * late)
        self.journal.add(
            (
                now,
                at,
                KIND[kind],
                actor,
                target,
                room,
                item,
                messages,
                size,
                WORD[word],
                people.band[actor],
                target_band,
                relation,
                mutual,
                now - people.created[actor],
                self.things.banned_links[actor],
                in_room,
            )
        )

    def arrive(self, band: int, role: Role, *, device: int = NOBODY, number: int = NOBODY, **more: Any) -> int:
        """A new account, with the device and the number on which it is used."""
        person = self.add_person(self.now, band, role, **more)
        self.record(EventKind.ACCOUNT_CREATED, person)
        self.use_device(person, self.things.new_item() if device < 0 else device)
        self.use_number(person, self.things.new_item() if number < 0 else number)
        return person

    def use_device(self, person: int, item: int) -> None:
        self.things.use(person, item)
        self.record(EventKind.ACCOUNT_DEVICE, person, item=item)

    def use_number(self, person: int, item: int) -> None:
        self.things.use(person, item, number=True)
        self.record(EventKind.ACCOUNT_NUMBER, person, item=item)

    def note_number(self, owner: int, other: int) -> None:
        """``owner`` writes the number of ``other`` into the address book."""
        number = self.things.number[other]
        if number >= 0 and number not in self.things.book[owner]:
            self.record(EventKind.ADDRESS_BOOK_ADDED, owner, item=number)
            self.things.book[owner].add(number)

    def enter(self, person: int, room: int) -> None:
        """Into a room of several, if it is not there already."""
        if not self.rooms.within(person, room):
            word = "private" if self.rooms.private[room] else "public"
            self.record(EventKind.ROOM_JOINED, person, room=group_room(room), word=word)
            self.rooms.enter(person, room)

    def leave(self, person: int, room: int) -> None:
        if self.rooms.within(person, room) and not self.people.banned[person]:
            self.record(EventKind.ROOM_LEFT, person, room=group_room(room))
            self.rooms.leave(person, room)

    def open_room(self, person: int) -> int:
        """A new private room of several, with ``person`` in it."""
        room = self.rooms.create(private=True)
        self.record(EventKind.ROOM_CREATED, person, room=group_room(room), word="private")
        self.enter(person, room)
        return room
