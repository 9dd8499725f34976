# SPDX-License-Identifier: AGPL-3.0-or-later
"""Redacting one event as its own sender: the right to do so needs no power in the room."""

from __future__ import annotations

from typing import Any

from synapse.module_api import ModuleApi
from synapse.module_api.errors import SynapseError
from synapse.types import create_requester


class Redactor:
    def __init__(self, api: ModuleApi) -> None:
        self._api = api

    async def redact(self, room_id: str, event_id: str, reason: str) -> bool:
        """Redacts the event; False if that was done before. ``SynapseError`` says why it cannot be done."""
        found = await self._api._store.get_event(event_id, allow_none=True)
        if found is None or found.room_id != room_id:
            raise SynapseError(404, "There is no such event in this room.", "M_NOT_FOUND")
        if found.is_state():
            raise SynapseError(400, "The event is not a message.", "M_INVALID_PARAM")
        if found.internal_metadata.is_redacted():
            return False
        if not self._api.is_mine(found.sender):
            raise SynapseError(
                400, "The sender is on another server; only that server can redact it.", "M_INVALID_PARAM"
            )
        event: dict[str, Any] = {
            "type": "m.room.redaction",
            "room_id": room_id,
            "sender": found.sender,
            "content": {"reason": reason},
        }
        # Room version 11 moved the id into the content (MSC2174, MSC3820).
        if found.room_version.updated_redaction_rules:
            event["content"]["redacts"] = event_id
        else:
            event["redacts"] = event_id
        hs = self._api._hs
        # Put right after the message, while its sender was surely in the room: leaving the room is no way out.
        # Synapse's own redaction of everything that an account sent does the same.
        await hs.get_event_creation_handler().create_and_send_nonmember_event(
            create_requester(found.sender, authenticated_entity=self._api.server_name),
            event,
            prev_event_ids=[event_id],
            ratelimit=False,
            ignore_shadow_ban=True,
        )
        return True
