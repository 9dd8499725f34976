"""What the flows need from the world, as Protocols. Adapters and the store fill them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class HomeserverReport:
    """A report made with Matrix's own report call, as the homeserver lists it.

    ``number`` grows; ``room_id`` and ``event_id`` are None for a report about an account (``target``).
    """

    number: int
    received_at: int
    reporter: str
    reason: str
    room_id: str | None
    event_id: str | None
    target: str | None


class Homeserver(Protocol):
    """The homeserver as Nightlight uses it.

    Every method raises ``UnavailableError`` when the homeserver does not answer or answers nonsense.
    """

    def whois(self, openid_token: str) -> str:
        """The account that the OpenID token was issued to; ``RefusedError('invalid_token')`` if none."""

    def fetch_event(self, event_id: str) -> dict[str, Any] | None:
        """The signed event in federation format, or None. Encrypted content stays encrypted."""

    def membership_at(self, room_id: str, event_id: str, account: str) -> str | None:
        """The account's membership in the room's state at that event (``join``, ``invite`` …), or None."""

    def membership_now(self, room_id: str, account: str) -> str | None:
        """The account's present membership in the room, or None."""

    def event_reports_after(self, number: int) -> list[HomeserverReport]:
        """Reports of messages with a greater number, ascending."""

    def user_reports_after(self, number: int) -> list[HomeserverReport]:
        """Reports of accounts with a greater number, ascending."""

    def send_notice(self, account: str, text: str, key: str) -> None:
        """Sends a server notice. ``key`` makes it idempotent."""

    def suspend(self, account: str) -> None: ...

    def lock(self, account: str) -> None: ...

    def deactivate(self, account: str) -> None: ...

    def redact(self, room_id: str, event_id: str, reason: str) -> None:
        """Redacts exactly this event; done already counts as done."""

    def quarantine(self, mxc: str) -> None:
        """Quarantines one media file by its ``mxc://server/id`` address."""


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970, UTC."""
