"""Who lives in the town, and in which ways some of them do harm."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Role(IntEnum):
    ADULT = 0
    PARENT = 1
    CHILD = 2
    BUSY_TEENAGER = 3
    TEACHER = 4
    COACH = 5
    SHOP = 6
    SPAMMER = 7
    STAFF = 8
    HARMFUL = 9


class Strategy(StrEnum):
    """Behaviour of metadata only: who asks whom, when, from which device."""

    NONE = ""
    MASS_ASKER = "mass_asker"
    SLOW_ASKER = "slow_asker"
    ROOM_GOER = "room_goer"
    BAN_EVADER = "ban_evader"
    RING = "ring"
    FALSE_AGE = "false_age"


STRATEGIES = tuple(Strategy)
RING_SIZE = 4
