"""What was understood of a file, column by column, and what it says: told to a person before any figure is."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.insight.caveats import Caveat
from nightlight.insight.offences import Offences


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """``header``: as it stands in the file. ``role``: what it was taken for. ``words``: why, and with what in it."""

    header: str
    role: str
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One file. ``sha256``: of its bytes, so that somebody else can say that they have the same one."""

    name: str
    sha256: str
    rows: int
    columns: tuple[ReadColumn, ...]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What all files together say."""

    offences: Offences
    readings: tuple[Reading, ...]
