# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is made up for later: questions the service missed, and hidden invitations that have come to an end.

Whoever takes an invitation back, declines it in a client of their own, or loses the room, tells us nothing of it. So
all that is hidden is looked at in turn, a few at a time: what is no pending invitation any more is hidden no more, the
service hears how it ended, and lists that a client has changed are put right.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any

from synapse.module_api import ModuleApi

from nightlight_synapse.deciding import Decider
from nightlight_synapse.hiding import Hider
from nightlight_synapse.service import Approach, NoAnswerError, NotUnderstoodError, Service
from nightlight_synapse.state import Hidden, State

_log = logging.getLogger(__name__)

#: How many hidden invitations are looked at in one round.
_LOOKED_AT = 25
#: An invitation is hidden before it exists: this long it may take to.
_ARRIVES_SECONDS = 120
_SOON_MAX = 1_000
_TIDY_ROUNDS = 1_800


class Background:
    def __init__(self, api: ModuleApi, service: Service, decider: Decider, hider: Hider, state: State) -> None:
        self._api = api
        self._service = service
        self._decider = decider
        self._hider = hider
        self._state = state
        self._seen = 0
        self._rounds = 0
        self._soon: deque[tuple[str, str]] = deque(maxlen=_SOON_MAX)

    def look_soon(self, account: str, room: str) -> None:
        """An invitation of this account into that room is about to come to an end."""
        self._soon.append((account, room))

    async def run(self) -> None:
        for work in (self._catch_up, self._look_after, self._tidy):
            try:
                await work()
            except NoAnswerError:
                pass  # said in the log where it happened; the next round is a new try
            except Exception:
                _log.exception("Catching up with Nightlight failed")

    async def _catch_up(self) -> None:
        """Tells the service what it has missed: blocks, invitations hidden without it, rooms of decisions."""
        for account, other in self._state.unsent_blocks(100):
            await self._post("/v1/module/block", {"account": account, "other": other})
            await self._in_thread(self._state.note_sent, account, other)
        for account, inviter, room, direction in self._state.undecided(50):
            try:
                (verdict,), adults = await self._service.decide([Approach(inviter, account, direction, room)])
            except NotUnderstoodError:
                pass  # it stays hidden, and is not asked about for ever
            else:
                await self._decider.note_adults(adults, [inviter, account])
                if verdict.deliver == "show":
                    await self._hider.show(account, inviter)
            await self._in_thread(self._state.remove_undecided, account, inviter, room)
        for decision, room in self._state.untold_rooms(50):
            await self._post("/v1/module/room", {"decision_id": decision, "room": room})
            await self._in_thread(self._state.remove_room, decision)

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        try:
            await self._service.post(path, body)
        except NotUnderstoodError:
            return  # asking again leads nowhere

    async def _look_after(self) -> None:
        soon = {self._soon.popleft() for _ in range(len(self._soon))}
        for account, room in soon:
            for one in self._state.hidden_in(account, room):
                await self._look_at(one)
        hidden = self._state.hidden_after(self._seen, _LOOKED_AT)
        self._seen = hidden[-1].number if len(hidden) == _LOOKED_AT else 0
        for one in hidden:
            await self._look_at(one)

    async def _look_at(self, one: Hidden) -> None:
        store = self._api._store
        membership, event_id = await store.get_local_current_membership_for_user_in_room(one.account, one.room)
        if membership == "invite":
            await self._hider.check(one.account, one.inviter)
            return
        event = await store.get_event(event_id, allow_none=True) if event_id else None
        seconds = time.time() - one.at
        if (event is None or event.origin_server_ts < one.at * 1000) and seconds < _ARRIVES_SECONDS:
            return  # what stands there is from before; the invitation is on its way
        end = "withdrawn"
        if event is not None and event.sender == one.account:
            end = "accepted" if membership == "join" else "declined"
        told = {"account": one.account, "inviter": one.inviter, "room": one.room, "end": end}
        await self._post("/v1/module/ended", told)
        await self._hider.forget(one.account, one.inviter, one.room)

    async def _tidy(self) -> None:
        if self._rounds % _TIDY_ROUNDS == 0:
            await self._in_thread(self._state.tidy)
        self._rounds += 1

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        return await self._api.defer_to_thread(call, *arguments)
