"""What a person's own page knows of them, beside what prevention knows."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preference:
    """``language``: of notices and of the page; ``country``: whose helplines. Empty: as the installation has it."""

    language: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """A notice that a messenger's own client has still to show."""

    notice_id: str
    notice: str
    language: str
    told_at: int


@dataclass(frozen=True, slots=True)
class BlockedName:
    """Whom somebody blocks: ``other`` is the keyed number, the name is sealed."""

    other: int
    blocked_at: int
    sealed: bytes = field(repr=False)
