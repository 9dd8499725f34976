"""The key that everything kept of one case is encrypted under, as it is stored: wrapped, or shredded."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CaseKey:
    """``case_id``: of the case, or of a report for as long as it waits without one.

    ``wrapped``: the key under the master key ``key_name``; None from the moment ``shredded_at`` on, for good.
    Times in milliseconds since 1970, UTC.
    """

    case_id: str
    wrapped: bytes | None = field(repr=False)
    key_name: str
    made_at: int
    shredded_at: int | None = None
