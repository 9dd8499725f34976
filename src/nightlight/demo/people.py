"""People with a real Matrix client (matrix-nio) that really encrypts, by vodozemac."""

from __future__ import annotations

import io
import logging
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from nio import AsyncClient, AsyncClientConfig
from nio.events.room_events import MegolmEvent, RoomEncryptedImage, RoomMessage
from nio.responses import ErrorResponse

from nightlight.demo.synapse import Synapse
from nightlight.errors import UnavailableError

_DEVICE_WAIT_TURNS = 40

# The client tells a person at a terminal about every device it meets for the first time.
logging.getLogger("nio").setLevel(logging.ERROR)


class Person:
    """One account on one device. Make one with ``arrive``, end it with ``depart``."""

    def __init__(self, client: AsyncClient, access_token: str, password: str) -> None:
        self.client = client
        self.user_id: str = client.user_id
        self.access_token = access_token
        self.password = password
        self._http = httpx.AsyncClient(
            base_url=client.homeserver,
            headers={"Authorization": f"Bearer {access_token}"},
            timeout=30,
            trust_env=False,
        )

    @classmethod
    async def arrive(cls, synapse: Synapse, name: str, folder: Path) -> Person:
        """Registers ``name``, signs in with a fresh device and uploads its keys. Keys are kept in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        password = secrets.token_urlsafe(12)
        synapse.register(name, password)
        config = AsyncClientConfig(
            encryption_enabled=True, store_sync_tokens=True, max_limit_exceeded=5, max_timeouts=5
        )
        client = AsyncClient(synapse.base_url, f"@{name}:{synapse.server_name}", store_path=str(folder), config=config)
        answer = _done(await client.login(password, device_name=f"{name}'s device"), "sign in")
        person = cls(client, answer.access_token, password)
        await person.sync()
        return person

    async def depart(self) -> None:
        await self._http.aclose()
        await self.client.close()

    async def sync(self) -> None:
        """Catches up with the server, and does the chores of an encrypting client."""
        _done(await self.client.sync(timeout=0, full_state=False), "sync")
        if self.client.should_upload_keys:
            _done(await self.client.keys_upload(), "upload keys")
        if self.client.should_query_keys:
            _done(await self.client.keys_query(), "query keys")

    async def create_encrypted_room(self, invitees: list[str]) -> str:
        """A private, encrypted room; returns its id."""
        encryption = {
            "type": "m.room.encryption",
            "state_key": "",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        answer = await self.client.room_create(invite=invitees, is_direct=True, initial_state=[encryption])
        room_id: str = _done(answer, "create a room").room_id
        await self.sync()
        return room_id

    async def invite(self, room_id: str, account: str) -> None:
        await self.request("POST", f"/rooms/{_q(room_id)}/invite", {"user_id": account})

    async def join(self, room_id: str) -> None:
        _done(await self.client.join(room_id), "join a room")
        await self.sync()

    async def leave(self, room_id: str) -> None:
        await self.request("POST", f"/rooms/{_q(room_id)}/leave", {})

    async def say(self, room_id: str, text: str) -> str:
        """Sends an encrypted text; returns its event id."""
        return await self.send(room_id, {"msgtype": "m.text", "body": text})

    async def send(self, room_id: str, content: dict[str, Any]) -> str:
        """Sends any encrypted message content; returns the event id."""
        await self._know_everybody(room_id)
        answer = await self.client.room_send(room_id, "m.room.message", content, ignore_unverified_devices=True)
        event_id: str = _done(answer, "send a message").event_id
        return event_id

    async def send_picture(self, room_id: str, png: bytes) -> tuple[str, str]:
        """Uploads an encrypted picture and sends it; returns the event id and the ``mxc://`` address."""
        answer, keys = await self.client.upload(
            lambda *_: io.BytesIO(png), "image/png", "shape.png", encrypt=True, filesize=len(png)
        )
        url = _done(answer, "upload a picture").content_uri
        file = {**keys, "url": url, "mimetype": "image/png"}
        info = {"mimetype": "image/png", "size": len(png)}
        content = {"msgtype": "m.image", "body": "shape.png", "file": file, "info": info}
        return await self.send(room_id, content), url

    async def decrypted(self, room_id: str) -> list[tuple[str, str, str]]:
        """What this person's app shows: event id, sender and text of every message it can read, oldest first."""
        shown = []
        for raw in await self._history(room_id):
            event = await self._open(room_id, raw)
            if isinstance(event, RoomMessage | RoomEncryptedImage):
                shown.append((event.event_id, event.sender, str(getattr(event, "body", ""))))
        return shown

    async def openid_token(self) -> str:
        """A Matrix OpenID token."""
        answer = await self.request("POST", f"/user/{_q(self.user_id)}/openid/request_token", {})
        token: str = answer["access_token"]
        return token

    async def export_keys(self, path: Path, passphrase: str) -> None:
        """The app's "Export room keys"."""
        await self.client.export_keys(str(path), passphrase, count=1000)

    def session_export(self, room_id: str, session_id: str, index: int) -> str:
        """The session from message ``index`` on, as base64: what a key file holds for it."""
        for session in self.client.olm.inbound_group_store:
            if session.room_id == room_id and session.id == session_id:
                exported: str = session.export_session(index)
                return exported
        raise KeyError(session_id)

    async def report_with_matrix(self, room_id: str, event_id: str, reason: str) -> None:
        """The app's own report button (Matrix client-server API, "Reporting content")."""
        await self.request("POST", f"/rooms/{_q(room_id)}/report/{_q(event_id)}", {"reason": reason, "score": -100})

    async def report_account(self, account: str, reason: str) -> None:
        await self.request("POST", f"/users/{_q(account)}/report", {"reason": reason})

    async def redact(self, room_id: str, event_id: str) -> None:
        path = f"/rooms/{_q(room_id)}/redact/{_q(event_id)}/{secrets.token_hex(6)}"
        await self.request("PUT", path, {})

    async def raw_event(self, room_id: str, event_id: str) -> dict[str, Any]:
        """The event as the homeserver gives it to clients: ciphertext."""
        return await self.request("GET", f"/rooms/{_q(room_id)}/event/{_q(event_id)}")

    async def can_send(self, room_id: str) -> bool:
        """Whether the homeserver still takes messages from this account."""
        path = f"/rooms/{_q(room_id)}/send/m.room.encrypted/{secrets.token_hex(6)}"
        return (await self._http.put(f"/_matrix/client/v3{path}", json={"algorithm": "probe"})).status_code == 200

    async def can_sync(self) -> bool:
        """Whether the homeserver still accepts this device."""
        return (await self._http.get("/_matrix/client/v3/account/whoami")).status_code == 200

    async def can_download(self, mxc: str) -> bool:
        """Whether the file at that ``mxc://`` address can still be fetched."""
        path = f"/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
        return (await self._http.get(path)).status_code == 200

    async def notices(self) -> list[str]:
        """Unencrypted texts in every room this person is in: where server notices arrive."""
        await self.sync()
        texts = []
        for room_id in (await self.request("GET", "/joined_rooms"))["joined_rooms"]:
            history = await self._history(room_id)
            texts += [raw["content"]["body"] for raw in history if "body" in raw["content"]]
        return texts

    async def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request to the client-server API, v3."""
        answer = await self._http.request(method, f"/_matrix/client/v3{path}", json=body)
        if answer.status_code != 200:
            raise UnavailableError("homeserver", f"{self.user_id} {method}: {answer.status_code} {answer.text[:200]}")
        value: dict[str, Any] = answer.json()
        return value

    async def _history(self, room_id: str) -> list[dict[str, Any]]:
        answer = await self.request("GET", f"/rooms/{_q(room_id)}/messages?dir=b&limit=200")
        chunk: list[dict[str, Any]] = answer["chunk"]
        return chunk[::-1]

    async def _open(self, room_id: str, raw: dict[str, Any]) -> Any:
        if raw["type"] != "m.room.encrypted" or "ciphertext" not in raw["content"]:
            return None
        event = MegolmEvent.from_dict({**raw, "room_id": room_id})
        return self.client.decrypt_event(event)

    async def _know_everybody(self, room_id: str) -> None:
        """Waits until the devices of everybody in the room are known, so that each gets the session."""
        for _ in range(_DEVICE_WAIT_TURNS):
            await self.sync()
            room = self.client.rooms.get(room_id)
            if room is not None:
                joined = (await self.request("GET", f"/rooms/{_q(room_id)}/joined_members"))["joined"]
                missing = set(joined) - set(room.users)
                unknown = [user for user in joined if user != self.user_id and not self.client.device_store[user]]
                if not missing and not unknown:
                    return
                if unknown:
                    self.client.olm.users_for_key_query.update(unknown)
        raise UnavailableError("devices", f"{self.user_id} does not learn the devices in the room")


def _q(text: str) -> str:
    return quote(text, safe="")


def _done(answer: Any, doing: str) -> Any:
    if isinstance(answer, ErrorResponse):
        raise UnavailableError("homeserver", f"Cannot {doing}: {answer.message}")
    return answer
