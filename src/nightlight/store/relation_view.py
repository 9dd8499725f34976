"""Relations in memory, for decisions in microseconds: a copy of the tables, rebuilt at every start, that follows them.

Why not a database, and what a relation takes: docs/adr/0014-relations-in-memory.md.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

from nightlight.detect.known import Circumstances, Parties
from nightlight.model.account import Age, AgeBand, BirthMonth
from nightlight.model.relation import LIFETIME, Tie
from nightlight.ports import Transaction
from nightlight.prevent.facts import COUNTED_MAX, ROOM_MEMBERS_MAX, Seen
from nightlight.prevent.tally import DECIDED_TIES, Crowd, Kind, Tally, entries
from nightlight.store.age_table import Ages
from nightlight.store.circumstances import Circle, left_behind
from nightlight.store.database import Database
from nightlight.store.tie_table import Part, TieTable, no_limits

#: Two with no more connections, or rooms, together have all of them compared; of others the one with fewer has so many
#: of them looked for among the other's. Where some are left out the decision is stricter, never milder.
LOOKED_AT_MAX, SEARCHED_MAX = 1_000, 200
#: Whoever has more ties that are counted than this has them counted in a tally, not one by one.
MANY = 48
#: How many others all tallies together may hold, some 40 bytes each; the one not asked for the longest goes first.
TALLIED_MAX = 1_000_000

#: What a decision reads of the one who comes, and of the other one, in the order of the numbers of the ties.
_OF_ONE = tuple(
    (int(first), int(last))
    for first, last in (
        (Tie.CONNECTED, Tie.CONNECTED),
        (Tie.REFUSED_BY, Tie.BLOCKED_BY),
        (Tie.NUMBER_IS, Tie.NUMBER_IS),
        (Tie.IN_ROOM, Tie.IN_ROOM),
        (Tie.KNOWN_SINCE, Tie.KNOWN_SINCE),
        (Tie.PROVEN_BY, Tie.PROVEN_BY),
        (DECIDED_TIES[0], DECIDED_TIES[-1]),
        (Tie.SIGNAL, Tie.SIGNAL),
    )
)
_OF_OTHER = tuple((int(tie), int(tie)) for tie in (Tie.CONNECTED, Tie.HAS_NUMBER_OF, Tie.IN_ROOM, Tie.LOOSENED))
_OF_ONE_BETWEEN = tuple((int(tie), int(tie)) for tie in (Tie.CONNECTED, Tie.NUMBER_IS, Tie.IN_ROOM))
_OF_OTHER_BETWEEN = tuple((int(tie), int(tie)) for tie in (Tie.CONNECTED, Tie.HAS_NUMBER_OF, Tie.IN_ROOM))
_COUNTED = frozenset({int(Tie.REFUSED_BY), int(Tie.BLOCKED_BY), int(Tie.PROVEN_BY), *DECIDED_TIES})
_ROOM_SIZE = frozenset({Tie.MEMBER, Tie.PRIVATE})

Rows = list[tuple[int, int, int]]
#: Where rows begin and end.
Reach = tuple[int, int]


class MemoryRelations:
    """Implements ``nightlight.ports.RelationView``. ``many``: from how many ties on they are counted in a tally.

    ``forgotten``: told of every account about which everything was removed.
    """

    def __init__(
        self,
        store: Database,
        open_age: Callable[[int, bytes], Age],
        many: int = MANY,
        forgotten: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._many = many
        self._store = store
        self._open_age = open_age
        self._forgotten = forgotten
        self._lock = threading.Lock()
        self._change = -1
        self._empty()

    def follow(self, tx: Transaction | None = None) -> None:
        """Takes over what changed in the store since the last time; everything at the first time.

        ``tx``: a writing transaction that has changed nothing yet; then nobody else changes anything before it ends.
        """
        if tx is None:
            with self._store.snapshot() as one_instant:
                self._follow(one_instant)
        else:
            self._follow(tx)

    def _follow(self, tx: Transaction) -> None:
        with self._lock:
            last, settled = tx.change_marks()
            if last <= self._change:
                return
            # Who has slept for long may have missed what ended, or was forgotten, and is no longer there to be read.
            if self._change < settled or self._change < 0:
                self._load(tx.relations_at_start(), tx.changed_ages(-1))
            else:
                self._apply(tx.changed_relations(self._change))
                self._put_ages(tx.changed_ages(self._change))
            self._change = last

    def circumstances(self, many: Sequence[Parties], month: BirthMonth) -> list[Circumstances]:
        """What is known about who and what events name, in the ``month`` they arrive."""
        with self._lock:
            return list(map(Circle(self._table, self._ages_of, month, self._between).around, many))

    def known_since(self, ones: Iterable[int]) -> dict[int, int]:
        """Since when each of the accounts is known, milliseconds since 1970; without those that are not."""
        with self._lock:
            found = ((one, self._table.at(one, Tie.KNOWN_SINCE, one)) for one in ones)
            return {one: at for one, at in found if at is not None}

    def left_behind(self, one: int) -> list[int]:
        """Devices, numbers and private rooms of an account: where its ban is to be remembered."""
        with self._lock:
            return left_behind(self._table, one)

    def is_banned(self, one: int) -> bool:
        with self._lock:
            return self._table.at(one, Tie.BANNED, one) is not None

    def look(self, one: int, other: int, month: BirthMonth | None = None, apart: Collection[int] = ()) -> Seen:
        """What is known about ``one`` coming towards ``other``.

        With the ``month`` it is now, many ties come counted, in a crowd, all but those with ``other`` and with
        ``apart``; the time it takes is then bounded however much somebody has done. Without it all are listed.
        """
        with self._lock:
            part, its = self._table.part(one), self._table.part(other)
            low, high = part.whole(one)
            friends, refusing, numbers, rooms, since, proven, decided, signals = part.ranges(low, high, _OF_ONE)
            their_friends, book, their_rooms, loosened = its.ranges(*its.whole(other), _OF_OTHER)
            about = part.rows(*since) + part.rows(*signals)
            counted = [reach for reach in (refusing, proven, decided) if reach[0] < reach[1]]
            crowd = None
            if month is not None and sum(end - start for start, end in counted) > self._many:
                tally = self._tally(one, part, counted, month)
                crowd = self._crowd(about, tally, part, low, high, month, {other, *apart})
            else:
                for reach in counted:
                    about += part.rows(*reach)
            return Seen(
                _between(part, friends, refusing, other),
                about,
                self._ages_of,
                self._ages_of[one],
                self._ages_of[other],
                _common(part, friends, its, their_friends),
                _common(part, rooms, its, their_rooms, self._small_rooms),
                _in_address_book(part, numbers, its, book),
                frozenset(_others(its, loosened)),
                crowd,
            )

    def _between(self, one: int, other: int) -> Seen:
        """What the two are to each other, and nothing else of either."""
        part, its = self._table.part(one), self._table.part(other)
        friends, numbers, rooms = part.ranges(*part.whole(one), _OF_ONE_BETWEEN)
        their_friends, book, their_rooms = its.ranges(*its.whole(other), _OF_OTHER_BETWEEN)
        return Seen(
            _between(part, friends, (0, 0), other),
            (),
            self._ages_of,
            mutual=_common(part, friends, its, their_friends),
            shared_rooms=_common(part, rooms, its, their_rooms, self._small_rooms),
            in_address_book=_in_address_book(part, numbers, its, book),
        )

    def age(self, one: int) -> Age:
        with self._lock:
            return self._ages_of[one]

    def others(self, one: int, tie: Tie, most: int) -> list[int]:
        """With whom ``one`` has this tie."""
        with self._lock:
            return list(self._table.others(one, tie, most))

    def expire(self, now: int) -> None:
        """Removes what is older than its kind is kept, as the store does; bit by bit, so that nobody waits for it."""
        limits = no_limits()
        for tie, life in LIFETIME.items():
            if life is not None:
                limits[tie] = now - life
        for part in self._table.parts:
            with self._lock:
                for one, gone in self._table.remove_older(part, limits):
                    self._touched(one, gone)

    @property
    def change(self) -> int:
        """Up to which change of the store it has followed."""
        return self._change

    def counts(self) -> tuple[int, int]:
        """How many relations there are, and how many bytes of memory they take, ages not counted."""
        with self._lock:
            return len(self._table), self._table.bytes()

    def close(self) -> None:
        """Lets go of everything."""
        with self._lock:
            self._empty()
            self._change = -1

    def _empty(self) -> None:
        self._table = TieTable()
        self._ages_of = Ages()
        #: Surely private rooms with no more than 50 members: only these are a sign that two know each other.
        self._small_rooms: set[int] = set()
        self._tallies: OrderedDict[int, tuple[BirthMonth, Tally]] = OrderedDict()
        self._tallied = 0

    def _crowd(
        self, about: Rows, tally: Tally, part: Part, low: int, high: int, month: BirthMonth, listed: set[int]
    ) -> Crowd:
        """The tally without those ``listed``, whose ties are added to ``about``."""
        left_out: list[tuple[Kind, int]] = []
        for whom in listed:
            if whom in tally:
                ties = _ties_with(part, low, high, whom)
                about += ((tie, whom, at) for tie, at in ties)
                left_out += entries(ties, self._band(whom, month))
        return Crowd(tally, tuple(left_out))

    def _tally(self, one: int, part: Part, counted: Iterable[Reach], month: BirthMonth) -> Tally:
        known = self._tallies.get(one)
        if known is not None:
            if known[0] == month:
                self._tallies.move_to_end(one)
                return known[1]
            self._drop_tally(one)
        rows = [row for reach in counted for row in part.rows(*reach)]
        tally = Tally.of(rows, lambda whom: self._band(whom, month))
        self._tallies[one] = (month, tally)
        self._tallied += len(tally)
        while self._tallied > TALLIED_MAX and len(self._tallies) > 1:
            self._drop_tally(next(iter(self._tallies)))
        return tally

    def _drop_tally(self, one: int) -> None:
        if (dropped := self._tallies.pop(one, None)) is not None:
            self._tallied -= len(dropped[1])

    def _band(self, one: int, month: BirthMonth) -> AgeBand:
        return self._ages_of[one].in_month(month)

    def _load(self, chunks: Iterable[Sequence[Iterable[int]]], ages: Iterable[tuple[int, bytes]]) -> None:
        self._empty()
        for chunk in chunks:
            self._table.load(chunk)
        self._small_rooms = {
            part.ones[row]
            for part in self._table.parts
            for row, tie in enumerate(part.ties)
            if tie == Tie.PRIVATE and self._is_small(part.ones[row])
        }
        self._put_ages(ages)

    def _apply(self, rows: Iterable[tuple[int, int, int, int, bool, int]]) -> None:
        for one, tie, other, at, holds, _ in rows:
            if tie == Tie.FORGOTTEN:
                self._forget(one)
                continue
            tallied = self._tallies.get(one) if tie in _COUNTED else None
            if tallied is None:
                self._put(one, tie, other, at, holds)
                continue
            month, tally = tallied
            before = self._entries(one, other, month)
            self._put(one, tie, other, at, holds)
            changed = tally.changed(other, before, self._entries(one, other, month))
            self._tallied += len(changed) - len(tally)
            self._tallies[one] = (month, changed)

    def _put(self, one: int, tie: int, other: int, at: int, holds: bool) -> None:
        if holds:
            self._table.put(one, tie, other, at)
        else:
            self._table.remove(one, tie, other)
        if tie in _ROOM_SIZE:
            self._measure(one)

    def _entries(self, one: int, whom: int, month: BirthMonth) -> list[tuple[Kind, int]]:
        part = self._table.part(one)
        return entries(_ties_with(part, *part.whole(one), whom), self._band(whom, month))

    def _put_ages(self, rows: Iterable[tuple[int, bytes]]) -> None:
        for one, sealed in rows:
            self._ages_of.put(one, self._open_age(one, sealed))
            self._forget_tallies_with(one)

    def _forget(self, one: int) -> None:
        self._forgotten(one)
        self._forget_tallies_with(one)
        self._ages_of.remove(one)
        self._touched(one, Tie.PRIVATE)
        for another, tie in self._table.remove_all(one):
            self._touched(another, tie)
        self._small_rooms.discard(one)

    def _forget_tallies_with(self, whom: int) -> None:
        for one in [one for one, (_, tally) in self._tallies.items() if whom in tally] if self._tallies else ():
            self._drop_tally(one)

    def _touched(self, one: int, tie: int) -> None:
        """Something of ``one`` was removed in passing."""
        self._drop_tally(one)
        if tie in _ROOM_SIZE:
            self._measure(one)

    def _measure(self, room: int) -> None:
        if self._is_small(room):
            self._small_rooms.add(room)
        else:
            self._small_rooms.discard(room)

    def _is_small(self, room: int) -> bool:
        private = self._table.at(room, Tie.PRIVATE, room) is not None
        return private and self._table.count(room, Tie.MEMBER) <= ROOM_MEMBERS_MAX


def _ties_with(part: Part, low: int, high: int, whom: int) -> list[tuple[int, int]]:
    """The counted ties with one other account: (tie, time)."""
    found = ((tie, part.find(low, high, tie, whom)) for tie in _COUNTED)
    return [(tie, part.ats[row]) for tie, row in found if row >= 0]


def _between(part: Part, friends: Reach, refusing: Reach, other: int) -> dict[Tie, int]:
    """Whether the two are connected, and whether one was refused or blocked by the other, with the times."""
    found = {}
    start, end = friends
    if start < end:
        row = bisect_left(part.others, other, start, end)
        if row < end and part.others[row] == other:
            found[Tie.CONNECTED] = part.ats[row]
    if refusing[0] < refusing[1]:
        for tie in (Tie.REFUSED_BY, Tie.BLOCKED_BY):
            row = part.find(*refusing, tie, other)
            if row >= 0:
                found[tie] = part.ats[row]
    return found


def _others(part: Part, reach: Reach) -> Sequence[int]:
    start, end = reach
    return part.others[start : min(end, start + LOOKED_AT_MAX)]


def _common(part: Part, mine: Reach, its: Part, theirs: Reach, of: Collection[int] | None = None) -> int:
    """How many stand in both, and in ``of``, counted up to 10."""
    if mine[0] == mine[1] or theirs[0] == theirs[1]:
        return 0
    if mine[1] - mine[0] > theirs[1] - theirs[0]:
        part, mine, its, theirs = its, theirs, part, mine
    few = part.others[mine[0] : min(mine[1], mine[0] + LOOKED_AT_MAX)]
    if len(few) + theirs[1] - theirs[0] <= LOOKED_AT_MAX:
        common = set(few).intersection(its.others[theirs[0] : theirs[1]])
        return min(len(common if of is None else common.intersection(of)), COUNTED_MAX)
    found = 0
    for whom in few[:SEARCHED_MAX]:
        row = bisect_left(its.others, whom, *theirs)
        if row < theirs[1] and its.others[row] == whom and (of is None or whom in of):
            found += 1
            if found == COUNTED_MAX:
                break
    return found


def _in_address_book(part: Part, numbers: Reach, its: Part, book: Reach) -> bool:
    start, end = book
    if start == end:
        return False
    for number in _others(part, numbers):
        row = bisect_left(its.others, number, start, end)
        if row < end and its.others[row] == number:
            return True
    return False
