"""A file in the evidence vault, as it is kept for one case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptFile:
    """``sha256``: of the file as it came from the homeserver, which is encrypted. Times in milliseconds since 1970.

    ``damage``: the code of what the last check found wrong, or None. ``checked_at``: None before the first check.
    """

    case_id: str
    sha256: bytes
    kept_at: int
    next_check_at: int
    checked_at: int | None = None
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class VaultCounts:
    """``unchecked``: files that no check has read yet. ``oldest_check_at``: None where there is none."""

    files: int
    unchecked: int
    damaged: int
    oldest_check_at: int | None


@dataclass(frozen=True, slots=True)
class ClearCounts:
    """Rows that still hold something in the clear, from before there were keys of cases."""

    reports: int
    events: int
    referrals: int

    @property
    def all(self) -> int:
        return self.reports + self.events + self.referrals
