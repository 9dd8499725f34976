"""Planted strategies of people who mean harm, as metadata only: whom they ask, how fast, from where, and what they do
after a ban. They are drawn from what platforms say they look at (see the starter pack), so that detection finds many of
them: that shows that a rule does what it says, not how often it is right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nightlight.town.contact import Contact
from nightlight.town.parameters import DAY_MS, HOUR_MS
from nightlight.town.people import AGE_13_15, AGE_16_17
from nightlight.town.roles import RING_SIZE, STRATEGIES, Role, Strategy
from nightlight.town.settlement import declare_adult
from nightlight.town.world import World

_RETURNS_MAX = 3


@dataclass(slots=True)
class Ring:
    """A few who share devices, a number, a room and victims."""

    number: int
    victims: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    phone: int = -1
    room: int = -1


@dataclass(slots=True)
class Harmful:
    """One human with one account at a time. ``begins``: when the first account arrives."""

    strategy: Strategy
    begins: int
    ring: Ring | None = None
    account: int = -1
    human: int = -1
    returns: int = 0
    known: list[int] = field(default_factory=list)


class Strategies:
    def __init__(self, world: World, contact: Contact) -> None:
        self._world = world
        self._contact = contact
        self._by_account: dict[int, Harmful] = {}
        self.humans = self._invent()
        world.on_ban.append(self._banned)
        contact.on_connected.append(self._connected)

    def _invent(self) -> list[Harmful]:
        """At least one of each strategy, and a ring, unless there is to be no harm at all."""
        world, dice, parameters = self._world, self._world.dice, self._world.parameters
        if not parameters.harmful:
            return []
        wanted = max(len(STRATEGIES) - 2 + RING_SIZE, round(parameters.harmful * parameters.people))
        humans: list[Harmful] = []
        rings = 0
        while len(humans) < wanted:
            for strategy in STRATEGIES[1:]:
                # The first of each comes early, so that also a short town has all of them.
                latest = 0.1 if len(humans) < len(STRATEGIES) - 2 + RING_SIZE else 0.8
                begins = parameters.start_ms + int(dice.uniform(0, latest) * parameters.days * DAY_MS)
                if strategy is not Strategy.RING:
                    humans.append(Harmful(strategy, begins))
                    continue
                rings += 1
                ring = Ring(rings, dice.sample(world.people.children, min(30, len(world.people.children))))
                humans += [Harmful(strategy, begins + member * 5 * HOUR_MS, ring) for member in range(RING_SIZE)]
        for harmful in humans:
            if harmful.strategy in (Strategy.SLOW_ASKER, Strategy.FALSE_AGE):
                world.at(harmful.begins, self._appear, harmful, int(dice.uniform(40, 400) * DAY_MS))
            else:
                world.at(harmful.begins, self._appear, harmful, 0)
        return humans

    def _appear(self, harmful: Harmful, age_ms: int) -> None:
        """With an account of its own; one that waited before it began says so by its first device."""
        world, ring = self._world, harmful.ring
        band = AGE_16_17 if harmful.strategy is Strategy.FALSE_AGE else declare_adult(world)
        more = {
            "young": False,
            "strategy": harmful.strategy,
            "ring": ring.number if ring else 0,
            "human": harmful.human,
        }
        if age_ms:
            # Opened before the log begins or without being seen: its creation stands in no event.
            account = world.add_person(world.now - age_ms, band, Role.HARMFUL, **more)
            world.use_device(account, world.things.new_item())
            world.use_number(account, world.things.new_item())
        else:
            device = number = -1
            if ring and ring.devices:
                device = world.dice.choice(ring.devices)
                number = ring.phone if world.dice.random() < 0.3 else -1
            if harmful.account >= 0:  # after a ban: the same device, another number
                device, number = world.things.device[harmful.account], -1
            account = world.arrive(band, Role.HARMFUL, device=device, number=number, **more)
        if harmful.human < 0:
            harmful.human = account
        harmful.account = account
        world.people.adults.pop()  # the newest: nobody of the others looks for it
        self._by_account[account] = harmful
        if ring:
            self._join_ring(ring, account)

    def _join_ring(self, ring: Ring, account: int) -> None:
        world = self._world
        ring.devices.append(world.things.device[account])
        if ring.phone < 0:
            ring.phone = world.things.number[account]
        if ring.room < 0:
            ring.room = world.open_room(account)
        world.enter(account, ring.room)

    def plan(self, day_start: int) -> None:
        """What each of them does on this day."""
        world, dice = self._world, self._world.dice
        for harmful in self.humans:
            account = harmful.account
            if account < 0 or world.people.banned[account]:
                continue
            match harmful.strategy:
                case Strategy.MASS_ASKER | Strategy.BAN_EVADER if dice.random() < 0.7:
                    begin = dice.uniform(10, 19)
                    for _ in range(dice.randint(10, 35)):
                        self._ask_at(day_start, dice.uniform(begin, begin + 4), harmful)
                case Strategy.SLOW_ASKER:
                    for _ in range(dice.choice((0, 1, 1, 2))):
                        self._ask_at(day_start, dice.uniform(14, 22), harmful)
                case Strategy.FALSE_AGE:
                    for _ in range(dice.randint(0, 6)):
                        self._ask_at(day_start, dice.uniform(14, 22), harmful)
                case Strategy.RING:
                    for _ in range(dice.randint(0, 4)):
                        self._ask_at(day_start, dice.uniform(14, 23), harmful)
                    if dice.random() < 0.1:
                        world.at(day_start + int(dice.uniform(8, 23) * HOUR_MS), self._borrow, harmful)
                case Strategy.ROOM_GOER if dice.random() < 0.5:
                    begin = day_start + int(dice.uniform(14, 19) * HOUR_MS)
                    for _ in range(dice.randint(3, 5)):
                        world.at(begin + dice.randrange(HOUR_MS // 2), self._enter_public_room, harmful)
                    for _ in range(dice.randint(3, 7)):
                        world.at(begin + HOUR_MS // 2 + dice.randrange(2 * HOUR_MS), self._ask, harmful)

    def _ask_at(self, day_start: int, hour: float, harmful: Harmful) -> None:
        self._world.at(day_start + int(hour * HOUR_MS), self._ask, harmful)

    def _ask(self, harmful: Harmful) -> None:
        people = self._world.people
        if people.banned[harmful.account]:
            return
        other = self._whom(harmful)
        if people.young[other]:
            self._contact.ask(harmful.account, other)

    def _whom(self, harmful: Harmful) -> int:
        world, dice = self._world, self._world.dice
        children = world.people.children
        if harmful.ring:
            return dice.choice(harmful.ring.victims)
        if harmful.strategy is Strategy.SLOW_ASKER and harmful.known and dice.random() < 0.6:
            friends = list(world.ties.of[dice.choice(harmful.known)])
            if friends:
                return dice.choice(friends)
        if harmful.strategy is Strategy.FALSE_AGE:
            return next(
                (one for one in dice.sample(children, min(9, len(children))) if self._about_13(one)), children[0]
            )
        if harmful.strategy is Strategy.ROOM_GOER:
            rooms = [room for room in world.rooms.public if world.rooms.within(harmful.account, room)]
            if rooms:
                members = world.rooms.members[dice.choice(rooms)]
                young = [one for one in members if world.people.young[one]]
                if young:
                    return dice.choice(young)
        return dice.choice(children)

    def _about_13(self, child: int) -> bool:
        return self._world.people.band[child] == AGE_13_15

    def _enter_public_room(self, harmful: Harmful) -> None:
        world, account = self._world, harmful.account
        if not world.people.banned[account]:
            room = world.dice.choice(world.rooms.public)
            world.enter(account, room)
            world.after(3, 40, world.leave, account, room)

    def _borrow(self, harmful: Harmful) -> None:
        """Uses a device of another member of its ring."""
        if harmful.ring and not self._world.people.banned[harmful.account]:
            self._world.use_device(harmful.account, self._world.dice.choice(harmful.ring.devices))

    def _connected(self, asker: int, asked: int, _edge: int) -> None:
        if harmful := self._by_account.get(asker):
            harmful.known.append(asked)

    def _banned(self, account: int) -> None:
        harmful = self._by_account.get(account)
        comes_back = (Strategy.BAN_EVADER, Strategy.RING)
        if harmful and harmful.strategy in comes_back and harmful.returns < _RETURNS_MAX:
            harmful.returns += 1
            harmful.known.clear()
            self._world.after(6, 96, self._appear, harmful, 0)
