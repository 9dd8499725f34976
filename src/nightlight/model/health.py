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
class Finding:
    """``what`` is one sentence about how it is, ``mend`` what to do; empty where nothing is to be done."""

    level: Level
    part: str
    what: str
    mend: str = ""
