# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may reach whom: Synapse asks before a new room, an invitation, a search result.

Nothing is decided here. The Nightlight service decides; this shows, hides or refuses, and is never the reason that a
request fails: whatever goes wrong is treated as "no answer", for which the operator chose what happens.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import Codes

from nightlight_synapse.cache import MinuteCache
from nightlight_synapse.config import NightlightConfig
from nightlight_synapse.deciding import Decider
from nightlight_synapse.hiding import IGNORED, Hider, users_of
from nightlight_synapse.safely import answering
from nightlight_synapse.service import Approach, NoAnswerError, Service, Verdict
from nightlight_synapse.state import State

_log = logging.getLogger(__name__)

#: As Synapse answers for somebody who has switched all invitations off (MSC4380): the same bytes.
REFUSED = (Codes.INVITE_BLOCKED, {"error": "You are not permitted to invite this user."})
_INVITES_MAX = 50


def _unless_open(self: ContactCallbacks) -> Any:
    return NOT_SPAM if self.open_without_answer else REFUSED


class ContactCallbacks:
    """What Synapse calls. Server admins are not asked about (Synapse skips these callbacks for them)."""

    def __init__(
        self, api: ModuleApi, config: NightlightConfig, service: Service, decider: Decider, hider: Hider, state: State
    ) -> None:
        self._api = api
        self._step = config.answer_after_ms / 1000
        self._service = service
        self._decider = decider
        self._hider = hider
        self._state = state
        self.open_without_answer = config.without_answer == "allow"
        #: Decided when the room was made, used when its invitations go out, into a room made just before.
        self._at_creation: MinuteCache[tuple[str, str], Verdict] = MinuteCache()
        self._new_rooms: MinuteCache[tuple[str, str], bool] = MinuteCache()
        #: Invitations that Synapse asked about; others reach a room without a question.
        self._passed: MinuteCache[tuple[str, str, str], bool] = MinuteCache()
        self._finds: MinuteCache[tuple[str, str], bool] = MinuteCache()
        #: Said by another server about an invitation that is being looked at.
        self._direct: MinuteCache[tuple[str, str, str], bool] = MinuteCache()
        #: How long the last decisions about invitations took without the wait, milliseconds.
        self.took: deque[float] = deque(maxlen=1_000)

    # Rooms and invitations

    @answering(_unless_open)
    async def user_may_create_room(self, user: str, config: dict[str, Any] | None = None) -> Any:
        """Decides about everybody who is to be invited, before anything exists."""
        config = config or {}
        invited = list(dict.fromkeys([*_invited(config), *_smuggled(config)]))
        asked = [one for one in invited if self._is_asked_about(user, one)]
        if not asked:
            return NOT_SPAM
        if len(asked) > _INVITES_MAX:
            return REFUSED  # Synapse's own bound is lower; nobody is let through unseen
        direct = config.get("is_direct") is True or (len(invited) == 1 and config.get("preset") != "public_chat")
        direction = "direct" if direct else "group"

        async def decide() -> Any:
            real = [one for one in asked if await self._exists(one)]
            for one in real:
                if await self._decider.blocks_all(one, user):
                    # Synapse itself would leave an empty room behind; so would tell one refusal from the other.
                    return REFUSED
            if not real:
                return NOT_SPAM
            verdicts = await self._decider.decide([Approach(user, one, direction) for one in real])
            for one, verdict in zip(real, verdicts, strict=True):
                self._at_creation.put((user, one), verdict)
            return REFUSED if any(verdict.deliver == "refuse" for verdict in verdicts) else NOT_SPAM

        return await self._in_equal_time(decide)

    @answering(lambda _self: REFUSED)
    async def federated_user_may_invite(self, event: Any) -> Any:
        """Notes what another server says of its invitation; ``user_may_invite`` decides about it."""
        if event.type != "m.room.member" or event.content.get("membership") != "invite":
            return Codes.FORBIDDEN  # Synapse says so itself, but only after it has asked us
        key = (event.sender, event.state_key, event.room_id)
        self._direct.put(key, event.content.get("is_direct") is True)
        return NOT_SPAM

    @answering(_unless_open)
    async def user_may_invite(self, inviter: str, invitee: str, room: str) -> Any:
        if not self._is_asked_about(inviter, invitee):
            return NOT_SPAM

        async def decide() -> Any:
            # Nobody is there to be protected, or Synapse refuses by itself right after this.
            if not await self._exists(invitee) or await self._decider.blocks_all(invitee, inviter):
                return NOT_SPAM
            return NOT_SPAM if await self._deliver(inviter, invitee, room, may_refuse=True) else REFUSED

        answer = await self._in_equal_time(decide)
        if answer == NOT_SPAM:
            self._passed.put((inviter, invitee, room), True)
        return answer

    async def invitation_sent(self, inviter: str, invitee: str, room: str) -> bool:
        """Called for every invitation by an account of this server, at the last moment.

        Two kinds get here without ``user_may_invite``: those in a new room's ``initial_state``, and third-party
        invitations that somebody has claimed. False: it must not be sent.
        """
        if not self._is_asked_about(inviter, invitee) or self._passed.take((inviter, invitee, room)):
            return True
        if inviter == self._api._hs.config.servernotices.server_notices_mxid or not await self._exists(invitee):
            return True
        if await self._api.is_user_admin(inviter) or await self._decider.blocks_all(invitee, inviter):
            return True
        return await self._deliver(inviter, invitee, room, may_refuse=False)

    def room_made(self, creator: str, room: str) -> None:
        self._new_rooms.put((creator, room), True)

    @answering(_unless_open)
    async def user_may_send_3pid_invite(self, inviter: str, medium: str, address: str, room: str) -> Any:  # noqa: ARG002
        """Nobody knows yet who that is, so nothing can be hidden: it is shown or refused."""

        async def decide() -> Any:
            asked = Approach(inviter, f"third-party:{medium}"[:200], "direct", room)
            (verdict,) = await self._decider.decide([asked])
            return NOT_SPAM if verdict.deliver == "show" else REFUSED

        return await self._in_equal_time(decide)

    # Finding people, and blocking them

    @answering(lambda _self: True)
    async def check_username_for_spam(self, profile: Any, requester: str) -> bool:
        """Whether somebody is left out of what ``requester`` finds in the directory."""
        found = profile.get("user_id")
        if not isinstance(found, str) or found == requester or not self._api.is_mine(found):
            return False
        known = self._finds.get((requester, found))
        if known is None:
            (verdict,) = await self._decider.decide([Approach(requester, found, "find")])
            known = verdict.deliver != "show"
            if verdict.decision:
                self._finds.put((requester, found), known)
        return known

    @answering(lambda _self: None)
    async def account_data_updated(self, account: str, room: str | None, kind: str, content: Any) -> None:
        """A block in the account's own list counts with us; taking it out there takes nothing away with us."""
        if room is not None or kind != IGNORED:
            return
        listed = users_of(content)
        ours = self._state.ignored_by_us(account)
        theirs = {other for other in listed if _is_account(other) and other not in (account, self._hider.nobody)} - ours
        await self._in_thread(self._state.add_blocks, account, theirs)
        if ours - set(listed):
            # Not now: this may be our own change, which holds the lock.
            self._api.run_as_background_process("nightlight_check_lists", self._hider.check_all, account)

    # Inside

    def _is_asked_about(self, inviter: object, invitee: object) -> bool:
        """Only our own accounts can be protected here; another server's are its own server's to protect."""
        return (
            isinstance(inviter, str)
            and isinstance(invitee, str)
            and inviter != invitee
            and _is_account(invitee)
            and bool(self._api.is_mine(invitee))
        )

    async def _exists(self, account: str) -> bool:
        return await self._api.get_userinfo_by_id(account) is not None

    async def _deliver(self, inviter: str, invitee: str, room: str, *, may_refuse: bool) -> bool:
        """Shows or hides the invitation; False: it must be refused."""
        verdict = self._at_creation.take((inviter, invitee)) if self._new_rooms.get((inviter, room)) else None
        if verdict is None:
            direction = await self._direction(inviter, invitee, room)
            (verdict,) = await self._decider.decide([Approach(inviter, invitee, direction, room)])
        elif verdict.decision and verdict.deliver != "show":
            await self._tell_room(verdict.decision, room)
        if verdict.deliver == "show":
            if self._state.hidden_of(invitee, inviter):
                await self._hider.show(invitee, inviter)
            return True
        if verdict.deliver == "refuse" and may_refuse:
            return False
        try:
            await self._hider.hide(invitee, inviter, room)
            if not verdict.decision:
                direction = await self._direction(inviter, invitee, room)
                await self._in_thread(self._state.add_undecided, invitee, inviter, room, direction)
        except Exception:
            _log.exception("An invitation could not be hidden, so it is refused")
            return False
        return True

    async def _direction(self, inviter: str, invitee: str, room: str) -> str:
        said = self._direct.get((inviter, invitee, room))
        if said is not None:
            return "direct" if said else "group"
        if not self._api.is_mine(inviter):
            return "direct"
        members = await self._api._store.get_number_joined_users_in_room(room)
        return "direct" if members <= 1 else "group"

    async def _tell_room(self, decision: str, room: str) -> None:
        await self._in_thread(self._state.add_room, decision, room)
        try:
            await self._service.post("/v1/module/room", {"decision_id": decision, "room": room})
        except NoAnswerError:
            return  # it stands in our file, and is told later
        # Told twice, if we are stopped before this is done, does no harm.
        self._api.run_as_background_process("nightlight_room_told", self._in_thread, self._state.remove_room, decision)

    async def _in_equal_time(self, decide: Callable[[], Awaitable[Any]]) -> Any:
        """Runs ``decide`` and answers at a whole number of steps after the question: no clock tells what it was."""
        start = time.monotonic()
        try:
            answer = await decide()
        except Exception:
            _log.exception("A contact could not be decided about")
            answer = NOT_SPAM if self.open_without_answer else REFUSED
        took = time.monotonic() - start
        self.took.append(took * 1000)
        if self._step:
            await self._api.sleep(self._step - took % self._step)
        return answer

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        return await self._api.defer_to_thread(call, *arguments)


def _is_account(value: object) -> bool:
    return isinstance(value, str) and value.startswith("@") and ":" in value and len(value) <= 255


def _invited(config: dict[str, Any]) -> list[str]:
    named = config.get("invite")
    return [one for one in named if isinstance(one, str)] if isinstance(named, list | tuple) else []


def _smuggled(config: dict[str, Any]) -> list[str]:
    """Invitations among a new room's first state events: Synapse sends them without asking anybody."""
    state = config.get("initial_state")
    members = [
        item.get("state_key")
        for item in (state if isinstance(state, list | tuple) else [])
        if isinstance(item, dict) and item.get("type") == "m.room.member"
    ]
    return [one for one in members if isinstance(one, str)]
