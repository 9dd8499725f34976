"""The event log: metadata in the order of its arrival, each event once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, and_, bindparam, delete, func, insert, or_, select

from nightlight.model.event import Event, EventKind, LoggedEvent
from nightlight.store.detection_schema import arrivals
from nightlight.store.held import names_held, names_none_held
from nightlight.store.many import write_many
from nightlight.store.numbering import Numbering
from nightlight.store.retention_schema import held_events
from nightlight.store.schema import counted_messages, events

_IDS_MAX = 5_000

# Made once: putting a statement together takes longer than running it.
_KNOWN = select(events).where(events.c.event_id.in_(bindparam("ids", expanding=True)))
_AFTER = (
    select(events)
    .where(events.c.number > bindparam("after"))
    .order_by(events.c.number)
    .limit(bindparam("most", type_=Integer))
)
_ADD = insert(events)
_COLUMNS = ("number", "event_id", "received_at", "at", "kind", "actor", "target", "room", "fields")
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class EventTables:
    _connection: Connection
    _numbering: Numbering

    def known_events(self, event_ids: Sequence[str]) -> dict[str, Event]:
        """Those of the events that are in the log."""
        found: dict[str, Event] = {}
        for at in range(0, len(event_ids), _IDS_MAX):
            rows = self._connection.execute(_KNOWN, {"ids": event_ids[at : at + _IDS_MAX]})
            found.update((row.event_id, _event(row)) for row in rows)
        return found

    def add_events(self, new: Sequence[Event], received_at: int, first: int) -> None:
        """Appends events that are not in the log, numbered from ``first`` on."""
        if new:
            rows = [_values(n, e, received_at) for n, e in enumerate(new, first)]
            write_many(self._connection, _ADD, _COLUMNS, rows)
            self._numbering.event_added(first + len(new) - 1, received_at)

    def count_messages(self, numbers: Sequence[int], at: int) -> set[int]:
        """Those of the messages that were not counted before. From now on they were."""
        table, fresh = counted_messages, set(numbers)
        for start in range(0, len(numbers), _IDS_MAX):
            part = numbers[start : start + _IDS_MAX]
            fresh -= set(self._connection.scalars(select(table.c.message).where(table.c.message.in_(part))))
        if fresh:
            self._connection.execute(insert(table), [{"message": number, "at": at} for number in sorted(fresh)])
        return fresh

    def forget_messages(self, kept_ms: int, limit: int) -> int:
        """Forgets messages that were counted longer than ``kept_ms`` before the newest one, at most ``limit``.

        Before the newest, not before now: after a long silence the last ones may still be sent again.
        """
        table = counted_messages.c
        newest = self._connection.scalar(select(func.max(table.at)))
        if newest is None:
            return 0
        old = select(table.message).where(table.at < newest - kept_ms).limit(limit)
        return self._connection.execute(delete(counted_messages).where(table.message.in_(old))).rowcount

    def event_number(self, event_id: str) -> int:
        """The number of the event with this id, 0 if there is none."""
        return self._connection.scalar(select(events.c.number).where(events.c.event_id == event_id)) or 0

    def last_event(self) -> tuple[int, int]:
        """Number and time of arrival of the last event, also if it was removed since; zeros before the first."""
        return self._numbering.last_event()

    def events_after(self, number: int, limit: int, kinds: Collection[EventKind] = ()) -> list[LoggedEvent]:
        """In the order of their numbers; of these kinds, or of all."""
        if not kinds:
            return _logged(self._connection.execute(_AFTER, {"after": number, "most": limit}))
        those = and_(events.c.number > number, events.c.kind.in_(sorted(kinds)))
        return _logged(self._connection.execute(select(events).where(those).order_by(events.c.number).limit(limit)))

    def events_received(self, at: int, limit: int, kinds: Collection[EventKind]) -> list[LoggedEvent]:
        """Those of these kinds that arrived in that millisecond, in the order of their numbers."""
        table = events.c
        those = and_(table.number >= self.first_event_at(at), table.number < self.first_event_at(at + 1))
        query = select(events).where(those, table.kind.in_(sorted(kinds)))
        return _logged(self._connection.execute(query.order_by(table.number).limit(limit)))

    def first_event_at(self, at: int) -> int:
        """The number from which on events arrived at that time or later."""
        # Numbers and times of arrival rise together, so halving finds the place without an index on the times.
        table = events.c
        low, high = self._connection.execute(select(func.min(table.number), func.max(table.number) + 1)).one()
        low, high = low or 0, high or 0
        while low < high:
            middle = (low + high) // 2
            near = select(table.number, table.received_at).where(table.number >= middle).order_by(table.number).limit(1)
            row = self._connection.execute(near).one()
            if row.received_at < at:
                low = row.number + 1
            else:
                high = middle
        return int(low)

    def count_events(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(events)) or 0

    def remove_events_before(self, received_at: int, limit: int, now: int) -> int:
        """Removes the oldest events that arrived before that time, at most ``limit``; returns how many.

        Those about accounts under a hold are put aside.
        """
        table = events.c
        rows = self._connection.execute(
            select(table.number, table.received_at, table.at).order_by(table.number).limit(limit)
        )
        # Numbers and times of arrival rise together, so the oldest ones are a range. Where a clock that ran far ahead
        # has set the times of arrival, the events' own say that they are old.
        old = list(takewhile(lambda row: min(row.received_at, row.at) < received_at, rows))
        if old:
            held = select(events).where(table.number <= old[-1].number, names_held(now, table.actor, table.target))
            self._connection.execute(insert(held_events).from_select(held_events.c.keys(), held))
            self._connection.execute(delete(events).where(table.number <= old[-1].number))
            # What was known when they came goes with them.
            self._connection.execute(delete(arrivals).where(arrivals.c.last <= old[-1].number))
        return len(old)

    def remove_held_events(self, now: int) -> int:
        """Removes events that were put aside for holds of which none is left; returns how many."""
        free = names_none_held(now, held_events.c.actor, held_events.c.target)
        return self._connection.execute(delete(held_events).where(free)).rowcount

    def events_about(self, account: str) -> Iterator[LoggedEvent]:
        """Every event that names the account, those put aside first. Looks through the whole table."""
        for table in (held_events, events):
            named = or_(table.c.actor == account, table.c.target == account)
            yield from _logged(self._connection.execute(select(table).where(named).order_by(table.c.number)))

    def events_naming(self, account: str) -> list[int]:
        """Numbers of all events that name the account. Looks through the whole table: for a reading transaction."""
        return list(self._connection.scalars(select(events.c.number).where(_names(account))))

    def remove_events(self, numbers: Sequence[int], account: str, since: int) -> int:
        """Removes the events with these numbers, and later than ``since`` those that name the account."""
        gone = self._connection.execute(delete(events).where(events.c.number > since, _names(account))).rowcount
        aside = or_(held_events.c.actor == account, held_events.c.target == account)
        gone += self._connection.execute(delete(held_events).where(aside)).rowcount
        for start in range(0, len(numbers), _IDS_MAX):
            those = events.c.number.in_(numbers[start : start + _IDS_MAX])
            gone += self._connection.execute(delete(events).where(those)).rowcount
        return gone


def _names(account: str) -> ColumnElement[bool]:
    return or_(events.c.actor == account, events.c.target == account)


def _values(number: int, event: Event, received_at: int) -> tuple[Any, ...]:
    return (
        number,
        event.event_id,
        received_at,
        event.at,
        event.kind._value_,
        event.actor,
        event.target,
        event.room,
        _ENCODE(dict(event.fields)) if event.fields else "",
    )


def _logged(rows: Iterable[Row[Any]]) -> list[LoggedEvent]:
    return [LoggedEvent(row.number, row.received_at, _event(row)) for row in rows]


def _event(row: Row[Any]) -> Event:
    fields = json.loads(row.fields) if row.fields else {}
    return Event(row.event_id, EventKind(row.kind), row.at, row.actor, row.target, row.room, fields)
