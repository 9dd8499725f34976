"""Reading events that come in columns: what ``event_reader`` says of one event, worked out for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.event import Event, EventKind
from nightlight.prevent.event_reader import ENVELOPE, SHAPES, Shape, event_from, is_event_id, is_name, is_time

#: Values in the order of the events, None where an event has none.
Column = Sequence[Any]


def events_from_columns(columns: Mapping[str, Column], length: int) -> list[Event | RefusedError]:
    """``length`` events. ``columns``: by the names that fields have in JSON; those that nothing has may be left out.

    Equal to ``event_from`` of every row. Names are looked at once each, and what is not allowed once for all events of
    a kind; a row that is not clearly right is read as one event, so that its refusal says the same.
    """
    read: list[Event | RefusedError | None] = [None] * length
    names: dict[Any, bool] = {}
    rows: dict[Any, list[int]] = defaultdict(list)
    for row, kind in enumerate(columns.get("kind", ())):
        rows[kind].append(row)
    for word, places in rows.items():
        if isinstance(word, str) and word in _KINDS:
            _read_kind(_KINDS[word], places, columns, names, read)
    return [_alone(columns, row) if one is None else one for row, one in enumerate(read)]


_KINDS = {kind.value: kind for kind in EventKind}


def _read_kind(
    kind: EventKind,
    rows: list[int],
    columns: Mapping[str, Column],
    names: dict[Any, bool],
    read: list[Event | RefusedError | None],
) -> None:
    """Puts the events that are right into ``read``."""
    shape = SHAPES[kind]
    allowed = ENVELOPE - {"target", "room"} | shape.also | shape.fields.keys()
    allowed |= {name for name, needed in (("target", shape.target), ("room", shape.room)) if needed}
    for name, column in columns.items():
        if name not in allowed:
            rows = [row for row in rows if column[row] is None]
    empty: Column = [None] * (rows[-1] + 1) if rows else []
    ids, ats, actors, targets, rooms = (columns.get(name, empty) for name in ("id", "at", "actor", "target", "room"))
    fields = [(name, *checked, columns.get(name, empty)) for name, checked in shape.fields.items()]

    def right(name: Any) -> bool:
        known = names.get(name)
        if known is None:
            known = names[name] = is_name(name)
        return known

    for row in rows:
        actor, target, room = actors[row], targets[row], rooms[row]
        if (
            is_event_id(ids[row])
            and is_time(ats[row])
            and right(actor)
            and (target != actor and right(target) if target is not None else not shape.target)
            and (right(room) if room is not None else not shape.room)
        ):
            values = _fields(fields, row, shape)
            if values is not None:
                read[row] = Event(ids[row], kind, ats[row], actor, target or "", room or "", values)


def _fields(fields: Sequence[tuple[str, Any, bool, Column]], row: int, shape: Shape) -> dict[str, Any] | None:
    """None where something is missing or does not fit."""
    if not shape.fields:
        return {}
    values = {}
    for name, check, needed, column in fields:
        value = column[row]
        if value is not None:
            try:
                values[name] = check(value)
            except ValueError:
                return None
        elif needed:
            return None
    return values


def _alone(columns: Mapping[str, Column], row: int) -> Event | RefusedError:
    try:
        return event_from({name: column[row] for name, column in columns.items() if column[row] is not None})
    except RefusedError as e:
        return e
