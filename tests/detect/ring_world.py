"""Small worlds of accounts that have something in common: families, classes, and those who come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightlight.detect.fields import BANDS, Seen, Type, code
from nightlight.detect.ring import Facts, Ring, ring_of, rings_of
from nightlight.detect.rings import Rings
from nightlight.model.account import AgeBand

TEEN = BANDS.index("13_15")
CHILD, GROWN = Facts(AgeBand.AGE_13_15), Facts(AgeBand.ADULT)
BANNED = Facts(AgeBand.ADULT, banned=True)
PROVEN = Facts(AgeBand.ADULT, proven=True)


def device(actor: int, item: int, t: int = 1) -> Seen:
    return Seen(0, t, code(Type.KIND, "account.device"), actor, item=item)


def number(actor: int, item: int, t: int = 1) -> Seen:
    return Seen(0, t, code(Type.KIND, "account.number"), actor, item=item)


def room(actor: int, item: int, t: int = 1) -> Seen:
    return Seen(0, t, code(Type.KIND, "room.joined"), actor, room=item, banned_in_room=1)


def against(child: int, account: int, t: int = 1, what: str = "contact.blocked") -> Seen:
    return Seen(0, t, code(Type.KIND, what), child, account, actor_band=TEEN)


def found(events: Sequence[Seen], facts: Mapping[int, Facts]) -> list[Ring]:
    rings = Rings()
    rings.add_batch(sorted(events, key=lambda one: one.t))
    now = max(one.t for one in events)
    every = [ring for one in rings.components(now, 1) if (ring := ring_of(one, facts)) is not None]
    assert rings_of(rings, now, facts) == every  # passing over the others passes over no ring
    return every


def evaders(count: int, kinds: int = 3) -> tuple[list[Seen], dict[int, Facts]]:
    """One banned account, and those that came after it: chained by devices, with common numbers, rooms, children."""
    events = []
    for one in range(1, count + 1):
        events += [device(one, 1_000 + one // 2), device(one, 1_000 + (one + 1) // 2)]
        if kinds > 1 and one % 3 == 0:
            events += [number(one, 2_000 + one // 6), room(one, 3_000 + one // 9)]
        if kinds > 2 and one % 4 < 2:
            events += [against(4_000 + one // 8, one), against(4_500 + one // 8, one, what="report.made")]
    return events, {1: BANNED, **{one: GROWN if one % 2 else Facts() for one in range(2, count + 1)}}
