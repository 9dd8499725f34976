"""What is said: how much each account sends in each room in each hour, for a whole day at once."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlight.detect.columns import SMALL_MAX
from nightlight.model.event import EventKind
from nightlight.prevent.facts import COUNTED_MAX
from nightlight.town.keyed_numbers import Ints
from nightlight.town.parameters import HOUR_MS
from nightlight.town.people import UNKNOWN
from nightlight.town.rhythm import hour_of_day
from nightlight.town.world import CONNECTED, KIND, World

#: Share of what is said in rooms of several.
_IN_GROUPS = 0.25
#: How often both write in an hour in which one does.
_ANSWERED = 0.6
#: Rows that the log takes in a millisecond while it takes a flush.
_ROWS_PER_MS = 20
_STEPS = 4_096


@dataclass(frozen=True, slots=True)
class DayOfTalk:
    """``pairs``: 2 x connection + direction; ``seats``: places in rooms. Both by hour, with where each hour begins."""

    pairs: Ints
    pair_hours: Ints
    seats: Ints
    seat_hours: Ints


class Conversations:
    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = np.random.Generator(np.random.PCG64([world.parameters.seed, 2]))
        steps = (np.arange(_STEPS) + 0.5) / _STEPS
        self._hours = np.array(
            [
                [[hour_of_day(step, young=young, weekend=weekend) for step in steps] for young in (False, True)]
                for weekend in (False, True)
            ],
            np.int64,
        )
        # Heavy-tailed: half of the hours have three messages or fewer, one in a hundred more than fifty.
        self._messages = np.minimum(400, np.ceil(1.6 * (1 - steps) ** -0.75)).astype(np.int64)
        self._size = (30 + 170 * steps**2).astype(np.int64)

    def day(self, wanted: int, *, weekend: bool) -> DayOfTalk:
        """About so many rows. Pairs and seats are drawn by their weight, hours by the rhythm of who begins."""
        world, ties, rooms = self._world, self._world.ties, self._world.rooms
        reached = np.cumsum(_view(ties.weight, np.float32) * _view(ties.live, np.int8), dtype=np.float64)
        young = _view(world.people.young, np.int8)
        pairs = hours = np.empty(0, np.int64)
        if len(reached) and reached[-1] > 0:
            number = int(wanted * (1 - _IN_GROUPS) / (1 + _ANSWERED))
            edges = np.searchsorted(reached, np.sort(self._dice.random(number)) * reached[-1], side="right")
            edges = np.minimum(edges, len(reached) - 1)
            one = _view(ties.one, np.int32)[edges]
            hours = self._hours[int(weekend), young[one], self._dice.integers(0, _STEPS, number)]
            first = self._dice.integers(0, 2, number)
            answered = np.flatnonzero(self._dice.random(number) < _ANSWERED)
            key = (hours * len(reached) + edges) * 2 + first
            key = np.unique(np.concatenate([key, key[answered] ^ 1]))
            hours, pairs = np.divmod(key, 2 * len(reached))
        people = _view(rooms.seat_person, np.int32)
        seats = np.flatnonzero(_view(rooms.seat_live, np.int8))
        seat_hours = np.empty(0, np.int64)
        if len(seats):
            chosen = seats[self._dice.integers(0, len(seats), int(wanted * _IN_GROUPS))]
            when = self._hours[int(weekend), young[people[chosen]], self._dice.integers(0, _STEPS, len(chosen))]
            seat_hours, seats = np.divmod(np.unique(when * len(people) + chosen), len(people))
        grid = np.arange(25)
        return DayOfTalk(pairs, np.searchsorted(hours, grid), seats, np.searchsorted(seat_hours, grid))

    def flush(self, day: DayOfTalk, hour: int, now: int) -> None:
        """Writes down what was said in the hour that ended at ``now``, by those who still may say something."""
        world = self._world
        people, ties, rooms = world.people, world.ties, world.rooms
        pairs = day.pairs[day.pair_hours[hour] : day.pair_hours[hour + 1]]
        edges = pairs >> 1
        alive = _view(ties.live, np.int8)[edges] != 0
        pairs, edges = pairs[alive], edges[alive]
        one, other = _view(ties.one, np.int32)[edges], _view(ties.other, np.int32)[edges]
        turned = (pairs & 1) != 0
        actor, target = np.where(turned, other, one), np.where(turned, one, other)

        seats = day.seats[day.seat_hours[hour] : day.seat_hours[hour + 1]]
        seats = seats[_view(rooms.seat_live, np.int8)[seats] != 0]
        sitting = _view(rooms.seat_person, np.int32)[seats]
        banned = _view(people.banned, np.int8)
        seats, sitting = seats[banned[sitting] == 0], sitting[banned[sitting] == 0]
        in_rooms = _view(rooms.seat_room, np.int32)[seats]

        two, several = len(pairs), len(seats)
        if not two + several:
            return
        total = two + several
        band = _view(people.band, np.int8)
        actors = np.concatenate([actor, sitting]).astype(np.int64)
        t = max(now, world.journal.t) + np.arange(total) // _ROWS_PER_MS
        messages = self._messages[self._dice.integers(0, _STEPS, total)]
        none = np.zeros(several, np.int64)
        self._world.journal.add_many(
            {
                "t": t,
                "at": now - 1 - self._dice.integers(0, HOUR_MS // 60, total),
                "kind": np.full(total, KIND[EventKind.VOLUME]),
                "actor": actors,
                "target": np.concatenate([target, none - 1]).astype(np.int64),
                "room": np.concatenate([2 * edges + 1, 2 * in_rooms.astype(np.int64)]),
                "messages": messages,
                "bytes": messages * self._size[self._dice.integers(0, _STEPS, total)],
                "actor_band": band[actors].astype(np.int64),
                "target_band": np.concatenate([band[target], none + UNKNOWN]).astype(np.int64),
                "relation": np.concatenate([np.full(two, CONNECTED), none]),
                "mutual": np.concatenate([np.minimum(COUNTED_MAX, _view(ties.mutual, np.int32)[edges]), none]),
                "known_for": t - _view(people.created, np.int64)[actors],
                "banned_links": _view(world.things.banned_links, np.int16)[actors].astype(np.int64),
                # Of two who may talk none is banned.
                "banned_in_room": np.concatenate(
                    [np.zeros(two, np.int64), np.minimum(SMALL_MAX, _view(rooms.banned, np.int32)[in_rooms])]
                ),
            }
        )


def _view(values: array[int] | array[float], dtype: type[np.generic]) -> NDArray[Any]:
    """The same memory as numpy sees it. While it is held, nothing can be appended."""
    return np.frombuffer(values, dtype) if len(values) else np.empty(0, dtype)
