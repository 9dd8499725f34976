# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations that are there and are not shown: through the invited account's own lists.

The invite filter of MSC4155 hides what an account sends from push and sync; ``m.ignored_user_list`` hides it even where
the filter counts for nothing, but also hides what the account says in rooms that both are in. So between people who
share a small private room (a class, a club) the filter has to do, and the list only gets a name of ours: Synapse's
sliding sync looks at the filter of accounts that ignore somebody (``handlers/sliding_sync/room_lists.py``, 1.163).

Both lists lie in the account's own data, where its client may see and change them; what it takes out is put back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from synapse.logging.context import make_deferred_yieldable
from synapse.module_api import ModuleApi
from synapse.storage.invite_rule import InviteRule
from twisted.internet.defer import DeferredLock

from nightlight_synapse.state import Listed, State

_log = logging.getLogger(__name__)

IGNORED = "m.ignored_user_list"
FILTER = "org.matrix.msc4155.invite_permission_config"
#: A shared room with more members is no sign that two people know each other; and how many rooms are looked at.
_MEMBERS_MAX = 50
_ROOMS_MAX = 20


class Hider:
    """Hides by account, not by room: the lists know no rooms."""

    def __init__(self, api: ModuleApi, state: State) -> None:
        self._api = api
        self._state = state
        self._locks: dict[str, DeferredLock] = {}
        #: Nobody can have it: names of people do not begin so in Synapse.
        self.nobody = f"@_nightlight:{api.server_name}"

    async def hide(self, account: str, inviter: str, room: str) -> None:
        """Hides invitations of ``inviter``. Raises if that cannot be done: then the caller must refuse."""
        async with _Held(self._locks, account):
            # Written down first: what is in a list because of us must never count as a block by the account.
            listed = self._state.listed(account, inviter)
            users, names = users_of(await self._get(account, IGNORED)), _names(await self._get(account, FILTER))
            may = Listed(listed.ignored or inviter not in users, listed.filtered or _may_filter(inviter, names))
            await self._in_thread(self._state.add_hidden, account, inviter, room, may)
            await self._settle(account, inviter)

    async def show(self, account: str, inviter: str) -> None:
        """Whatever was hidden of ``inviter`` is hidden no more."""
        async with _Held(self._locks, account):
            await self._in_thread(self._state.remove_hidden, account, inviter)
            await self._settle(account, inviter)

    async def forget(self, account: str, inviter: str, room: str) -> None:
        """The invitation into this room has an end. Others of the same inviter stay hidden."""
        async with _Held(self._locks, account):
            await self._in_thread(self._state.remove_hidden, account, inviter, room)
            await self._settle(account, inviter)

    async def check(self, account: str, inviter: str) -> None:
        """Puts the lists as they have to be, whatever has happened to them."""
        async with _Held(self._locks, account):
            await self._settle(account, inviter)

    async def check_all(self, account: str) -> None:
        for inviter in self._state.inviters_hidden(account):
            await self.check(account, inviter)

    async def block(self, account: str, other: str) -> None:
        """The account itself wants to hear nothing of the other one: ours becomes its own."""
        async with _Held(self._locks, account):
            await self._in_thread(self._state.add_block, account, other, sent=True)
            await self._in_thread(self._state.remove_hidden, account, other)
            before = self._state.listed(account, other)
            await self._in_thread(self._state.note_listed, account, other, Listed(False, before.filtered))
            await self._write_ignored(account, {other: True})
            await self._settle(account, other)

    async def unblock(self, account: str, other: str) -> None:
        """The account wants to hear the other one again; an invitation that is hidden stays so."""
        async with _Held(self._locks, account):
            await self._write_ignored(account, {other: False})
            await self._settle(account, other)

    async def _settle(self, account: str, other: str) -> None:
        rooms = self._state.hidden_of(account, other)
        anything = bool(rooms) or bool(self._state.inviters_hidden(account))
        listed = self._state.listed(account, other)

        names = _names(await self._get(account, FILTER))
        if rooms and _may_filter(other, names):
            listed = await self._note(account, other, before=listed, after=Listed(listed.ignored, True))
            await self._write_filter(account, other, add=True)
        elif not rooms and listed.filtered:
            await self._write_filter(account, other, add=False)
            listed = await self._note(account, other, before=listed, after=Listed(listed.ignored, False))

        filtered = bool(rooms) and await self._filtered(account, other)
        ignore = bool(rooms) and not (filtered and await self._know_each_other(account, other))
        users = users_of(await self._get(account, IGNORED))
        changes: dict[str, bool] = {}
        if ignore and other not in users:
            listed = await self._note(account, other, before=listed, after=Listed(True, listed.filtered))
            changes[other] = True
        elif not ignore and listed.ignored:
            changes[other] = False
        if anything != (self.nobody in users):
            changes[self.nobody] = anything
        if changes:
            await self._write_ignored(account, changes)
        if not ignore:
            await self._note(account, other, before=listed, after=Listed(False, listed.filtered))

    async def _note(self, account: str, other: str, *, before: Listed, after: Listed) -> Listed:
        if after != before:
            await self._in_thread(self._state.note_listed, account, other, after)
        return after

    async def _filtered(self, account: str, other: str) -> bool:
        """Whether Synapse goes by the filter: it may be switched off, or overruled by the account's other settings.

        Sliding sync does so only once Synapse has filled its tables, which it does in the background after an upgrade.
        """
        store = self._api._store
        config = await store.get_invite_config_for_user(account)
        if config.get_invite_rule(other) != InviteRule.IGNORE:
            return False
        return bool(await store.have_finished_sliding_sync_background_jobs())

    async def _know_each_other(self, account: str, other: str) -> bool:
        store = self._api._store
        shared = await store.get_mutual_rooms_between_users(frozenset({account, other}))
        for room in sorted(shared)[:_ROOMS_MAX]:
            if await store.get_number_joined_users_in_room(room) > _MEMBERS_MAX:
                continue
            rules = await self._api.get_room_state(room, [("m.room.join_rules", "")])
            if any(event.content.get("join_rule") != "public" for event in rules.values()):
                return True
        return False

    async def _write_ignored(self, account: str, changes: dict[str, bool]) -> None:
        value = await self._get(account, IGNORED)
        users = users_of(value)
        after = {name: item for name, item in users.items() if changes.get(name, True)}
        after |= {name: {} for name, add in changes.items() if add and name not in users}
        if after != users:
            await self._api.account_data_manager.put_global(account, IGNORED, {**value, "ignored_users": after})

    async def _write_filter(self, account: str, other: str, *, add: bool) -> None:
        value = await self._get(account, FILTER)
        names = _names(value)
        after = [name for name in names if name != other] + ([other] if add else [])
        if after != names:
            await self._api.account_data_manager.put_global(account, FILTER, {**value, "ignored_users": after})

    async def _get(self, account: str, kind: str) -> dict[str, Any]:
        value = await self._api.account_data_manager.get_global(account, kind)
        return {} if value is None else {**value}

    async def _in_thread(self, call: Any, *arguments: Any, **named: Any) -> Any:
        return await self._api.defer_to_thread(call, *arguments, **named)


class _Held:
    """One change of an account's lists at a time."""

    def __init__(self, locks: dict[str, DeferredLock], account: str) -> None:
        self._locks, self._account = locks, account
        self._lock = locks.setdefault(account, DeferredLock())

    async def __aenter__(self) -> None:
        await make_deferred_yieldable(self._lock.acquire())

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        if not self._lock.locked and not self._lock.waiting and self._locks.get(self._account) is self._lock:
            del self._locks[self._account]


def users_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """Clients may write anything into their own lists; what is no list counts as empty, and is replaced."""
    users = value.get("ignored_users")
    return dict(users) if isinstance(users, Mapping) else {}


def _may_filter(name: str, names: list[Any]) -> bool:
    """Whether the filter is to get the name. It takes patterns; a name that is one would hide others, too."""
    return name not in names and not set("*?") & set(name)


def _names(value: dict[str, Any]) -> list[Any]:
    names = value.get("ignored_users")
    return list(names) if isinstance(names, list | tuple) else []
