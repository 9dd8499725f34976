"""Rooms of several: families, classes, clubs, circles of friends, and public ones."""

from __future__ import annotations

from array import array

from nightlight.prevent.facts import ROOM_MEMBERS_MAX


class Rooms:
    """Rooms of two are connections and stand in ``Friendships``."""

    def __init__(self) -> None:
        self.private = array("b")
        self.members: list[list[int]] = []
        self.ever: list[set[int]] = []
        #: Banned accounts that are, or were, in it; of public rooms always 0.
        self.banned = array("i")
        #: Private rooms in which somebody is.
        self.of: list[set[int]] = []
        #: Rooms in which somebody ever was.
        self.ever_of: list[set[int]] = []
        self.public: list[int] = []
        # One place for each time that somebody enters; given back when it leaves.
        self.seat_person = array("i")
        self.seat_room = array("i")
        self.seat_live = array("b")
        self._seat: dict[tuple[int, int], int] = {}

    def add_person(self) -> None:
        self.of.append(set())
        self.ever_of.append(set())

    def create(self, *, private: bool) -> int:
        room = len(self.private)
        self.private.append(private)
        self.members.append([])
        self.ever.append(set())
        self.banned.append(0)
        if not private:
            self.public.append(room)
        return room

    def within(self, person: int, room: int) -> bool:
        return (person, room) in self._seat

    def enter(self, person: int, room: int, *, banned: bool = False) -> None:
        self._seat[person, room] = len(self.seat_person)
        self.seat_person.append(person)
        self.seat_room.append(room)
        self.seat_live.append(1)
        self.members[room].append(person)
        if self.private[room]:
            self.of[person].add(room)
            if banned and person not in self.ever[room]:
                self.banned[room] += 1
            self.ever[room].add(person)
            self.ever_of[person].add(room)

    def leave(self, person: int, room: int) -> None:
        self.seat_live[self._seat.pop((person, room))] = 0
        self.members[room].remove(person)
        self.of[person].discard(room)

    def shared(self, one: int, other: int) -> bool:
        """Whether both are in the same small private room."""
        return any(len(self.members[room]) <= ROOM_MEMBERS_MAX for room in self.of[one] & self.of[other])

    def count_banned(self, person: int, by: int) -> None:
        for room in self.ever_of[person]:
            self.banned[room] += by

    def drop_empty_seats(self) -> None:
        """Forgets the places of those who left, so that entering and leaving does not grow without end."""
        if len(self.seat_live) < 2 * len(self._seat) + 1_000:
            return
        self.seat_person, self.seat_room = array("i"), array("i")
        for place, (person, room) in enumerate(self._seat):
            self.seat_person.append(person)
            self.seat_room.append(room)
            self._seat[person, room] = place
        self.seat_live = array("b", bytes([1]) * len(self._seat))
