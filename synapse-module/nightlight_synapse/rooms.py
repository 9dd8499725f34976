# SPDX-License-Identifier: AGPL-3.0-or-later
"""Entering rooms: joins and knocks are decided by who made the room; hidden invitations open no door."""

from __future__ import annotations

from typing import Any

from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import Codes

from nightlight_synapse.cache import MinuteCache
from nightlight_synapse.config import NightlightConfig
from nightlight_synapse.deciding import Decider
from nightlight_synapse.safely import answering
from nightlight_synapse.service import Approach
from nightlight_synapse.state import State

#: As Synapse answers a join that is not allowed.
_NO_JOIN = Codes.FORBIDDEN


def _unless_open(self: RoomCallbacks) -> Any:
    return NOT_SPAM if self.open_without_answer else _NO_JOIN


class RoomCallbacks:
    def __init__(self, api: ModuleApi, config: NightlightConfig, decider: Decider, state: State) -> None:
        self._api = api
        self._decider = decider
        self._state = state
        self._known: MinuteCache[tuple[str, str], bool] = MinuteCache()
        self.open_without_answer = config.without_answer == "allow"

    @answering(_unless_open)
    async def user_may_join_room(self, user: str, room: str, is_invited: bool) -> Any:
        """Synapse asks this at every change of a name, too, once for each room."""
        membership, event_id = await self._api._store.get_local_current_membership_for_user_in_room(user, room)
        if membership == "join":
            return NOT_SPAM
        if is_invited:
            return _NO_JOIN if await self._is_hidden(user, room, event_id) else NOT_SPAM
        return NOT_SPAM if await self._may_join(user, room) else _NO_JOIN

    @answering(lambda self: self.open_without_answer)
    async def may_knock(self, user: str, room: str, creator: str) -> bool:
        return await self._may_approach_room(user, room, creator)

    async def _is_hidden(self, user: str, room: str, event_id: str | None) -> bool:
        """Whether all that lets somebody in is an invitation that was not delivered. (Answering shows it first.)"""
        hidden = self._state.hidden_in(user, room)
        if not hidden or event_id is None:
            return False
        event = await self._api._store.get_event(event_id, allow_none=True)
        if event is None or event.sender not in {one.inviter for one in hidden}:
            return False
        rules = await self._api.get_room_state(room, [("m.room.join_rules", "")])
        known = [rule.content.get("join_rule") for rule in rules.values()]
        for item in event.unsigned.get("invite_room_state") or []:
            if not known and item.get("type") == "m.room.join_rules":
                known.append(item.get("content", {}).get("join_rule"))
        return "public" not in known

    async def _may_join(self, user: str, room: str) -> bool:
        found = await self._api.get_room_state(room, [("m.room.create", "")])
        create = next(iter(found.values()), None)
        if create is None:
            return True  # no room of ours: the servers that are in it let in or not
        before = create.content.get("predecessor") or {}
        if isinstance(before.get("room_id"), str):
            store = self._api._store
            membership, _ = await store.get_local_current_membership_for_user_in_room(user, before["room_id"])
            if membership == "join":
                return True  # an upgraded room takes its people along
        return await self._may_approach_room(user, room, create.sender)

    async def _may_approach_room(self, user: str, room: str, creator: str) -> bool:
        if not creator or creator == user or not self._api.is_mine(creator):
            return True
        known = self._known.get((user, room))
        if known is None:
            (verdict,) = await self._decider.decide([Approach(user, creator, "join", room)])
            known = verdict.deliver == "show"
            if verdict.decision:
                self._known.put((user, room), known)
        return known
