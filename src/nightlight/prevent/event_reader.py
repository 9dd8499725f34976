"""Reading events that others send. The schema is closed: any other field is refused, so none can hold content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from nightlight.errors import RefusedError
from nightlight.model.contact import Direction, SignalFamily
from nightlight.model.event import Event, EventKind, FieldValue
from nightlight.model.report import Category

NAME_BYTES_MAX = 255
#: The last millisecond of the year 9999.
TIME_MAX = 253_402_300_799_999
COUNT_MAX = 2**53 - 1
_EVENT_ID = re.compile(r"[!-~]{1,255}\Z")
_KEYED_HASH = re.compile(r"[0-9a-f]{32,128}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@#:/+-]{0,127}\Z")


def _one_of(*words: str) -> Any:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value

    return check


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= COUNT_MAX:
        raise ValueError("a whole number, 0 or more")
    return value


def _time(value: object) -> int:
    if not is_time(value):
        raise ValueError("milliseconds since 1970, UTC, as a whole number")
    return value


def _hour(value: object) -> int:
    if _time(value) % 3_600_000:
        raise ValueError("the first millisecond of an hour, in milliseconds since 1970, UTC")
    return int(value)  # type: ignore[call-overload, no-any-return]  # _time saw to it


def _truth(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("true or false")
    return value


def _keyed_hash(value: object) -> str:
    if not isinstance(value, str) or not _KEYED_HASH.match(value):
        raise ValueError("a keyed hash: 32 to 128 characters of lower-case hexadecimal")
    return value


def _token(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.match(value):
        raise ValueError("a name of up to 128 letters, digits and . _ @ # : / + -")
    return value


_VIA = _one_of("direct", "group")
_VISIBILITY = _one_of("private", "public")
_DIRECTION = _one_of(*(item.value for item in Direction))
_FAMILY = _one_of(*(item.value for item in SignalFamily))
_CATEGORY = _one_of(*(item.value for item in Category))
_VERDICT = _one_of("violation", "no_violation", "inconclusive")


@dataclass(frozen=True, slots=True)
class Shape:
    """What an event of one kind has. ``fields``: name → check and whether it has to be there."""

    target: bool = False
    room: bool = False
    #: Target or room may be given, too.
    also: frozenset[str] = frozenset()
    fields: Mapping[str, tuple[Any, bool]] = field(default_factory=dict)


_PAIR = Shape(target=True, also=frozenset({"room"}), fields={"via": (_VIA, False)})
_WITH = Shape(target=True)
_ROOM_FIELDS = {"visibility": (_VISIBILITY, True), "encrypted": (_truth, False), "direct": (_truth, False)}

SHAPES: Mapping[EventKind, Shape] = {
    EventKind.ACCOUNT_CREATED: Shape(),
    EventKind.ACCOUNT_DEVICE: Shape(fields={"device": (_keyed_hash, True)}),
    EventKind.ACCOUNT_NUMBER: Shape(fields={"number": (_keyed_hash, True)}),
    EventKind.ACCOUNT_BANNED: Shape(),
    EventKind.ACCOUNT_UNBANNED: Shape(),
    EventKind.ADDRESS_BOOK_ADDED: Shape(fields={"number": (_keyed_hash, True)}),
    EventKind.ADDRESS_BOOK_REMOVED: Shape(fields={"number": (_keyed_hash, True)}),
    EventKind.CONTACT_REQUESTED: _PAIR,
    EventKind.CONTACT_ACCEPTED: _PAIR,
    EventKind.CONTACT_DECLINED: _PAIR,
    EventKind.CONTACT_WITHDRAWN: _PAIR,
    EventKind.CONTACT_REMOVED: _WITH,
    EventKind.CONTACT_BLOCKED: _WITH,
    EventKind.CONTACT_UNBLOCKED: _WITH,
    EventKind.FIRST_MESSAGE: Shape(room=True, also=frozenset({"target"})),
    EventKind.VOLUME: Shape(
        room=True,
        also=frozenset({"target"}),
        fields={"hour": (_hour, True), "messages": (_count, True), "bytes": (_count, True)},
    ),
    EventKind.ROOM_CREATED: Shape(room=True, fields=_ROOM_FIELDS),
    EventKind.ROOM_CHANGED: Shape(room=True, fields={"visibility": (_VISIBILITY, False), "encrypted": (_truth, False)}),
    EventKind.ROOM_JOINED: Shape(room=True),
    EventKind.ROOM_LEFT: Shape(room=True),
    EventKind.REPORT_MADE: Shape(target=True, also=frozenset({"room"}), fields={"category": (_CATEGORY, True)}),
    EventKind.REPORT_VERIFIED: Shape(target=True, also=frozenset({"room"}), fields={"category": (_CATEGORY, True)}),
    EventKind.REPORT_DISMISSED: Shape(target=True),
    EventKind.DECISION_MADE: Shape(target=True, fields={"outcome": (_VERDICT, True)}),
    EventKind.CONTACT_DECIDED: Shape(
        target=True, also=frozenset({"room"}), fields={"direction": (_DIRECTION, True), "outcome": (_token, True)}
    ),
    EventKind.SIGNAL_RAISED: Shape(fields={"family": (_FAMILY, True), "until": (_time, True), "rule": (_token, True)}),
    EventKind.SIGNAL_CLEARED: Shape(fields={"family": (_FAMILY, True), "rule": (_token, True)}),
    EventKind.PROTECTION_LOOSENED: Shape(fields={"protection": (_token, True)}),
    EventKind.PROTECTION_RESTORED: Shape(fields={"protection": (_token, True)}),
}

#: What every event may have, whatever its kind; the rest are its fields.
ENVELOPE = frozenset({"id", "kind", "at", "actor", "target", "room"})


def account_name(value: object, where: str = "account") -> str:
    """The id of an account, as the messenger writes it: visible characters, compared exactly.

    Two ids that look alike are two accounts, and nothing here makes one of them. Control characters, marks of direction
    and other characters without a shape are refused. ``RefusedError('account_malformed')``.
    """
    return _name(value, where, "account_malformed")


def is_name(value: object) -> TypeGuard[str]:
    """Whether it may name an account or a room."""
    return (
        isinstance(value, str)
        and bool(value)
        and " " not in value
        and value.isprintable()
        and "\ufffd" not in value  # stands for bytes that were no text: different ones would become one account
        and len(value.encode("utf-8", "surrogatepass")) <= NAME_BYTES_MAX
    )


def is_event_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _EVENT_ID.match(value) is not None


def is_time(value: object) -> TypeGuard[int]:
    """Whether it is a time in milliseconds since 1970, UTC."""
    return type(value) is int and 0 <= value <= TIME_MAX


def event_from(value: object) -> Event:
    """One event out of JSON, strictly; ``RefusedError('event_malformed')`` says which field and why."""
    if not isinstance(value, dict):
        raise _malformed("An event is a JSON object.")
    try:
        kind = EventKind(str(value.get("kind")))
    except ValueError:
        raise _malformed("kind: there is no such kind of event.", "See docs/events.md for the closed list.") from None
    shape = SHAPES[kind]
    unknown = value.keys() - ENVELOPE - shape.fields.keys()
    if unknown:
        name = sorted(map(str, unknown))[0][:40]
        raise _malformed(f"{kind} has no field {name!r}.", "Events hold ids, times and sizes, never content.")
    event_id = value.get("id")
    if not is_event_id(event_id):
        raise _malformed("id: 1 to 255 printable ASCII characters, the same when the event is sent again.")
    return Event(
        event_id,
        kind,
        _checked("at", _time, value.get("at")),
        _name(value.get("actor"), "actor", "event_malformed"),
        _party(value, "target", kind, shape.target, shape.also),
        _party(value, "room", kind, shape.room, shape.also),
        _fields(value, kind, shape),
    )


def _fields(value: Mapping[str, object], kind: EventKind, shape: Shape) -> Mapping[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for name, (check, needed) in shape.fields.items():
        if name in value:
            fields[name] = _checked(name, check, value[name])
        elif needed:
            raise _malformed(f"{kind} needs {name}.")
    return fields


def _party(value: Mapping[str, object], name: str, kind: EventKind, needed: bool, also: frozenset[str]) -> str:
    if name not in value:
        if needed:
            raise _malformed(f"{kind} needs {name}.")
        return ""
    if not needed and name not in also:
        raise _malformed(f"{kind} has no {name}.")
    party = _name(value[name], name, "event_malformed")
    if name == "target" and party == value.get("actor"):
        raise _malformed("actor and target are the same account.")
    return party


def _name(value: object, where: str, code: str) -> str:
    if not is_name(value):
        raise RefusedError(code, f"{where}: an id of 1 to {NAME_BYTES_MAX} bytes of visible characters belongs here.")
    return value


def _checked(name: str, check: Any, value: object) -> Any:
    try:
        return check(value)
    except ValueError as e:
        raise _malformed(f"{name}: {e} belongs here.") from None


def _malformed(message: str, hint: str = "") -> RefusedError:
    return RefusedError("event_malformed", message, hint)
