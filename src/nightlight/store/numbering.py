"""How far events, and changes to relations and ages, are numbered; also after their removal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from nightlight.store.schema import changes

# Made once: putting a statement together takes longer than running it.
_READ = select(changes.c.last, changes.c.event, changes.c.received_at, changes.c.settled, changes.c.detected)
_WRITE = update(changes).values(
    last=bindparam("last_"), event=bindparam("event_"), received_at=bindparam("at_"), detected=bindparam("detected_")
)


class Numbering:
    """The one row of the table, in one transaction.

    A writing transaction has it for itself, so it is read once and written once, at the end.
    """

    def __init__(self, connection: Connection, *, writes: bool) -> None:
        self._connection = connection
        self._writes = writes
        self._row: Row[*tuple[Any, ...]] | None = None
        self._next: tuple[int, int, int, int] | None = None

    def last_change(self) -> int:
        return self._next[0] if self._next else self._read().last

    def change_marks(self) -> tuple[int, int]:
        """The last change, and the one up to which statements that ended may be gone: who is behind it starts anew."""
        row = self._read()
        return (self._next[0] if self._next else row.last), row.settled

    def last_event(self) -> tuple[int, int]:
        """Number and time of arrival of the last event; zeros before the first."""
        if self._next:
            return self._next[1:3]
        row = self._read()
        return row.event, row.received_at

    def next_change(self) -> int:
        self._set(change := self.last_change() + 1, *self.last_event(), self.detected())
        return change

    def detected(self) -> int:
        """Up to which event detection has said what it has to say."""
        return self._next[3] if self._next else int(self._read().detected)

    def detected_up_to(self, number: int) -> None:
        if number != self.detected():
            self._set(self.last_change(), *self.last_event(), number)

    def event_added(self, number: int, received_at: int) -> None:
        self._set(self.last_change(), number, received_at, self.detected())

    def flush(self) -> None:
        """Writes what is new."""
        if self._next:
            last, event, at, detected = self._next
            self._connection.execute(_WRITE, {"last_": last, "event_": event, "at_": at, "detected_": detected})

    def _set(self, last: int, event: int, received_at: int, detected: int) -> None:
        if not self._writes:
            raise RuntimeError("a reading transaction numbers nothing")
        self._next = last, event, received_at, detected

    def _read(self) -> Row[*tuple[Any, ...]]:
        if self._row is not None and self._writes:
            return self._row
        self._row = row = self._connection.execute(_READ).one()
        return row
