# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answering a hidden invitation for the account that was invited, when it said so to Nightlight."""

from __future__ import annotations

from synapse.module_api import ModuleApi
from synapse.module_api.errors import SynapseError

from nightlight_synapse.hiding import Hider

ANSWERS = ("join", "leave", "show")


class Invitations:
    def __init__(self, api: ModuleApi, hider: Hider) -> None:
        self._api = api
        self._hider = hider

    async def answer(self, account: str, inviter: str, room: str, answer: str) -> bool:
        """Joins or leaves the room for the account, or shows the invitation; False if there is none any more."""
        if not self._api.is_mine(account):
            raise SynapseError(400, "The account is on another server.", "M_INVALID_PARAM")
        store = self._api._store
        membership, _ = await store.get_local_current_membership_for_user_in_room(account, room)
        invited = bool(membership == "invite")
        if invited and answer in ("join", "leave"):
            host = inviter.partition(":")[2]
            hosts = [host] if host and not self._api.is_mine(inviter) else None
            await self._api.update_room_membership(account, account, room, answer, remote_room_hosts=hosts)
        await self._hider.show(account, inviter, room)
        return invited
