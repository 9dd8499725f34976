"""The town as it stands when its log begins: households, classes, clubs, circles of adults, shops."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightlight.town.parameters import DAY_MS
from nightlight.town.people import ADULT, AGE_13_15, AGE_16_17, UNDER_13
from nightlight.town.roles import Role
from nightlight.town.world import World

CLASS_SIZE = 24
CLUB_SIZE = 20
CIRCLE_SIZE = 12
PEOPLE_PER_PUBLIC_ROOM = 150
PEOPLE_PER_SHOP = 300
_FAMILIES = 0.4
_BUSY = 0.06
_UNKNOWN_ADULTS, _UNKNOWN_CHILDREN = 0.08, 0.04


@dataclass(slots=True)
class Group:
    """A class with its teacher or a club with its coach, and the private room of it."""

    leader: int
    members: list[int]
    room: int


@dataclass(slots=True)
class Settlement:
    classes: list[Group] = field(default_factory=list)
    clubs: list[Group] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    shops: list[int] = field(default_factory=list)


def settle(world: World) -> Settlement:
    """Fills the empty town. Nothing of it is written into the log: it was there before."""
    made = Settlement()
    world.staff = _resident(world, ADULT, Role.STAFF)
    for _ in range(max(1, world.parameters.people // PEOPLE_PER_SHOP)):
        made.shops.append(_resident(world, ADULT, Role.SHOP))
    while len(world.people) < world.parameters.people:
        _household(world, made)
    _classes(world, made)
    _clubs(world, made)
    _circles(world, made)
    _public_rooms(world)
    return made


def child_band(world: World) -> int:
    return world.dice.choices((UNDER_13, AGE_13_15, AGE_16_17), (2, 5, 4))[0]


def declare_child(world: World, band: int) -> int:
    return world.declared(band, _UNKNOWN_CHILDREN)


def declare_adult(world: World) -> int:
    return world.declared(ADULT, _UNKNOWN_ADULTS)


def connect(world: World, one: int, other: int) -> None:
    """Two who know each other already. How much they talk is spread widely."""
    if one != other and other not in world.ties.of[one]:
        world.ties.connect(one, other, world.dice.paretovariate(1.3))


def _resident(world: World, band: int, role: Role, *, young: bool = False) -> int:
    known_for = int(world.dice.uniform(10, 1_500) * DAY_MS)
    person = world.add_person(world.parameters.start_ms - known_for, band, role, young=young)
    world.things.use(person, world.things.new_item())
    world.things.use(person, world.things.new_item(), number=True)
    return person


def _household(world: World, made: Settlement) -> None:
    dice = world.dice
    family = dice.random() < _FAMILIES
    role = Role.PARENT if family else Role.ADULT
    members = [_resident(world, declare_adult(world), role) for _ in range(1 + (dice.random() < 0.6))]
    for _ in range(dice.choices((1, 2, 3), (4, 5, 2))[0] if family else 0):
        band = child_band(world)
        busy = band != UNDER_13 and dice.random() < _BUSY
        child_role = Role.BUSY_TEENAGER if busy else Role.CHILD
        child = _resident(world, declare_child(world, band), child_role, young=True)
        members.append(child)
        if busy:
            made.busy.append(child)
    if family and dice.random() < 0.5:  # a tablet that they share
        tablet = world.things.new_item()
        for member in members:
            world.things.use(member, tablet)
    if len(members) > 1:
        _room(world, members)
    for place, member in enumerate(members):
        for other in members[:place]:
            connect(world, member, other)
            world.things.book[member].add(world.things.number[other])
            world.things.book[other].add(world.things.number[member])


def _room(world: World, members: list[int]) -> int:
    room = world.rooms.create(private=True)
    for member in members:
        world.rooms.enter(member, room)
    return room


def _classes(world: World, made: Settlement) -> None:
    for members in _parts(_children(world), CLASS_SIZE):
        teacher = _leader(world, Role.TEACHER)
        made.classes.append(Group(teacher, members, _room(world, [teacher, *members])))
        _some_pairs(world, members, 0.25)


def _clubs(world: World, made: Settlement) -> None:
    sporty = [child for child in _children(world) if world.dice.random() < 0.6]
    for members in _parts(sporty, CLUB_SIZE):
        coach = _leader(world, Role.COACH)
        made.clubs.append(Group(coach, members, _room(world, [coach, *members])))
        _some_pairs(world, members, 0.12)
        for member in members:
            if world.dice.random() < 0.85:
                connect(world, coach, member)


def _circles(world: World, made: Settlement) -> None:
    adults = [one for one in world.people.adults if world.people.role[one] not in (Role.STAFF, Role.SHOP)]
    for members in _parts(adults, CIRCLE_SIZE):
        if world.dice.random() < 0.5:
            _room(world, members)
        _some_pairs(world, members, 0.35)
    for shop in made.shops:
        for customer in world.dice.sample(adults, min(len(adults), 40)):
            connect(world, shop, customer)


def _public_rooms(world: World) -> None:
    rooms = [world.rooms.create(private=False) for _ in range(3 + len(world.people) // PEOPLE_PER_PUBLIC_ROOM)]
    for person in range(len(world.people)):
        if world.dice.random() < 0.4:
            world.rooms.enter(person, world.dice.choice(rooms))


def _children(world: World) -> list[int]:
    """By age, so that those of a class or club are about as old as each other."""
    children = list(world.people.children)
    world.dice.shuffle(children)
    return sorted(children, key=lambda child: world.people.band[child])


def _leader(world: World, role: Role) -> int:
    for _ in range(50):
        found = world.dice.choice(world.people.adults)
        if world.people.role[found] in (Role.ADULT, Role.PARENT):
            world.people.role[found] = role
            return found
    return _resident(world, ADULT, role)


def _parts(everybody: list[int], size: int) -> list[list[int]]:
    return [everybody[start : start + size] for start in range(0, len(everybody), size)]


def _some_pairs(world: World, members: list[int], share: float) -> None:
    for place, member in enumerate(members):
        for other in members[:place]:
            if world.dice.random() < share:
                connect(world, member, other)
