# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answering a hidden invitation for the account that was invited, when it said so to Nightlight."""

from __future__ import annotations

import logging
from typing import Any

from synapse.module_api import ModuleApi
from synapse.module_api.errors import SynapseError

from nightlight_synapse.hiding import Hider

_log = logging.getLogger(__name__)

ANSWERS = ("join", "leave", "block", "unblock", "show")
_DIRECT = "m.direct"


class Invitations:
    def __init__(self, api: ModuleApi, hider: Hider) -> None:
        self._api = api
        self._hider = hider

    async def answer(self, account: str, inviter: str, room: str, answer: str) -> bool:
        """Joins or leaves the room for the account, or shows the invitation; False if there is none any more.

        ``block`` leaves, and puts the inviter on the account's own list, ``unblock`` takes them off; ``room`` may be
        empty then. Asking again changes nothing. ``SynapseError`` 400: the homeserver lets nobody in or out there;
        502: not now.
        """
        if not self._api.is_mine(account) or await self._api.get_userinfo_by_id(account) is None:
            raise SynapseError(400, "There is no such account on this server.", "M_INVALID_PARAM")
        if answer == "unblock":
            await self._hider.unblock(account, inviter)
            return False
        event = await self._invitation(account, room) if room else None
        if answer in ("join", "show"):
            # Before joining: what the inviter says first must not be left out of the account's sync.
            await self._hider.show(account, inviter)
            if answer == "join" and event is not None:
                await self._change(account, inviter, room, "join")
                await self._note_direct(account, event)
            return event is not None
        if event is not None:
            await self._change(account, inviter, room, "leave")
        if answer == "block":
            await self._hider.block(account, inviter)
        else:
            await self._hider.forget(account, inviter, room)
        return event is not None

    async def _invitation(self, account: str, room: str) -> Any:
        store = self._api._store
        membership, event_id = await store.get_local_current_membership_for_user_in_room(account, room)
        return await store.get_event(event_id, allow_none=True) if membership == "invite" and event_id else None

    async def _change(self, account: str, inviter: str, room: str, membership: str) -> None:
        host = inviter.partition(":")[2]
        hosts = [host] if host and not self._api.is_mine(inviter) else None
        try:
            await self._api.update_room_membership(account, account, room, membership, remote_room_hosts=hosts)
        except SynapseError as e:
            if e.code in (400, 403, 404):
                raise SynapseError(400, f"The room does not allow it: {e.msg}", "M_INVALID_PARAM") from e
            raise SynapseError(502, "It cannot be done now.", "M_UNKNOWN") from e

    async def _note_direct(self, account: str, event: Any) -> None:
        """As the account's own client would on accepting a direct chat (client-server API, "Direct Messaging")."""
        if event.content.get("is_direct") is not True:
            return
        try:
            data = self._api.account_data_manager
            chats = {key: list(rooms) for key, rooms in dict(await data.get_global(account, _DIRECT) or {}).items()}
            if event.room_id not in chats.get(event.sender, []):
                chats.setdefault(event.sender, []).append(event.room_id)
                await data.put_global(account, _DIRECT, chats)
        except Exception:  # a convenience, and the account's own data may have any shape
            _log.exception("A chat could not be marked as a direct one")
