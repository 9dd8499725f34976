"""The event log: metadata in the order of its arrival, each event once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from nightlight.model.event import Event, EventKind, LoggedEvent
from nightlight.store.schema import changes, events

_IDS_MAX = 5_000


class EventTables:
    _connection: Connection

    def known_events(self, event_ids: Sequence[str]) -> dict[str, Event]:
        """Those of the events that are in the log."""
        found: dict[str, Event] = {}
        for at in range(0, len(event_ids), _IDS_MAX):
            rows = self._connection.execute(select(events).where(events.c.event_id.in_(event_ids[at : at + _IDS_MAX])))
            found.update((row.event_id, _event(row)) for row in rows)
        return found

    def add_events(self, new: Sequence[Event], received_at: int, first: int) -> None:
        """Appends events that are not in the log, numbered from ``first`` on."""
        if new:
            self._connection.execute(insert(events), [_values(n, e, received_at) for n, e in enumerate(new, first)])

            values = {"event": first + len(new) - 1, "received_at": received_at}
            self._connection.execute(update(changes), values)

    def last_event(self) -> tuple[int, int]:
        """Number and time of arrival of the last event, also if it was removed since; zeros before the first."""
        row = self._connection.execute(select(changes.c.event, changes.c.received_at)).one()
        return row.event, row.received_at

    def events_after(self, number: int, limit: int) -> list[LoggedEvent]:
        """In the order of their numbers."""
        rows = self._connection.execute(
            select(events).where(events.c.number > number).order_by(events.c.number).limit(limit)
        )
        return [LoggedEvent(row.number, row.received_at, _event(row)) for row in rows]

    def count_events(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(events)) or 0

    def remove_events_before(self, received_at: int, limit: int) -> int:
        """Removes the oldest events that arrived before that time, at most ``limit``; returns how many."""
        oldest = select(events.c.number, events.c.received_at).order_by(events.c.number).limit(limit)
        # Numbers and times of arrival rise together, so the oldest ones are a range.
        numbers = [row.number for row in self._connection.execute(oldest) if row.received_at < received_at]
        if numbers:
            self._connection.execute(delete(events).where(events.c.number <= numbers[-1]))
        return len(numbers)

    def remove_events_of(self, account: str) -> int:
        """Removes every event that names the account; returns how many."""
        return self._connection.execute(
            delete(events).where(or_(events.c.actor == account, events.c.target == account))
        ).rowcount


def _values(number: int, event: Event, received_at: int) -> dict[str, Any]:
    return {
        "number": number,
        "event_id": event.event_id,
        "received_at": received_at,
        "at": event.at,
        "kind": event.kind.value,
        "actor": event.actor,
        "target": event.target,
        "room": event.room,
        "fields": json.dumps(dict(event.fields), sort_keys=True, separators=(",", ":")) if event.fields else "",
    }


def _event(row: Row[Any]) -> Event:
    fields = json.loads(row.fields) if row.fields else {}
    return Event(row.event_id, EventKind(row.kind), row.at, row.actor, row.target, row.room, fields)
