"""What people do on any day besides talking: asking others, rooms, devices, new accounts, terms, teams, spam."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from nightlight.town.consequences import Consequences
from nightlight.town.contact import Contact
from nightlight.town.parameters import DAY_MS, HOUR_MS
from nightlight.town.people import ADULT
from nightlight.town.rhythm import hour_of_day
from nightlight.town.roles import Role
from nightlight.town.settlement import Group, Settlement, child_band, declare_adult, declare_child
from nightlight.town.world import NOBODY, World

#: Month and day on which a term begins.
TERMS = ((1, 8), (4, 15), (9, 5))
#: Of each account, on a day. Invented.
_ASKS, _PUBLIC_ROOMS, _DEVICES, _NUMBERS = 0.02, 0.012, 0.003, 0.0004
_QUARRELS, _REMOVALS, _REPORTS, _CIRCLES, _NEW = 0.0006, 0.0008, 0.0002, 0.0012, 0.0006
#: New spammers for each account and day.
_SPAMMERS = 0.00002


class Everyday:
    def __init__(self, world: World, town: Settlement, contact: Contact, consequences: Consequences) -> None:
        self._world = world
        self._town = town
        self._contact = contact
        self._consequences = consequences
        self._spammers: list[tuple[int, int]] = []

    def plan(self, day_start: int) -> None:
        """Enters the day into the calendar."""
        world = self._world
        weekend = datetime.fromtimestamp(day_start / 1000, UTC).weekday() >= 5
        size = len(world.people)
        deeds: tuple[tuple[float, Callable[[int], None]], ...] = (
            (_ASKS, self._ask_somebody),
            (_PUBLIC_ROOMS, self._look_into_a_room),
            (_DEVICES, self._new_device),
            (_NUMBERS, self._new_number),
            (_QUARRELS, self._quarrel),
            (_REMOVALS, self._part),
            (_REPORTS, self._report_somebody),
            (_CIRCLES, self._open_a_circle),
        )
        for rate, deed in deeds:
            for _ in range(self._number(rate * size)):
                person = world.dice.randrange(size)
                world.at(self._moment(day_start, person, weekend), self._if_free, deed, person)
        for _ in range(self._number(_NEW * size)):
            world.at(self._moment(day_start, world.staff, weekend), self._newcomer)
        for _ in range(self._number(_SPAMMERS * size)):
            world.at(self._moment(day_start, world.staff, weekend), self._new_spammer)
        for teenager in self._town.busy:
            for _ in range(world.dice.choices((0, 1, 3, 8), (70, 15, 10, 5))[0]):
                world.at(self._moment(day_start, teenager, weekend), self._if_free, self._ask_the_young, teenager)
        for spammer, until in self._spammers:
            for _ in range(world.dice.randint(40, 120) if day_start < until else 0):
                moment = day_start + world.dice.randrange(DAY_MS)
                world.at(moment, self._if_free, self._ask_anybody, spammer)
        self._spammers = [(one, until) for one, until in self._spammers if day_start < until]
        self._calendar_of_the_year(day_start)

    def _number(self, expected: float) -> int:
        """Whole numbers around what is expected, with the spread of rare things."""
        return max(0, round(self._world.dice.gauss(expected, expected**0.5)))

    def _moment(self, day_start: int, person: int, weekend: bool) -> int:
        dice = self._world.dice
        hour = hour_of_day(dice.random(), young=bool(self._world.people.young[person]), weekend=weekend)
        return day_start + hour * HOUR_MS + dice.randrange(HOUR_MS)

    def _if_free(self, deed: Callable[[int], None], person: int) -> None:
        if not self._world.people.banned[person] and person != self._world.staff:
            deed(person)

    # Meeting others

    def _neighbour(self, person: int) -> int:
        ties = self._world.ties.of[person]
        return self._world.dice.choice(list(ties)) if ties else NOBODY

    def _somebody(self, person: int) -> int:
        """Most ask friends of friends, and those with whom they share a room; few ask strangers."""
        world, dice = self._world, self._world.dice
        chance = dice.random()
        if chance < 0.6 and (friend := self._neighbour(person)) >= 0:
            return self._neighbour(friend)
        if chance < 0.93 and (rooms := world.rooms.of[person]):
            return dice.choice(world.rooms.members[dice.choice(sorted(rooms))])
        if world.people.young[person]:
            return dice.choice(world.people.children)
        return dice.choice(self._town.shops if chance > 0.97 else world.people.adults)

    def _fits(self, person: int, other: int) -> bool:
        """Grown-ups outside of the family, school and club do not look for children, nor those for them."""
        people = self._world.people
        return other >= 0 and (people.young[person] == people.young[other] or people.role[other] == Role.SHOP)

    def _ask_somebody(self, person: int) -> None:
        other = self._somebody(person)
        if self._fits(person, other):
            if self._world.dice.random() < 0.15:
                self._world.note_number(person, other)
                if self._world.dice.random() < 0.5:
                    self._world.note_number(other, person)
            self._contact.ask(person, other)

    def _ask_the_young(self, person: int) -> None:
        other = self._somebody(person)
        people = self._world.people
        self._contact.ask(
            person, other if other >= 0 and people.young[other] else self._world.dice.choice(people.children)
        )

    def _ask_anybody(self, person: int) -> None:
        people = self._world.people
        young = self._world.dice.random() < 0.08
        self._contact.ask(person, self._world.dice.choice(people.children if young else people.adults))

    def _quarrel(self, person: int) -> None:
        other = self._neighbour(person)
        if other >= 0 and self._world.people.young[person] == self._world.people.young[other]:
            self._contact.block(person, other)
            if self._world.dice.random() < 0.4:
                self._world.after(12, 400, self._contact.unblock, person, other)

    def _part(self, person: int) -> None:
        other = self._neighbour(person)
        if other >= 0:
            self._contact.remove(person, other)

    def _report_somebody(self, person: int) -> None:
        other = self._neighbour(person)
        if other >= 0:
            self._consequences.report(person, other, self._world.dice.choice(("harassment", "other", "spam", "threat")))

    # Rooms

    def _look_into_a_room(self, person: int) -> None:
        room = self._world.dice.choice(self._world.rooms.public)
        self._world.enter(person, room)
        if self._world.dice.random() < 0.8:
            self._world.after(0.2, 200, self._world.leave, person, room)

    def _open_a_circle(self, person: int) -> None:
        friends = [one for one in self._world.ties.of[person] if self._fits(person, one)]
        if len(friends) < 3:
            return
        room = self._world.open_room(person)
        for friend in self._world.dice.sample(friends, min(len(friends), self._world.dice.randint(2, 6))):
            self._contact.invite(person, friend, room)

    # Devices, numbers, new people

    def _new_device(self, person: int) -> None:
        self._world.use_device(person, self._world.things.new_item())

    def _new_number(self, person: int) -> None:
        self._world.use_number(person, self._world.things.new_item())

    def _newcomer(self) -> None:
        """Somebody new who knows somebody: they have each other's numbers, and soon each other's friends."""
        world, dice = self._world, self._world.dice
        young = dice.random() < 0.4
        friend = dice.choice(world.people.children if young else world.people.adults)
        band = declare_child(world, child_band(world)) if young else declare_adult(world)
        person = world.arrive(band, Role.CHILD if young else Role.ADULT, young=young)
        if world.people.banned[friend] or world.people.is_harmful(friend):
            return
        world.note_number(person, friend)
        world.note_number(friend, person)
        world.after(0.05, 2, self._contact.ask, person, friend)
        others = [one for one in world.ties.of[friend] if world.people.young[one] == young]
        for other in dice.sample(others, min(len(others), dice.randint(0, 6))):
            world.after(2, 120, self._contact.ask, person, other)

    def _new_spammer(self) -> None:
        world = self._world
        spammer = world.arrive(ADULT, Role.SPAMMER, young=False)
        world.people.adults.pop()  # the newest: nobody looks for it
        self._spammers.append((spammer, world.now + world.dice.randint(2, 6) * DAY_MS))

    # The year

    def _calendar_of_the_year(self, day_start: int) -> None:
        today = datetime.fromtimestamp(day_start / 1000, UTC)
        if (today.month, today.day) in TERMS:
            for group in self._town.classes:
                self._term(group, day_start)
        if today.weekday() == 5:  # the week's match: some coaches open a room for it
            for group in self._town.clubs:
                if self._world.dice.random() < 0.03:
                    moment = day_start + int(self._world.dice.uniform(9, 19) * HOUR_MS)
                    self._world.at(moment, self._invite_team, group)

    def _term(self, group: Group, day_start: int) -> None:
        """Classmates connect in the first days, most of them on the first."""
        world, dice = self._world, self._world.dice
        for member in group.members:
            for other in dice.sample(group.members, min(len(group.members), dice.randint(1, 5))):
                day = dice.choices((0, 1, 2, 3), (6, 3, 2, 1))[0]
                moment = day_start + day * DAY_MS + int(dice.uniform(13, 21) * HOUR_MS)
                world.at(moment, self._contact.ask, member, other)

    def _invite_team(self, group: Group) -> None:
        world = self._world
        if world.people.banned[group.leader]:
            return
        room = world.open_room(group.leader)
        for member in group.members:
            self._contact.invite(group.leader, member, room)
        world.after(100, 200, world.leave, group.leader, room)
