"""What was known about the accounts of an event when it arrived, and how that is kept beside the event."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nightlight.detect.columns import SMALL_MAX
from nightlight.detect.fields import BANDS, RELATIONS, WORDS, Seen, Type, code
from nightlight.detect.ranges import NUMBER_MAX
from nightlight.errors import RefusedError
from nightlight.model.account import AgeBand
from nightlight.model.contact import Relation
from nightlight.model.event import Event, EventKind

#: The field of each kind that holds its one word.
_WORD_FIELDS = {
    EventKind.CONTACT_REQUESTED: "via",
    EventKind.CONTACT_ACCEPTED: "via",
    EventKind.CONTACT_DECLINED: "via",
    EventKind.CONTACT_WITHDRAWN: "via",
    EventKind.CONTACT_DECIDED: "direction",
    EventKind.ROOM_CREATED: "visibility",
    EventKind.ROOM_CHANGED: "visibility",
    EventKind.REPORT_MADE: "category",
    EventKind.REPORT_VERIFIED: "category",
    EventKind.DECISION_MADE: "outcome",
}
#: The field of each kind that names a device or a number.
ITEM_FIELDS = {EventKind.ACCOUNT_DEVICE: "device", EventKind.ACCOUNT_NUMBER: "number"}
#: Kinds of which it matters what the two are to each other, how long the actor is known, or who was banned.
TOWARDS = frozenset({EventKind.CONTACT_REQUESTED, EventKind.CONTACT_DECIDED, EventKind.VOLUME, EventKind.FIRST_MESSAGE})
#: What comes of signals says nothing new to the rules.
SILENT = frozenset(
    {EventKind.SIGNAL_RAISED, EventKind.SIGNAL_CLEARED, EventKind.PROTECTION_LOOSENED, EventKind.PROTECTION_RESTORED}
)
_BYTES = struct.Struct("<7Bq")
_UNKNOWN = code(Type.BAND, AgeBand.UNKNOWN.value)
_MESSAGES_MAX = 2**31 - 1
_BAND = {band: code(Type.BAND, band.value) for band in AgeBand}
_RELATION = {relation: code(Type.RELATION, relation.value) for relation in Relation}
_WORD = {word: number for number, word in enumerate(WORDS)}


class Known(NamedTuple):
    """Numbers as in ``fields.Seen``. ``visibility``: of the room that was entered, as a word; else 0."""

    actor_band: int = _UNKNOWN
    target_band: int = _UNKNOWN
    relation: int = 0
    mutual: int = 0
    visibility: int = 0
    banned_links: int = 0
    banned_in_room: int = 0
    known_for: int = 0


NOTHING = Known()


class Parties(NamedTuple):
    """Keyed numbers of who and what an event names; 0 for nothing. ``item``: a device or a number."""

    kind: EventKind
    actor: int
    target: int = 0
    room: int = 0
    item: int = 0


class Circumstances(NamedTuple):
    """What a view of relations says about an event: in words, before it becomes numbers. ``known_since``: in ms."""

    actor_band: AgeBand = AgeBand.UNKNOWN
    target_band: AgeBand = AgeBand.UNKNOWN
    relation: Relation | None = None
    mutual: int = 0
    public: bool = False
    private: bool = False
    banned_links: int = 0
    banned_in_room: int = 0
    known_since: int | None = None


def known(found: Circumstances, now: int) -> Known:
    """``now``: when the event arrived, milliseconds since 1970."""
    visibility = "public" if found.public else "private" if found.private else ""
    return Known(
        _BAND[found.actor_band],
        _BAND[found.target_band],
        _RELATION[found.relation] if found.relation is not None else 0,
        min(found.mutual, SMALL_MAX),
        _WORD[visibility],
        min(found.banned_links, SMALL_MAX),
        min(found.banned_in_room, SMALL_MAX),
        max(0, now - found.known_since) if found.known_since is not None else 0,
    )


def known_to_bytes(many: Sequence[Known]) -> bytes:
    """15 bytes each: no ids, and as long for everybody."""
    return b"".join(_BYTES.pack(*one) for one in many)


def known_from_bytes(data: bytes) -> list[Known]:
    """The reverse; ``RefusedError('arrivals_damaged')``."""
    if len(data) % _BYTES.size:
        raise _damaged()
    made = [Known(*values) for values in _BYTES.iter_unpack(data)]
    for one in made:
        within = (
            one.actor_band < len(BANDS)
            and one.target_band < len(BANDS)
            and one.relation < len(RELATIONS)
            and one.visibility < len(WORDS)
            and one.known_for >= 0
        )
        if not within:
            raise _damaged()
    return made


def parties_of(event: Event, keyed: Callable[[str], int]) -> Parties:
    """``keyed``: turns the name of an account, room, device or number into its number."""
    kind, target, room = event.kind, event.target, event.room
    item = keyed(str(event.fields[ITEM_FIELDS[kind]])) if kind in ITEM_FIELDS else 0
    return Parties(kind, keyed(event.actor), keyed(target) if target else 0, keyed(room) if room else 0, item)


#: The number of each kind and its field that holds its one word, if it has one.
_KIND = {kind: (code(Type.KIND, kind.value), _WORD_FIELDS.get(kind)) for kind in EventKind}


def seen_of(event: Event, parties: Parties, number: int, t: int, what: Known) -> Seen:
    """The event as detection sees it."""
    fields = event.fields
    kind, actor, target, room, item = parties
    actor_band, target_band, relation, mutual, word, banned_links, banned_in_room, known_for = what
    kind_number, word_field = _KIND[kind]
    if word_field is not None:
        word = _WORD.get(str(fields.get(word_field, "")), 0)
    messages = size = 0
    if kind is EventKind.VOLUME:
        messages = min(int(fields["messages"]), _MESSAGES_MAX)
        size = min(int(fields["bytes"]), NUMBER_MAX)
    # In the order of the fields: one is made of every event.
    return Seen(
        number, t, kind_number, actor, target, room, item, messages, size, word,
        actor_band, target_band, relation, mutual, known_for, banned_links, banned_in_room,
    )  # fmt: skip


def _damaged() -> RefusedError:
    return RefusedError("arrivals_damaged", "This is not what was known when events arrived.")
