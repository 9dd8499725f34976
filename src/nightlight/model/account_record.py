"""What a homeserver has on record about one of its own accounts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SeenAt:
    """An internet address from which the account was last used. ``at``: milliseconds since 1970, UTC."""

    ip: str = field(repr=False)
    at: int
    device_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """Times in milliseconds since 1970, UTC. ``emails`` and ``phones``: confirmed ones; ``devices``: ids.

    ``deactivated``: whether nobody can sign in any more; when that was is not on record.
    """

    account: str
    created_at: int | None
    display_name: str = field(repr=False)
    emails: tuple[str, ...] = field(repr=False)
    phones: tuple[str, ...] = field(repr=False)
    devices: tuple[str, ...] = field(repr=False)
    seen: tuple[SeenAt, ...] = field(repr=False)
    deactivated: bool
