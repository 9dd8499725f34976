# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may reach whom: Synapse asks before an invitation, a new room, a join, a knock, a search result.

Nothing is decided here. The Nightlight service decides; this shows, hides or refuses, and is never the reason that a
request fails: whatever goes wrong is treated as "no answer", for which the operator chose what happens.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import Codes

from nightlight_synapse.config import NightlightConfig
from nightlight_synapse.hiding import Hider
from nightlight_synapse.service import Approach, NoAnswerError, Service, Verdict
from nightlight_synapse.state import State

_log = logging.getLogger(__name__)

#: As Synapse answers for somebody who has switched all invitations off (MSC4380): the same bytes.
REFUSED = (Codes.INVITE_BLOCKED, {"error": "You are not permitted to invite this user."})
#: As Synapse answers a join that is not allowed.
_NO_JOIN = Codes.FORBIDDEN
_MINUTE = 60.0
_CACHED_MAX = 20_000
_INVITES_MAX = 50


Key = TypeVar("Key")
Value = TypeVar("Value")


class _Cache(Generic[Key, Value]):
    """Remembers for a minute, and no more than so many."""

    def __init__(self) -> None:
        self._items: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def put(self, key: Key, value: Value) -> None:
        self._items[key] = (time.monotonic() + _MINUTE, value)
        self._items.move_to_end(key)
        while len(self._items) > _CACHED_MAX:
            self._items.popitem(last=False)

    def get(self, key: Key) -> Value | None:
        until, value = self._items.get(key, (0.0, None))
        return value if time.monotonic() < until else None

    def take(self, key: Key) -> Value | None:
        """The value, once."""
        value = self.get(key)
        self._items.pop(key, None)
        return value


