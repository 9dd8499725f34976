"""A report: somebody in the conversation asks for help."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.model.verdict import MessageVerdict


class Category(StrEnum):
    """What the report is about, as the reporter says. A closed, documented list."""

    GROOMING = "grooming"
    SEXTORTION = "sextortion"
    ABUSE_IMAGERY = "abuse_imagery"
    THREAT = "threat"
    HARASSMENT = "harassment"
    SPAM = "spam"
    OTHER = "other"


#: Order of the queue: the lower, the sooner somebody looks. Spam never waits in front of a child.
SEVERITY: dict[Category, int] = {
    Category.SEXTORTION: 0,
    Category.ABUSE_IMAGERY: 0,
    Category.GROOMING: 0,
    Category.THREAT: 1,
    Category.HARASSMENT: 2,
    Category.OTHER: 3,
    Category.SPAM: 4,
}


class ReportSource(StrEnum):
    """By which door a report came in."""

    API = "api"
    EVENT_REPORT = "synapse_event_report"
    USER_REPORT = "synapse_user_report"
    OWN_PAGE = "own_page"


class MessageRole(StrEnum):
    """Why a message is in a report: it is what the report is about, or it was said around that."""

    REPORTED = "reported"
    CONTEXT = "context"


class RelationKind(StrEnum):
    """What a message is to another one (Matrix client-server API, "Forming relationships between events")."""

    REPLY = "reply"
    EDIT = "edit"
    REACTION = "reaction"
    THREAD = "thread"


@dataclass(frozen=True, slots=True)
class Relation:
    """``event_id``: the message that this one answers, replaces or reacts to."""

    kind: RelationKind
    event_id: str


class ReportState(StrEnum):
    """``pending``: stored, the homeserver has not been asked yet. ``checked``: every message has its verdict."""

    PENDING = "pending"
    CHECKED = "checked"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The key material that opens exactly one reported message: its event id and 32-byte message key, if given."""

    event_id: str
    message_key: bytes | None = field(default=None, repr=False)
    role: MessageRole = MessageRole.REPORTED


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a reporter sends. ``language`` is a BCP 47 tag; ``room_id`` is a Matrix room id."""

    room_id: str
    category: Category
    note: str
    language: str
    messages: tuple[Disclosure, ...]


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """One message of a report with its verdict, as stored. ``sent_at`` in milliseconds since 1970, UTC.

    ``position``: its place in the report as it was sent. ``depth``: its place in the room's graph of events, as its
    server signed it. ``omitted``: how many messages the homeserver has between the one before it in this report and
    this one; None where that is not known, and for the first.
    """

    position: int
    event_id: str
    verdict: MessageVerdict
    sender: str | None
    sent_at: int | None
    message_key: bytes | None = field(default=None, repr=False)
    role: MessageRole = MessageRole.REPORTED
    depth: int | None = None
    omitted: int | None = None
    relation: Relation | None = None

    @property
    def reported(self) -> bool:
        """Whether the report is about this message, and not only around it."""
        return self.role is MessageRole.REPORTED


@dataclass(frozen=True, slots=True)
class Report:
    """A stored report. Times in milliseconds since 1970, UTC. ``reporter`` is None until confirmed."""

    report_id: str
    received_at: int
    reporter: str | None
    room_id: str | None
    category: Category
    note: str
    language: str
    source: ReportSource
    state: ReportState
    case_id: str | None
    target_account: str | None
    messages: tuple[ReportedMessage, ...]
