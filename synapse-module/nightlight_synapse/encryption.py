# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rooms known to be encrypted stay so, and take no plain messages from accounts of this server; knocks are decided."""

from __future__ import annotations

import logging
from typing import Any

from synapse.module_api import ModuleApi

from nightlight_synapse.contact import ContactCallbacks

_log = logging.getLogger(__name__)

_ENCRYPTION = ("m.room.encryption", "")
#: Messages with content that belongs inside of encryption.
_PLAIN = frozenset({"m.room.message", "m.sticker", "m.poll.start", "org.matrix.msc3381.poll.start"})


class RoomRules:
    def __init__(self, api: ModuleApi, contact: ContactCallbacks | None, *, keep_encrypted: bool) -> None:
        self._api = api
        self._contact = contact
        self._keep_encrypted = keep_encrypted

    async def check_event_allowed(self, event: Any, state: Any) -> tuple[bool, dict[str, Any] | None]:
        """Synapse calls this for every event of this server, and for knocks of other servers."""
        try:
            return await self._allowed(event, state), None
        except Exception:
            _log.exception("An event could not be looked at")
            return event.content.get("membership") != "knock", None

    async def _allowed(self, event: Any, state: Any) -> bool:
        if self._keep_encrypted and not self._encryption_kept(event, state):
            return False
        if self._contact is not None and event.type == "m.room.member" and event.content.get("membership") == "knock":
            create = state.get(("m.room.create", ""))
            return await self._contact.may_knock(event.sender, event.room_id, create.sender if create else "")
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
