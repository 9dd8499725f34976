"""What relations in memory say about an event: as detection keeps it beside the event, when it arrives."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

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


class Circle:
    """What is known about the accounts of several events that arrive at one instant, each looked up once.

    ``between``: what the first account is to the second.
    """

    def __init__(self, table: TieTable, ages: Ages, month: BirthMonth, between: Callable[[int, int], Seen]) -> None:
        self._table, self._between = table, between
        self._acting = _Once(lambda one: ages[one].acting_in_month(month))
        self._meant = _Once(lambda one: ages[one].in_month(month))
        self._meant[0] = AgeBand.UNKNOWN
        self._since = _Once(lambda one: table.at(one, Tie.KNOWN_SINCE, one))

    def around(self, parties: Parties) -> Circumstances:
        """Only what matters for this kind of event."""
        kind, actor, target, room, item = parties
        acting, meant = self._acting[actor], self._meant[target]
        if kind in TOWARDS:
            since = self._since[actor]
            if not target:
                return Circumstances(acting, meant, known_since=since)
            seen = self._between(actor, target)
            return Circumstances(acting, meant, relation_of(seen), seen.mutual, known_since=since)
        if kind is EventKind.ROOM_JOINED:
            private = self._table.at(room, Tie.PRIVATE, room) is not None
            public = self._table.at(room, Tie.PUBLIC, room) is not None
            banned = _banned(self._table, room, apart=actor) if private else 0
            return Circumstances(acting, meant, public=public, private=private, banned_in_room=banned)
        if kind in ITEM_FIELDS:
            return Circumstances(acting, meant, banned_links=_banned(self._table, item, apart=actor))
        return Circumstances(acting, meant)


class _Once(dict[int, Any]):
    def __init__(self, found: Callable[[int], Any]) -> None:
        super().__init__()
        self._found = found

    def __missing__(self, one: int) -> Any:
        found = self[one] = self._found(one)
        return found


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
