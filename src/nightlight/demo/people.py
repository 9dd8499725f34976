"""People with a real Matrix client (matrix-nio) that really encrypts, by vodozemac."""

from __future__ import annotations

import io
import logging
import secrets
from pathlib import Path
from typing import Any

from nio import AsyncClient, AsyncClientConfig
from nio.events.room_events import MegolmEvent, RoomEncryptedImage, RoomMessage
from nio.responses import ErrorResponse

from nightlight.demo.account import Account, quoted
from nightlight.demo.synapse import Synapse
from nightlight.errors import UnavailableError

_DEVICE_WAIT_TURNS = 40

# The client tells a person at a terminal about every device it meets for the first time.
logging.getLogger("nio").setLevel(logging.ERROR)


class Person(Account):
    """One account on one device. Make one with ``arrive``, end it with ``depart``."""

    def __init__(self, client: AsyncClient, access_token: str, password: str) -> None:
        super().__init__(client.homeserver, client.user_id, access_token, password)
        self.client = client

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
        await super().depart()
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

    async def join(self, room_id: str) -> None:
        _done(await self.client.join(room_id), "join a room")
        await self.sync()

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
        for raw in await self.history(room_id):
            event = await self._open(room_id, raw)
            if isinstance(event, RoomMessage | RoomEncryptedImage):
                shown.append((event.event_id, event.sender, str(getattr(event, "body", ""))))
        return shown

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

    async def notices(self) -> list[str]:
        await self.sync()
        return await super().notices()

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
                joined = (await self.request("GET", f"/rooms/{quoted(room_id)}/joined_members"))["joined"]
                missing = set(joined) - set(room.users)
                unknown = [user for user in joined if user != self.user_id and not self.client.device_store[user]]
                if not missing and not unknown:
                    return
                if unknown:
                    self.client.olm.users_for_key_query.update(unknown)
        raise UnavailableError("devices", f"{self.user_id} does not learn the devices in the room")


def _done(answer: Any, doing: str) -> Any:
    if isinstance(answer, ErrorResponse):
        raise UnavailableError("homeserver", f"Cannot {doing}: {answer.message}")
    return answer
