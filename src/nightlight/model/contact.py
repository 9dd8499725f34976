"""Contact: how one account comes towards another, what they are to each other, and what is decided about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from nightlight.model.account import AgeBand, Assurance


class Direction(StrEnum):
    """How somebody comes towards somebody else."""

    #: Asks to talk, one to one.
    DIRECT = "direct"
    #: Asks into a room with others.
    GROUP = "group"
    #: Enters, or asks to enter, a room that the other one made.
    JOIN = "join"
    #: Looks people up; the other one would be among the results.
    FIND = "find"


class Relation(StrEnum):
    """What two accounts are to each other, the closest first. A block stands above all of them."""

    #: Both accepted contact.
    CONNECTED = "connected"
    #: The one who is asked has the other in the address book.
    ADDRESS_BOOK = "address_book"
    #: Both are in the same small private room.
    SHARED_ROOM = "shared_room"
    #: Somebody is connected with both.
    MUTUAL = "mutual"
    STRANGER = "stranger"


class ContactOutcome(IntEnum):
    """What becomes of an approach, the mildest first: of two, the greater holds."""

    ALLOW = 0
    ALLOW_WITH_NOTICE = 1
    REQUEST = 2
    HOLD = 3
    DENY = 4

    @property
    def word(self) -> str:
        return self.name.lower()


OUTCOMES = {outcome.word: outcome for outcome in ContactOutcome}


class SignalFamily(StrEnum):
    """The families of signals that detection raises."""

    FAN_OUT = "fan_out"
    REJECTION = "rejection"
    REPORTS = "reports"
    EVASION = "evasion"
    NETWORK = "network"


#: How many independent families must agree before anybody feels anything.
WATCH_FAMILIES = 2


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """All that a contact decision rests on. Times are hours, counts are of distinct accounts.

    ``account_age``: hours since the account that comes was first known. ``blocked``: the one who is asked blocks the
    other. ``limits``: for each rate limit of the policy, by id, how many were counted in its time.
    ``loosened``: the protections that the one who is asked has loosened.
    """

    direction: Direction
    from_band: AgeBand
    to_band: AgeBand
    relation: Relation
    blocked: bool = False
    from_assurance: Assurance = Assurance.NONE
    account_age: int = 0
    minor_refusals: int = 0
    minor_blocks: int = 0
    minors_asked: int = 0
    refused_before: int = 0
    verified_reports: int = 0
    mutual_connections: int = 0
    shared_rooms: int = 0
    remote: bool = False
    signals: frozenset[SignalFamily] = frozenset()
    loosened: frozenset[str] = frozenset()
    limits: tuple[tuple[str, int], ...] = ()

    @property
    def watched(self) -> bool:
        """Two independent families of signals agree (DESIGN.md: never one alone)."""
        return len(self.signals) >= WATCH_FAMILIES


@dataclass(frozen=True, slots=True)
class ContactDecision:
    """``reasons``: ids in the policy, that of the matrix's row first. ``hold_ms``: how long a hold lasts.

    ``notices``: for whom (``to`` or ``from``) and which.
    """

    outcome: ContactOutcome
    reasons: tuple[str, ...]
    notices: tuple[str, ...] = ()
    hold_ms: int = 0
    policy: str = field(default="")


@dataclass(frozen=True, slots=True)
class Approach:
    """``actor`` comes towards ``target``. ``room``: which it is about; may be empty."""

    actor: str
    target: str
    direction: Direction
    room: str = ""


@dataclass(frozen=True, slots=True)
class DecidedContact:
    """A decision as it is kept. ``facts``: what it rests on, sealed. ``hold_until``: 0 unless it is a hold."""

    decision_id: str
    decided_at: int
    approach: Approach
    outcome: ContactOutcome
    reasons: tuple[str, ...]
    notices: tuple[str, ...]
    hold_until: int
    policy: str
    facts: bytes = field(repr=False)


class RequestState(StrEnum):
    """``held``: nobody was told yet. ``waiting``: for the young person's answer. The others are ends."""

    HELD = "held"
    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    #: Denied: kept only to know what was hidden.
    DENIED = "denied"


OPEN_REQUESTS = (RequestState.HELD, RequestState.WAITING)


@dataclass(frozen=True, slots=True)
class ContactRequest:
    """An approach that was not delivered. ``due_at``: when a hold ends; ``expires_at``: when it ends unanswered."""

    request_id: str
    decision_id: str
    approach: Approach
    state: RequestState
    asked_at: int
    due_at: int
    expires_at: int
    refused_by_others: bool = False
    answered_at: int | None = None

    @property
    def notice(self) -> str:
        """The notice that tells of it."""
        return "request_refused_by_others" if self.refused_by_others else "request_waiting"
