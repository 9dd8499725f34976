"""Events: metadata of something that happened. The schema is closed; no field of it can hold what somebody said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

FieldValue = str | int | bool

#: How the ids of Nightlight's own events begin. Nobody outside can send such an id, so none can be taken beforehand.
OWN_ID = "nightlight/"


class EventKind(StrEnum):
    """What can happen. ``actor`` does it, to or with ``target``, in ``room``."""

    ACCOUNT_CREATED = "account.created"
    #: The account was used on a device, or with a number: both only as keyed hashes of the platform.
    ACCOUNT_DEVICE = "account.device"
    ACCOUNT_NUMBER = "account.number"
    ACCOUNT_BANNED = "account.banned"
    ACCOUNT_UNBANNED = "account.unbanned"
    #: The actor's address book holds, or no longer holds, the account with that number.
    ADDRESS_BOOK_ADDED = "address_book.added"
    ADDRESS_BOOK_REMOVED = "address_book.removed"
    CONTACT_REQUESTED = "contact.requested"
    CONTACT_ACCEPTED = "contact.accepted"
    CONTACT_DECLINED = "contact.declined"
    CONTACT_WITHDRAWN = "contact.withdrawn"
    CONTACT_REMOVED = "contact.removed"
    CONTACT_BLOCKED = "contact.blocked"
    CONTACT_UNBLOCKED = "contact.unblocked"
    FIRST_MESSAGE = "conversation.first_message"
    #: How much one account sent in one room in one hour.
    VOLUME = "conversation.volume"
    ROOM_CREATED = "room.created"
    ROOM_CHANGED = "room.changed"
    ROOM_JOINED = "room.joined"
    ROOM_LEFT = "room.left"
    REPORT_MADE = "report.made"
    REPORT_VERIFIED = "report.verified"
    #: A person looked at the actor's report and found that the target broke no rule. ``at``: when it was verified.
    REPORT_DISMISSED = "report.dismissed"
    #: A reviewer decided about the target.
    DECISION_MADE = "decision.made"
    #: Nightlight's own: nobody outside can send these.
    CONTACT_DECIDED = "contact.decided"
    SIGNAL_RAISED = "signal.raised"
    SIGNAL_CLEARED = "signal.cleared"
    PROTECTION_LOOSENED = "protection.loosened"
    PROTECTION_RESTORED = "protection.restored"


#: Kinds that only Nightlight itself records.
OWN_KINDS = frozenset(
    {
        EventKind.CONTACT_DECIDED,
        EventKind.SIGNAL_RAISED,
        EventKind.SIGNAL_CLEARED,
        EventKind.PROTECTION_LOOSENED,
        EventKind.PROTECTION_RESTORED,
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """``at``: when it happened as its source says, milliseconds since 1970, UTC. ``target``, ``room``: may be empty."""

    event_id: str
    kind: EventKind
    at: int
    actor: str
    target: str = ""
    room: str = ""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in the log. ``received_at``, milliseconds since 1970, UTC, never falls as ``number`` rises."""

    number: int
    received_at: int
    event: Event


@dataclass(frozen=True, slots=True)
class SentMessage:
    """That somebody sent something in a room. ``size``: characters of its ciphertext, 0 where that is not known."""

    event_id: str
    sender: str
    room: str
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class RoomHistory:
    """What a stretch of room history says. ``lost``: how many entries could not be understood."""

    events: Sequence[Event]
    messages: Sequence[SentMessage]
    lost: int
