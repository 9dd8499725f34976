# SPDX-License-Identifier: AGPL-3.0-or-later
"""What accounts of this server may put into rooms, looked at when it is already made and not yet sent.

Rooms known to be encrypted stay so, and take no plain messages from here; knocks are decided; invitations that Synapse
did not ask about are, too.
"""

from __future__ import annotations

import logging
from typing import Any

from synapse.module_api import ModuleApi

from nightlight_synapse.background import Background
from nightlight_synapse.contact import ContactCallbacks
from nightlight_synapse.rooms import RoomCallbacks

_log = logging.getLogger(__name__)

_ENCRYPTION = ("m.room.encryption", "")
#: Messages with content that belongs inside of encryption (Matrix 1.18, "Instant Messaging", "Polls", "Location").
_PLAIN = frozenset(
    {"m.room.message", "m.sticker", "m.location", "m.beacon", "org.matrix.msc3672.beacon"}
    | {f"{prefix}poll.{part}" for prefix in ("m.", "org.matrix.msc3381.") for part in ("start", "response", "end")}
)


class RoomRules:
    def __init__(
        self,
        api: ModuleApi,
        contact: ContactCallbacks,
        rooms: RoomCallbacks,
        background: Background,
        *,
        keep_encrypted: bool,
    ) -> None:
        self._api = api
        self._contact = contact
        self._rooms = rooms
        self._background = background
        self._keep_encrypted = keep_encrypted

    async def check_event_allowed(self, event: Any, state: Any) -> tuple[bool, dict[str, Any] | None]:
        """Synapse calls this for every event of this server, and for knocks of other servers."""
        try:
            return await self._allowed(event, state), None
        except Exception:
            _log.exception("An event could not be looked at")
            return _may_pass_unseen(event), None

    async def _allowed(self, event: Any, state: Any) -> bool:
        if self._keep_encrypted and not self._encryption_kept(event, state):
            return False
        if event.type == "m.room.create" and event.is_state():
            self._contact.room_made(event.sender, event.room_id)
        if event.type == "m.room.member" and event.is_state():
            return await self._member_allowed(event, state)
        return True

    async def _member_allowed(self, event: Any, state: Any) -> bool:
        membership = event.content.get("membership")
        if membership == "knock":
            create = state.get(("m.room.create", ""))
            return bool(await self._rooms.may_knock(event.sender, event.room_id, create.sender if create else ""))
        if membership == "invite":
            return await self._contact.invitation_sent(event.sender, event.state_key, event.room_id)
        before = state.get(("m.room.member", event.state_key))
        if before is not None and before.content.get("membership") == "invite" and self._api.is_mine(event.state_key):
            self._background.look_soon(event.state_key, event.room_id)
        return True

    def _encryption_kept(self, event: Any, state: Any) -> bool:
        before = state.get(_ENCRYPTION)
        if before is None or not before.content.get("algorithm"):
            return True
        if event.is_state():
            # Synapse itself would let a room's admin overwrite the setting with nothing.
            same = event.content.get("algorithm") == before.content.get("algorithm")
            return (event.type, event.state_key) != _ENCRYPTION or same
        return event.type not in _PLAIN or not self._api.is_mine(event.sender)


def _may_pass_unseen(event: Any) -> bool:
    """Whether an event goes through that could not be looked at: approaches do not, the rest of life goes on."""
    try:
        return event.type != "m.room.member" or event.content.get("membership") not in ("knock", "invite")
    except Exception:
        return False
