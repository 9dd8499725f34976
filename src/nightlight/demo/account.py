"""Somebody on the homeserver, over plain requests: what any client sends, and what it is shown."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import Any
from urllib.parse import quote

import httpx

from nightlight.demo.loopback import NO_TLS
from nightlight.demo.synapse import Synapse
from nightlight.errors import UnavailableError

#: So that a room is encrypted from its first moment.
ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


def quoted(text: str) -> str:
    """As a segment of a path."""
    return quote(text, safe="")


class Account:
    """One account. Make one with ``registered``, end it with ``depart``."""

    def __init__(self, homeserver_url: str, user_id: str, access_token: str, password: str) -> None:
        self.user_id = user_id
        self.access_token = access_token
        self.password = password
        self._turn = itertools.count(1)
        self._http = httpx.AsyncClient(
            base_url=homeserver_url,
            headers={"Authorization": f"Bearer {access_token}"},
            timeout=30,
            trust_env=False,
            verify=NO_TLS,
        )

    async def depart(self) -> None:
        await self._http.aclose()

    async def send_request(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One request to the client-server API, v3, and whatever comes back."""
        return await self._http.request(method, f"/_matrix/client/v3{path}", json=body)

    async def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request that is expected to succeed; ``UnavailableError`` otherwise."""
        answer = await self.send_request(method, path, body)
        if answer.status_code != 200:
            raise UnavailableError("homeserver", f"{self.user_id} {method}: {answer.status_code} {answer.text[:200]}")
        value: dict[str, Any] = answer.json()
        return value

    async def make_room(self, *invited: str, direct: bool = True) -> str:
        """A private, encrypted room; returns its id."""
        body = {
            "preset": "private_chat",
            "invite": list(invited),
            "is_direct": direct,
            "initial_state": [ENCRYPTION],
        }
        room_id: str = (await self.request("POST", "/createRoom", body))["room_id"]
        return room_id

    async def invite(self, room_id: str, account: str) -> httpx.Response:
        """The homeserver's answer; ``UnavailableError`` unless it is 200."""
        answer = await self.send_request("POST", f"/rooms/{quoted(room_id)}/invite", {"user_id": account})
        if answer.status_code != 200:
            raise UnavailableError("homeserver", f"{self.user_id} invites: {answer.status_code} {answer.text[:200]}")
        return answer

    async def join(self, room_id: str) -> None:
        await self.request("POST", f"/join/{quoted(room_id)}", {})

    async def leave(self, room_id: str) -> None:
        await self.request("POST", f"/rooms/{quoted(room_id)}/leave", {})

    async def membership(self, room_id: str, account: str) -> str:
        """How this account is shown another one's membership in a room."""
        state = await self.request("GET", f"/rooms/{quoted(room_id)}/state/m.room.member/{quoted(account)}")
        return str(state["membership"])

    async def invitations(self) -> list[str]:
        """The rooms in which a fresh app shows an invitation."""
        # Synapse remembers the answer to a first sync for two minutes; another timeout is another question.
        answer = await self.request("GET", f"/sync?timeout={next(self._turn)}")
        return sorted(answer.get("rooms", {}).get("invite", {}))

    async def joined(self) -> list[str]:
        rooms: list[str] = (await self.request("GET", "/joined_rooms"))["joined_rooms"]
        return rooms

    async def set_name(self, name: str) -> None:
        """The name that others are shown."""
        await self.request("PUT", f"/profile/{quoted(self.user_id)}/displayname", {"displayname": name})

    async def finds(self, name: str) -> list[str]:
        """The accounts that the directory shows this one for a name."""
        answer = await self.request("POST", "/user_directory/search", {"search_term": name})
        return [one["user_id"] for one in answer["results"]]

    async def notices(self) -> list[str]:
        """Unencrypted texts in every room this account is in: where server notices arrive."""
        histories = await asyncio.gather(*(self.history(room_id) for room_id in await self.joined()))
        return [raw["content"]["body"] for history in histories for raw in history if "body" in raw["content"]]

    async def history(self, room_id: str) -> list[dict[str, Any]]:
        """The newest events of a room as the homeserver gives them, oldest first."""
        answer = await self.request("GET", f"/rooms/{quoted(room_id)}/messages?dir=b&limit=200")
        chunk: list[dict[str, Any]] = answer["chunk"]
        return chunk[::-1]

    async def openid_token(self) -> str:
        """A Matrix OpenID token."""
        answer = await self.request("POST", f"/user/{quoted(self.user_id)}/openid/request_token", {})
        token: str = answer["access_token"]
        return token

    async def report_with_matrix(self, room_id: str, event_id: str, reason: str) -> None:
        """The app's own report button (Matrix client-server API, "Reporting content")."""
        path = f"/rooms/{quoted(room_id)}/report/{quoted(event_id)}"
        await self.request("POST", path, {"reason": reason, "score": -100})

    async def report_account(self, account: str, reason: str) -> None:
        await self.request("POST", f"/users/{quoted(account)}/report", {"reason": reason})

    async def redact(self, room_id: str, event_id: str) -> None:
        path = f"/rooms/{quoted(room_id)}/redact/{quoted(event_id)}/{secrets.token_hex(6)}"
        await self.request("PUT", path, {})

    async def raw_event(self, room_id: str, event_id: str) -> dict[str, Any]:
        """The event as the homeserver gives it to clients: ciphertext."""
        return await self.request("GET", f"/rooms/{quoted(room_id)}/event/{quoted(event_id)}")

    async def can_send(self, room_id: str) -> bool:
        """Whether the homeserver still takes messages from this account."""
        path = f"/rooms/{quoted(room_id)}/send/m.room.encrypted/{secrets.token_hex(6)}"
        return (await self.send_request("PUT", path, {"algorithm": "probe"})).status_code == 200

    async def can_sync(self) -> bool:
        """Whether the homeserver still accepts this device."""
        return (await self.send_request("GET", "/account/whoami")).status_code == 200

    async def can_download(self, mxc: str) -> bool:
        """Whether the file at that ``mxc://`` address can still be fetched."""
        path = f"/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
        return (await self._http.get(path)).status_code == 200


async def registered(synapse: Synapse, name: str) -> Account:
    """A new account."""
    password = secrets.token_urlsafe(12)
    token = await asyncio.to_thread(synapse.register, name, password)
    return Account(synapse.base_url, f"@{name}:{synapse.server_name}", token, password)
