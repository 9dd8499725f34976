"""What events say about two accounts, as single statements that hold, or no longer hold, since a time."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

DAY_MS = 24 * 3_600_000


class Tie(IntEnum):
    """Kinds of statement. The numbers are stored: they never change their meaning."""

    #: Both accepted contact. Stands in both directions.
    CONNECTED = 1
    #: ``one`` asked ``other`` and has no answer yet.
    ASKED = 2
    #: ``one`` was declined by ``other``.
    REFUSED_BY = 3
    #: ``one`` is blocked by ``other``; and the same seen from the other side.
    BLOCKED_BY = 4
    BLOCKS = 5
    #: ``one``'s address book holds the number ``other``; ``one`` is the account with the number ``other``, and back.
    HAS_NUMBER_OF = 6
    NUMBER_IS = 7
    NUMBER_OF = 8
    #: ``one`` is in the room ``other``; the room ``one`` has the member ``other``.
    IN_ROOM = 9
    MEMBER = 10
    #: The room ``one`` is surely private: only those who are invited enter.
    PRIVATE = 11
    #: ``one`` made the room ``other``.
    MADE_ROOM = 12
    #: Since when the account is known.
    KNOWN_SINCE = 13
    #: ``one`` was reported with proof by ``other``.
    PROVEN_BY = 14
    #: ``one`` wrote to ``other`` for the first time; and in the room ``other``.
    WROTE_TO = 15
    WROTE_IN = 16
    #: ``one`` was used on the device ``other``.
    DEVICE_IS = 17
    #: The room ``one`` is surely public: anybody may enter.
    PUBLIC = 18
    #: ``one`` is banned.
    BANNED = 19
    #: The last decision about ``one`` coming towards ``other``, a kind for each outcome.
    DECIDED_ALLOW = 20
    DECIDED_ALLOW_WITH_NOTICE = 21
    DECIDED_REQUEST = 22
    DECIDED_HOLD = 23
    DECIDED_DENY = 24
    #: A signal of the family number ``other`` is active about ``one`` until the time.
    SIGNAL = 30
    #: ``one`` has loosened the protection whose name's key is ``other``.
    LOOSENED = 31
    #: ``one`` was last sent the notice whose name's number is ``other``.
    TOLD = 32
    #: The device, number or private room ``one`` had the account ``other`` when that one was banned, or since.
    BANNED_WITH = 33
    #: Everything about ``one`` was removed; kept only until every process has heard of it.
    FORGOTTEN = 40


#: How long a statement is kept after it was last true or last said, milliseconds; None: until it ends.
#: Source: docs/events.md; a proposal of this project, unvalidated, in the range of 30 to 90 days where nothing is asked
#: for longer.
LIFETIME: dict[Tie, int | None] = {
    Tie.CONNECTED: None,
    Tie.ASKED: 90 * DAY_MS,
    Tie.REFUSED_BY: 365 * DAY_MS,
    Tie.BLOCKED_BY: None,
    Tie.BLOCKS: None,
    Tie.HAS_NUMBER_OF: 180 * DAY_MS,
    Tie.NUMBER_IS: None,
    Tie.NUMBER_OF: None,
    Tie.IN_ROOM: None,
    Tie.MEMBER: None,
    Tie.PRIVATE: None,
    Tie.MADE_ROOM: None,
    Tie.KNOWN_SINCE: None,
    Tie.PROVEN_BY: 365 * DAY_MS,
    Tie.WROTE_TO: 365 * DAY_MS,
    Tie.WROTE_IN: 365 * DAY_MS,
    Tie.DEVICE_IS: 90 * DAY_MS,
    Tie.PUBLIC: None,
    Tie.BANNED: None,
    Tie.DECIDED_ALLOW: 30 * DAY_MS,
    Tie.DECIDED_ALLOW_WITH_NOTICE: 30 * DAY_MS,
    Tie.DECIDED_REQUEST: 30 * DAY_MS,
    Tie.DECIDED_HOLD: 30 * DAY_MS,
    Tie.DECIDED_DENY: 30 * DAY_MS,
    Tie.SIGNAL: 0,
    Tie.LOOSENED: None,
    Tie.TOLD: 30 * DAY_MS,
    Tie.BANNED_WITH: 90 * DAY_MS,
    #: Goes when everybody who follows has heard of it (store/relations.py).
    Tie.FORGOTTEN: DAY_MS,
}
#: A statement that ended is remembered this long, so that an older event that arrives late does not bring it back.
ENDED_MS = 30 * DAY_MS


class Statement(NamedTuple):
    """``one`` and ``other``: names of accounts, rooms or numbers. ``holds`` since ``at``, milliseconds since 1970."""

    one: str
    tie: Tie
    other: str
    at: int
    holds: bool = True


class NumberedStatement(NamedTuple):
    """A statement between keyed numbers, as it is stored."""

    one: int
    tie: Tie
    other: int
    at: int
    holds: bool = True