class ContactCallbacks:
    """What Synapse calls. Server admins are not asked about (Synapse skips these callbacks for them)."""

    def __init__(self, api: ModuleApi, config: NightlightConfig, service: Service, hider: Hider, state: State) -> None:
        self._api = api
        self._config = config
        self._service = service
        self._hider = hider
        self._state = state
        #: Decided when the room was made, used when its invitations go out.
        self._at_creation: _Cache[tuple[str, str], Verdict] = _Cache()
        self._joins: _Cache[tuple[str, str], bool] = _Cache()
        self._finds: _Cache[tuple[str, str], bool] = _Cache()
        #: Said by another server about an invitation that is being looked at.
        self._direct: _Cache[tuple[str, str, str], bool] = _Cache()
        #: How long the last decisions about invitations took without the wait, milliseconds.
        self.took: deque[float] = deque(maxlen=1_000)

    # Rooms and invitations

    async def user_may_create_room(self, user: str, config: dict[str, Any] | None = None) -> Any:
        """Decides about everybody who is to be invited, before anything exists."""
        config = config or {}
        named = config.get("invite")
        invited = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
        asked = [one for one in dict.fromkeys(invited) if self._is_asked_about(user, one)]
        if not asked:
            return NOT_SPAM
        if len(asked) > _INVITES_MAX:
            return REFUSED  # Synapse's own bound is lower; nobody is let through unseen
        direct = config.get("is_direct") is True or (len(invited) == 1 and config.get("preset") != "public_chat")
        direction = "direct" if direct else "group"

        async def decide() -> Any:
            verdicts = await self._decide([Approach(user, one, direction) for one in asked])
            for one, verdict in zip(asked, verdicts, strict=True):
                self._at_creation.put((user, one), verdict)
            return REFUSED if any(verdict.deliver == "refuse" for verdict in verdicts) else NOT_SPAM

        return await self._in_equal_time(decide)

    async def federated_user_may_invite(self, event: Any) -> Any:
        """Notes what another server says of its invitation; ``user_may_invite`` decides about it."""
        try:
            key = (event.sender, event.state_key, event.room_id)
            self._direct.put(key, event.content.get("is_direct") is True)
        except Exception:
            _log.exception("An invitation of another server could not be read")
        return NOT_SPAM

    async def user_may_invite(self, inviter: str, invitee: str, room: str) -> Any:
        if not self._is_asked_about(inviter, invitee):
            return NOT_SPAM

        async def decide() -> Any:
            verdict = self._at_creation.take((inviter, invitee))
            if verdict is None:
                direction = await self._direction(inviter, invitee, room)
                (verdict,) = await self._decide([Approach(inviter, invitee, direction, room)])
            elif verdict.decision and verdict.deliver == "hide":
                await self._tell_room(verdict.decision, room)
            if verdict.deliver == "show":
                return NOT_SPAM
            if verdict.deliver == "hide":
                try:
                    await self._hide(inviter, invitee, room, decided=bool(verdict.decision))
                except Exception:
                    _log.exception("An invitation could not be hidden, so it is refused")
                else:
                    return NOT_SPAM
            return REFUSED

        return await self._in_equal_time(decide)

    async def user_may_send_3pid_invite(self, inviter: str, medium: str, address: str, room: str) -> Any:  # noqa: ARG002
        """Nobody knows yet who that is, so nothing can be hidden: it is shown or refused."""

        async def decide() -> Any:
            asked = Approach(inviter, f"third-party:{medium}"[:200], "direct", room)
            (verdict,) = await self._decide([asked])
            return NOT_SPAM if verdict.deliver == "show" else REFUSED

        return await self._in_equal_time(decide)

    # Entering rooms, and finding people

    async def user_may_join_room(self, user: str, room: str, is_invited: bool) -> Any:
        """Synapse asks this at every change of a name, too, once for each room."""
        if is_invited:
            return NOT_SPAM
        try:
            return NOT_SPAM if await self._may_join(user, room) else _NO_JOIN
        except Exception:
            _log.exception("A join could not be looked at")
            return NOT_SPAM if self._config.without_answer == "allow" else _NO_JOIN

    async def may_knock(self, user: str, room: str, creator: str) -> bool:
        try:
            return await self._may_approach_room(user, room, creator)
        except Exception:
            _log.exception("A knock could not be looked at")
            return self._config.without_answer == "allow"

    async def check_username_for_spam(self, profile: Any, requester: str) -> bool:
        """Whether somebody is left out of what ``requester`` finds in the directory."""
        found = profile.get("user_id")
        if not isinstance(found, str) or found == requester:
            return False
        known = self._finds.get((requester, found))
        if known is None:
            try:
                (verdict,) = await self._decide([Approach(requester, found, "find")])
            except Exception:
                _log.exception("A search result could not be looked at")
                return True
            known = verdict.deliver != "show"
            self._finds.put((requester, found), known)
        return known

    # Work in the background

    async def catch_up(self) -> None:
        """Tells the service what it has missed: invitations hidden without it, rooms of decisions, blocks."""
        try:
            for account, inviter, room, direction in await self._in_thread(self._state.undecided, 50):
                (verdict,), adults = await self._service.decide([Approach(inviter, account, direction, room)])
                await self._note_adults(adults, [inviter, account])
                if verdict.deliver == "show":
                    await self._hider.show(account, inviter, room)
                await self._in_thread(self._state.remove_undecided, account, inviter, room)
            for decision, room in await self._in_thread(self._state.untold_rooms, 50):
                await self._service.post("/v1/module/room", {"decision_id": decision, "room": room})
                await self._in_thread(self._state.remove_room, decision)
            for account, other in await self._in_thread(self._state.unsent_blocks, 100):
                await self._service.post("/v1/module/block", {"account": account, "other": other})
                await self._in_thread(self._state.note_sent, account, other)
        except NoAnswerError:
            pass  # said in the log where it happened; the next round is a new try
        except Exception:
            _log.exception("Catching up with Nightlight failed")

    async def account_data_updated(self, account: str, room: str | None, kind: str, content: Any) -> None:
        """A block in the account's own list counts with us; taking it out there takes nothing away with us."""
        if room is not None or kind != "m.ignored_user_list":
            return
        try:
            listed = content.get("ignored_users") or {}
            ours = await self._in_thread(self._state.ignored_by_us, account)
            theirs = {other for other in listed if isinstance(other, str) and other != account} - ours
            if theirs:
                await self._in_thread(self._state.add_blocks, account, theirs)
        except Exception:
            _log.exception("A list of blocked accounts could not be read")

    # Inside

    def _is_asked_about(self, inviter: str, invitee: str) -> bool:
        """Only our own accounts can be protected here; another server's are its own server's to protect."""
        return inviter != invitee and self._api.is_mine(invitee) and self._localpart_is_real(invitee)

    @staticmethod
    def _localpart_is_real(account: str) -> bool:
        return account.startswith("@") and len(account) <= 255

    async def _decide(self, approaches: list[Approach]) -> list[Verdict]:
        try:
            verdicts, adults = await self._service.decide(approaches)
        except NoAnswerError:
            return [await self._without_answer(one) for one in approaches]
        await self._note_adults(adults, [name for one in approaches for name in (one.actor, one.target)])
        return verdicts

    async def _without_answer(self, approach: Approach) -> Verdict:
        adults = await self._in_thread(self._state.are_adults, approach.actor, approach.target)
        choice = self._config.without_answer_adults if adults else self._config.without_answer
        return Verdict("show" if choice == "allow" else choice)

    async def _note_adults(self, adults: list[str], asked: list[str]) -> None:
        news = [account for account in adults if account in asked]
        if news and not await self._in_thread(self._state.are_adults, *news):
            await self._in_thread(self._state.note_adults, news)
        for account in set(asked) - set(news):
            if await self._in_thread(self._state.are_adults, account):
                await self._in_thread(self._state.forget_adult, account)

    async def _hide(self, inviter: str, invitee: str, room: str, *, decided: bool) -> None:
        shared = await self._api._store.get_mutual_rooms_between_users(frozenset({inviter, invitee}))
        # Ignoring hides what somebody says in rooms that both are in, such as that of a class: then the name is
        # known there anyway, and the invite filter alone has to do.
        await self._hider.hide(invitee, inviter, room, everywhere=not shared)
        if not decided:
            direction = await self._direction(inviter, invitee, room)
            await self._in_thread(self._state.add_undecided, invitee, inviter, room, direction)

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
        await self._in_thread(self._state.remove_room, decision)

    async def _may_join(self, user: str, room: str) -> bool:
        membership, _ = await self._api._store.get_local_current_membership_for_user_in_room(user, room)
        if membership == "join":
            return True
        create = await self._api.get_room_state(room, [("m.room.create", "")])
        creator = next((event.sender for event in create.values()), "")
        return await self._may_approach_room(user, room, creator)

    async def _may_approach_room(self, user: str, room: str, creator: str) -> bool:
        if not creator or creator == user or not self._api.is_mine(creator):
            return True
        known = self._joins.get((user, room))
        if known is None:
            (verdict,) = await self._decide([Approach(user, creator, "join", room)])
            known = verdict.deliver == "show"
            self._joins.put((user, room), known)
        return known

    async def _in_equal_time(self, decide: Callable[[], Awaitable[Any]]) -> Any:
        """Runs ``decide`` and answers no sooner than the fixed time: what was decided cannot be read off a clock."""
        start = time.monotonic()
        try:
            answer = await decide()
        except Exception:
            _log.exception("A contact could not be decided about")
            answer = NOT_SPAM if self._config.without_answer == "allow" else REFUSED
        took = time.monotonic() - start
        self.took.append(took * 1000)
        rest = self._config.answer_after_ms / 1000 - took
        if rest > 0:
            await self._api.sleep(rest)
        return answer

    async def _in_thread(self, call: Any, *arguments: object) -> Any:
        return await self._api.defer_to_thread(call, *arguments)
