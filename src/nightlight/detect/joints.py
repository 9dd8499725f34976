"""What joins accounts: a device, a number, a child who turned both away, a private room of banned accounts.

That two accounts are joined proves nothing about either. Families, classes and flatmates are joined all the time;
``ring.py`` says what else it takes before anybody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from nightlight.detect.definitions import LIFETIME_MAX_MS, Purpose
from nightlight.detect.fields import BANDS, Seen, Type, code
from nightlight.model.account import MINORS
from nightlight.model.event import EventKind


class JointKind(IntEnum):
    """What two accounts have in common. The numbers stand in snapshots."""

    DEVICE = 1
    NUMBER = 2
    #: A child or young person; the joint is its keyed number.
    VICTIM = 3
    ROOM = 4


class Ground(IntEnum):
    """Why an account holds on to a joint. Each has a lifetime of its own. The numbers stand in snapshots."""

    DEVICE = 1
    NUMBER = 2
    DECLINED = 3
    BLOCKED = 4
    REPORTED = 5
    #: A report of the child about the account was verified.
    PROVEN = 6
    ROOM = 7


KIND_OF: Mapping[Ground, JointKind] = {
    Ground.DEVICE: JointKind.DEVICE,
    Ground.NUMBER: JointKind.NUMBER,
    Ground.DECLINED: JointKind.VICTIM,
    Ground.BLOCKED: JointKind.VICTIM,
    Ground.REPORTED: JointKind.VICTIM,
    Ground.PROVEN: JointKind.VICTIM,
    Ground.ROOM: JointKind.ROOM,
}
PURPOSE_OF: Mapping[Ground, Purpose] = {
    Ground.DEVICE: Purpose.EVASION,
    Ground.NUMBER: Purpose.EVASION,
    Ground.DECLINED: Purpose.CONTACT,
    Ground.BLOCKED: Purpose.CONTACT,
    Ground.REPORTED: Purpose.REPORTS,
    Ground.PROVEN: Purpose.REPORTS,
    Ground.ROOM: Purpose.EVASION,
}
#: Milliseconds from the last time it was seen.
LIFETIME_MS: Mapping[Ground, int] = {ground: LIFETIME_MAX_MS[purpose] for ground, purpose in PURPOSE_OF.items()}
#: Kinds of joints that people who live together have in common, too.
HOUSEHOLD = frozenset({JointKind.DEVICE, JointKind.NUMBER})


@dataclass(frozen=True, slots=True)
class JointLimits:
    """A joint with more accounts than this joins nobody: a school's tablet, a child who blocks whoever writes.

    All unvalidated: nobody has measured where a household ends and a library begins.
    """

    device: int = 12
    number: int = 12
    victim: int = 10
    room: int = 50

    def of(self, kind: JointKind) -> int:
        return {
            JointKind.DEVICE: self.device,
            JointKind.NUMBER: self.number,
            JointKind.VICTIM: self.victim,
            JointKind.ROOM: self.room,
        }[kind]


@dataclass(frozen=True, slots=True, order=True)
class Joint:
    """``item``: the keyed number of the device, number, child or room."""

    kind: JointKind
    item: int


@dataclass(frozen=True, slots=True)
class Statement:
    """An account holds on to a joint, or (``holds`` false) it turned out that it does not. ``t`` in milliseconds."""

    t: int
    account: int
    ground: Ground
    item: int
    holds: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """An account, a joint, why, and when that was seen first and last (milliseconds since 1970)."""

    joint: Joint
    account: int
    ground: Ground
    first: int = field(compare=False)
    last: int = field(compare=False)

    @property
    def until(self) -> int:
        """From this instant on it is gone."""
        return self.last + LIFETIME_MS[self.ground]


@dataclass(frozen=True, slots=True)
class Component:
    """Accounts that hang together by edges. Accounts and edges in their order, whatever order the events had."""

    accounts: tuple[int, ...]
    edges: tuple[Edge, ...]


_MINOR_BANDS = frozenset(BANDS.index(band.value) for band in MINORS)


def _codes(by_kind: Mapping[EventKind, Ground]) -> dict[int, Ground]:
    return {code(Type.KIND, kind.value): ground for kind, ground in by_kind.items()}


_WITH_ITEM = _codes({EventKind.ACCOUNT_DEVICE: Ground.DEVICE, EventKind.ACCOUNT_NUMBER: Ground.NUMBER})
_AGAINST = _codes(
    {
        EventKind.CONTACT_DECLINED: Ground.DECLINED,
        EventKind.CONTACT_BLOCKED: Ground.BLOCKED,
        EventKind.REPORT_MADE: Ground.REPORTED,
        EventKind.REPORT_VERIFIED: Ground.PROVEN,
    }
)
_UNBLOCKED = code(Type.KIND, EventKind.CONTACT_UNBLOCKED.value)
_DISMISSED = code(Type.KIND, EventKind.REPORT_DISMISSED.value)
_JOINED = code(Type.KIND, EventKind.ROOM_JOINED.value)


def statements(seen: Seen) -> Iterator[Statement]:
    """What an event says about joints; of most events, nothing.

    Whoever unblocks, or whose report was dismissed, takes that ground back whatever age it has by now.
    """
    ground = _WITH_ITEM.get(seen.kind)
    if ground is not None:
        if seen.actor and seen.item:
            yield Statement(seen.t, seen.actor, ground, seen.item)
        return
    ground = _AGAINST.get(seen.kind)
    if ground is not None:
        if seen.actor_band in _MINOR_BANDS and seen.actor and seen.target:
            yield Statement(seen.t, seen.target, ground, seen.actor)
    elif seen.kind == _JOINED:
        if seen.banned_in_room >= 1 and seen.actor and seen.room:
            yield Statement(seen.t, seen.actor, Ground.ROOM, seen.room)
    elif seen.actor and seen.target:
        if seen.kind == _UNBLOCKED:
            yield Statement(seen.t, seen.target, Ground.BLOCKED, seen.actor, holds=False)
        elif seen.kind == _DISMISSED:
            yield Statement(seen.t, seen.target, Ground.REPORTED, seen.actor, holds=False)
            yield Statement(seen.t, seen.target, Ground.PROVEN, seen.actor, holds=False)


def all_statements(events: Iterable[Seen]) -> Iterator[Statement]:
    for seen in events:
        yield from statements(seen)
