"""What relations in memory say about an event: as detection keeps it beside the event, when it arrives."""

from __future__ import annotations

from collections.abc import Collection

from nightlight.detect.columns import SMALL_MAX
from nightlight.detect.known import ITEM_FIELDS, TOWARDS, Circumstances, Parties
from nightlight.model.account import AgeBand, BirthMonth
from nightlight.model.event import EventKind
from nightlight.model.relation import Tie
from nightlight.prevent.facts import Seen, relation_of
from nightlight.store.age_table import Ages
from nightlight.store.tie_table import TieTable

#: How many who were banned with a device or in a room are looked at.
_LOOKED_AT_MAX = 1_000


def circumstances(parties: Parties, month: BirthMonth, table: TieTable, ages: Ages, seen: Seen | None) -> Circumstances:
    """``seen``: of the actor coming towards the target; None where that does not matter."""
    kind, actor = parties.kind, parties.actor
    actor_band = ages[actor].acting_in_month(month)
    target_band = ages[parties.target].in_month(month) if parties.target else AgeBand.UNKNOWN
    if kind in ITEM_FIELDS:
        links = _banned(table, parties.item, apart=actor)
        return Circumstances(actor_band, target_band, banned_links=links)
    if kind is EventKind.ROOM_JOINED:
        room = parties.room
        private = table.at(room, Tie.PRIVATE, room) is not None
        public = table.at(room, Tie.PUBLIC, room) is not None
        banned = _banned(table, room, apart=actor) if private else 0
        return Circumstances(actor_band, target_band, public=public, private=private, banned_in_room=banned)
    if kind not in TOWARDS:
        return Circumstances(actor_band, target_band)
    since = table.at(actor, Tie.KNOWN_SINCE, actor)
    if seen is None:
        return Circumstances(actor_band, target_band, known_since=since)
    return Circumstances(actor_band, target_band, relation_of(seen), seen.mutual, known_since=since)


def left_behind(table: TieTable, one: int, items: Collection[Tie] = (Tie.DEVICE_IS, Tie.NUMBER_IS)) -> list[int]:
    """Devices, numbers and private rooms of an account: where its ban is to be remembered."""
    found = [item for tie in items for item in table.others(one, tie, _LOOKED_AT_MAX)]
    rooms = table.others(one, Tie.IN_ROOM, _LOOKED_AT_MAX)
    return [*found, *(room for room in rooms if table.at(room, Tie.PRIVATE, room) is not None)]


def _banned(table: TieTable, where: int, apart: int) -> int:
    """How many other accounts that are banned had this device or number, or were in this room; up to 255."""
    found = 0
    for whom in table.others(where, Tie.BANNED_WITH, _LOOKED_AT_MAX):
        if whom != apart and table.at(whom, Tie.BANNED, whom) is not None:
            found += 1
            if found == SMALL_MAX:
                break
    return found
