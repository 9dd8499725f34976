"""What an event changes between accounts. The same events give the same relations, in whatever order they arrive."""

from __future__ import annotations

from collections.abc import Iterator

from nightlight.model.contact import OUTCOMES
from nightlight.model.event import Event, EventKind
from nightlight.model.relation import Statement, Tie

#: Ties for which, of two statements of the same instant, the one that ends it holds: the more careful reading.
ENDING_WINS = frozenset(
    {Tie.CONNECTED, Tie.LOOSENED, Tie.IN_ROOM, Tie.MEMBER, Tie.HAS_NUMBER_OF, Tie.PRIVATE, Tie.PROVEN_BY, Tie.PUBLIC}
)
#: Of which the earliest time counts, not the latest.
EARLIEST_COUNTS = frozenset({Tie.KNOWN_SINCE, Tie.WROTE_TO, Tie.WROTE_IN})
#: Nightlight's own statements, which it makes in order; their time is an end, not a beginning.
LATEST_SAID_COUNTS = frozenset({Tie.SIGNAL})
#: Kinds that say nothing about how long their actor has been there: a person of the safety team, or a time that is not
#: that of the deed.
ABOUT_OTHERS = frozenset({EventKind.DECISION_MADE, EventKind.REPORT_DISMISSED})


#: Kinds that say that their actor is there, and nothing else.
SAY_NO_MORE = frozenset({EventKind.ACCOUNT_CREATED, EventKind.VOLUME, EventKind.REPORT_MADE, EventKind.DECISION_MADE})


def statements(event: Event) -> Iterator[Statement]:
    """The statements that the event makes."""
    if event.kind not in ABOUT_OTHERS:
        yield Statement(event.actor, Tie.KNOWN_SINCE, event.actor, event.at)
    if event.kind not in SAY_NO_MORE:
        yield from further_statements(event)


def further_statements(event: Event) -> Iterator[Statement]:
    """Those but the one that the actor is there."""
    actor, target, room, at = event.actor, event.target, event.room, event.at
    match event.kind:
        case EventKind.CONTACT_REQUESTED:
            yield Statement(actor, Tie.ASKED, target, at)
        case EventKind.CONTACT_ACCEPTED:
            # The actor accepts what the target asked. Only one to one makes a connection; a room with others does not.
            yield Statement(target, Tie.ASKED, actor, at, holds=False)
            if event.fields.get("via", "direct") == "direct":
                yield from _connected(actor, target, at, holds=True)
        case EventKind.CONTACT_DECLINED:
            yield Statement(target, Tie.ASKED, actor, at, holds=False)
            yield Statement(target, Tie.REFUSED_BY, actor, at)
        case EventKind.CONTACT_WITHDRAWN:
            yield Statement(actor, Tie.ASKED, target, at, holds=False)
        case EventKind.CONTACT_REMOVED:
            yield from _connected(actor, target, at, holds=False)
        case EventKind.CONTACT_BLOCKED | EventKind.CONTACT_UNBLOCKED:
            blocks = event.kind is EventKind.CONTACT_BLOCKED
            yield Statement(actor, Tie.BLOCKS, target, at, blocks)
            yield Statement(target, Tie.BLOCKED_BY, actor, at, blocks)
            if blocks:
                yield from _connected(actor, target, at, holds=False)
        case EventKind.ACCOUNT_DEVICE:
            yield Statement(actor, Tie.DEVICE_IS, str(event.fields["device"]), at)
        case EventKind.ACCOUNT_BANNED | EventKind.ACCOUNT_UNBANNED:
            yield Statement(actor, Tie.BANNED, actor, at, event.kind is EventKind.ACCOUNT_BANNED)
        case EventKind.ACCOUNT_NUMBER:
            number = str(event.fields["number"])
            yield Statement(actor, Tie.NUMBER_IS, number, at)
            yield Statement(number, Tie.NUMBER_OF, actor, at)
        case EventKind.ADDRESS_BOOK_ADDED | EventKind.ADDRESS_BOOK_REMOVED:
            added = event.kind is EventKind.ADDRESS_BOOK_ADDED
            yield Statement(actor, Tie.HAS_NUMBER_OF, str(event.fields["number"]), at, added)
        case EventKind.FIRST_MESSAGE:
            yield Statement(actor, Tie.WROTE_IN, room, at)
            if target:
                yield Statement(actor, Tie.WROTE_TO, target, at)
        case EventKind.ROOM_CREATED | EventKind.ROOM_CHANGED:
            if event.kind is EventKind.ROOM_CREATED:
                yield Statement(actor, Tie.MADE_ROOM, room, at)
                yield Statement(room, Tie.MADE_ROOM, actor, at)
            if "visibility" in event.fields:
                private = event.fields["visibility"] == "private"
                yield Statement(room, Tie.PRIVATE, room, at, private)
                yield Statement(room, Tie.PUBLIC, room, at, not private)
        case EventKind.ROOM_JOINED | EventKind.ROOM_LEFT:
            joined = event.kind is EventKind.ROOM_JOINED
            yield Statement(actor, Tie.IN_ROOM, room, at, joined)
            yield Statement(room, Tie.MEMBER, actor, at, joined)
        case EventKind.REPORT_VERIFIED:
            yield Statement(target, Tie.PROVEN_BY, actor, at)
        case EventKind.REPORT_DISMISSED:
            yield Statement(target, Tie.PROVEN_BY, actor, at, holds=False)
        case EventKind.SIGNAL_RAISED:
            yield Statement(actor, Tie.SIGNAL, str(event.fields["family"]), int(event.fields["until"]))
        case EventKind.SIGNAL_CLEARED:
            yield Statement(actor, Tie.SIGNAL, str(event.fields["family"]), at, holds=False)
        case EventKind.PROTECTION_LOOSENED | EventKind.PROTECTION_RESTORED:
            loosened = event.kind is EventKind.PROTECTION_LOOSENED
            yield Statement(actor, Tie.LOOSENED, str(event.fields["protection"]), at, loosened)


def decided(outcome: str) -> Tie:
    """The tie that remembers a decision with this outcome."""
    return Tie(Tie.DECIDED_ALLOW + OUTCOMES[outcome])


def supersedes(tie: Tie, new_at: int, new_holds: bool, old_at: int, old_holds: bool) -> bool:
    """Whether a statement takes the place of an older one about the same two and the same tie."""
    if tie in EARLIEST_COUNTS:
        return new_at < old_at
    if tie in LATEST_SAID_COUNTS:
        return True
    if new_at != old_at:
        return new_at > old_at
    return new_holds != old_holds and new_holds is (tie not in ENDING_WINS)


def _connected(one: str, other: str, at: int, *, holds: bool) -> Iterator[Statement]:
    yield Statement(one, Tie.CONNECTED, other, at, holds)
    yield Statement(other, Tie.CONNECTED, one, at, holds)
