"""What the reporter's own computer asks for: the encrypted event, and a sign-in proof for Nightlight.

Runs beside the reporter, with the reporter's access token, which goes to the reporter's homeserver and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.stored_event import MESSAGE_TYPES

_BYTES_MAX = 2**20


class ReporterClient:
    """The client-server API of one homeserver for one account."""

    def __init__(self, homeserver_url: str, access_token: str) -> None:
        self._http = httpx.Client(
            base_url=homeserver_url.rstrip("/"),
            headers={"Authorization": f"Bearer {access_token}"},
            timeout=30,
            follow_redirects=False,
        )

    def find_event(self, event_id: str, rooms: Iterable[str]) -> dict[str, Any]:
        """The event in the first of ``rooms`` that has it; ``RefusedError('event_not_found')`` if none does."""
        for room_id in rooms:
            path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/event/{quote(event_id, safe='')}"
            status, body = self._call("GET", path)
            if status == 200:
                return {**body, "room_id": body.get("room_id", room_id)}
            if status == 401:
                raise _signed_out()
        raise RefusedError(
            "event_not_found",
            f"Your homeserver does not show {event_id} in any room that was looked at.",
            "Check the event id, and name the room with --room.",
        )

    def around(self, event_id: str, room_id: str, count: int) -> list[dict[str, Any]]:
        """Up to ``count`` messages before and as many after the event, in the room's order.

        Matrix client-server API, "GET /rooms/{roomId}/context/{eventId}": what the account may see, and no more.
        """
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/context/{quote(event_id, safe='')}"
        only = quote(json.dumps({"types": list(MESSAGE_TYPES)}), safe="")
        status, body = self._call("GET", f"{path}?limit={2 * count}&filter={only}")
        if status == 401:
            raise _signed_out()
        before, after = body.get("events_before"), body.get("events_after")
        if status != 200 or not isinstance(before, list) or not isinstance(after, list):
            raise UnavailableError("homeserver_nonsense", f"Your homeserver shows nothing around it (HTTP {status}).")
        near = [*before[:count][::-1], *after[:count]]
        return [
            {**event, "room_id": room_id}
            for event in near
            if isinstance(event, dict)
            and isinstance(event.get("event_id"), str)
            and isinstance(event.get("type"), str)
            and isinstance(event.get("content"), dict)
            and event["content"]
        ]

    def openid_token(self) -> str:
        """A Matrix OpenID token: proves to Nightlight who is reporting, and can do nothing else."""
        status, body = self._call("GET", "/_matrix/client/v3/account/whoami")
        if status != 200 or not isinstance(body.get("user_id"), str):
            raise _signed_out()
        path = f"/_matrix/client/v3/user/{quote(body['user_id'], safe='')}/openid/request_token"
        status, body = self._call("POST", path, {})
        if status != 200 or not isinstance(body.get("access_token"), str):
            raise UnavailableError("no_openid_token", f"The homeserver gave no OpenID token (HTTP {status}).")
        token: str = body["access_token"]
        return token

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        try:
            answer = self._http.request(method, path, json=body)
            value = answer.json() if len(answer.content) <= _BYTES_MAX else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
            raise UnavailableError(
                "homeserver_unreachable", f"Your homeserver does not answer: {type(e).__name__}."
            ) from None
        return answer.status_code, value if isinstance(value, dict) else {}


def send_report(nightlight_url: str, openid_token: str, report: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Sends a finished report and returns the receipt. ``key``: Idempotency-Key."""
    try:
        answer = httpx.post(
            f"{nightlight_url.rstrip('/')}/v1/reports",
            json=report,
            headers={"Authorization": f"Bearer {openid_token}", "Idempotency-Key": key},
            timeout=60,
            follow_redirects=False,
        )
        value = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
        raise UnavailableError(
            "nightlight_unreachable", f"Nightlight does not answer ({type(e).__name__}). Run the same command again."
        ) from None
    if answer.status_code >= 500:
        raise UnavailableError("nightlight_unreachable", str(value.get("detail", "Nightlight cannot take it now.")))
    if answer.status_code >= 400:
        raise RefusedError(
            str(value.get("code", "refused")),
            str(value.get("detail", "The report was refused.")),
            str(value.get("hint", "")),
        )
    return dict(value)


def _signed_out() -> RefusedError:
    return RefusedError(
        "access_token", "Your homeserver does not accept this access token.", "Copy it again from your app's settings."
    )
