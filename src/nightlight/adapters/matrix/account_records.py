"""What Synapse has on record about an account of its own: for a referral, and read only then.

Synapse's admin interface: "Query User Account", "List all devices" and "Query current sessions for a user" (whois).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from nightlight.adapters.matrix.connection import Connection
from nightlight.errors import UnavailableError
from nightlight.model.account_record import AccountRecord, SeenAt

_ADMIN = "/_synapse/admin"
#: More devices and addresses than that help nobody, and a stranger decides how many there are.
_MOST = 100
_CHARS_MAX = 500


class SynapseAccountRecords:
    """Implements ``nightlight.ports.AccountRecords``. ``server_name``: only its accounts are asked about."""

    def __init__(self, connection: Connection, server_name: str) -> None:
        self._connection = connection
        self._server_name = server_name

    def record(self, account: str) -> AccountRecord | None:
        """None for accounts of other servers and for those that Synapse does not know."""
        if not account.startswith("@") or account.partition(":")[2] != self._server_name:
            return None
        user = self._asked(f"/v2/users/{_q(account)}")
        if user is None:
            return None
        devices = self._asked(f"/v2/users/{_q(account)}/devices") or {}
        whois = self._asked(f"/v1/whois/{_q(account)}") or {}
        created = user.get("creation_ts")
        return AccountRecord(
            account=account,
            # Seconds in some versions, milliseconds in others.
            created_at=_milliseconds(created) if isinstance(created, int) and created > 0 else None,
            display_name=_text(user.get("displayname")),
            emails=_addresses(user, "email"),
            phones=_addresses(user, "msisdn"),
            devices=tuple(
                device_id for one in _objects(devices.get("devices")) if (device_id := _text(one.get("device_id")))
            ),
            seen=tuple(_newest(_connections(whois))),
            deactivated=user.get("deactivated") is True,
        )

    def _asked(self, path: str) -> dict[str, Any] | None:
        answer = self._connection.as_admin("GET", _ADMIN + path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise UnavailableError(
                "homeserver_nonsense", f"The homeserver does not serve account records (status {answer.status})."
            )
        return answer.body


def _addresses(user: dict[str, Any], medium: str) -> tuple[str, ...]:
    found = (_text(one.get("address")) for one in _objects(user.get("threepids")) if one.get("medium") == medium)
    return tuple(dict.fromkeys(address for address in found if address))


def _connections(whois: dict[str, Any]) -> Iterator[SeenAt]:
    devices = whois.get("devices")
    for device_id, device in devices.items() if isinstance(devices, dict) else ():
        for session in _objects(device.get("sessions") if isinstance(device, dict) else None):
            for connection in _objects(session.get("connections")):
                at, ip = connection.get("last_seen"), _text(connection.get("ip"))
                if ip and isinstance(at, int) and not isinstance(at, bool) and at >= 0:
                    yield SeenAt(ip, at, _text(device_id))


def _newest(seen: Iterator[SeenAt]) -> list[SeenAt]:
    """The newest sight of each address on each device."""
    latest: dict[tuple[str, str], SeenAt] = {}
    for one in seen:
        known = latest.get((one.ip, one.device_id))
        if known is None or one.at > known.at:
            latest[one.ip, one.device_id] = one
    return sorted(latest.values(), key=lambda one: (-one.at, one.ip, one.device_id))[:_MOST]


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)][:_MOST] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value[:_CHARS_MAX] if isinstance(value, str) else ""


def _milliseconds(created: int) -> int:
    return created if created > 100_000_000_000 else created * 1000


def _q(text: str) -> str:
    return quote(text, safe="")
