"""What an examination of a live installation finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    #: Works, and tells or risks more than it has to.
    WARNING = "warning"
    #: Something that Nightlight promises does not hold.
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class DayCount:
    """How often something was not taken as it came, on one day. ``what``: a code of a refusal, or of a limit.

    ``day``: counted from 1970, UTC. ``last_at``: the last time, milliseconds since 1970.
    """

    day: int
    what: str
    count: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` is one sentence about how it is, ``mend`` what to do; empty where nothing is to be done."""

    level: Level
    part: str
    what: str
    mend: str = ""
