# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations that are there and are not shown: through the invited account's own lists.

``m.ignored_user_list`` hides an invitation from every kind of sync, the invite filter of MSC4155 also from push. Both
lie in the account's own data, where its client may see and change them.
"""

from __future__ import annotations

import logging
from typing import Any

from synapse.logging.context import make_deferred_yieldable
from synapse.module_api import ModuleApi
from twisted.internet.defer import DeferredLock

from nightlight_synapse.state import Hidden, State

_log = logging.getLogger(__name__)

IGNORED = "m.ignored_user_list"
FILTER = "org.matrix.msc4155.invite_permission_config"


class Hider:
    def __init__(self, api: ModuleApi, state: State) -> None:
        self._api = api
        self._state = state
        self._locks: dict[str, DeferredLock] = {}

    async def hide(self, account: str, inviter: str, room: str, *, everywhere: bool) -> None:
        """Hides invitations of ``inviter``. Raises if that cannot be done: then nothing is half hidden.

        ``everywhere``: also by ignoring, which hides what the inviter says in rooms that both are in.
        """
        async with _Held(self._locks, account):
            data = self._api.account_data_manager
            ignored = filtered = False
            if everywhere:
                value = _copy(await data.get_global(account, IGNORED))
                users = dict(value.get("ignored_users") or {})
                if inviter not in users:
                    # Written down first: what is in the list because of us must never count as a block by the account.
                    ignored = True
            filter_value = _copy(await data.get_global(account, FILTER))
            names = list(filter_value.get("ignored_users") or [])
            # The filter takes patterns; a name that is one would hide others, too.
            if inviter not in names and not set("*?") & set(inviter):
                filtered = True
            before = await self._in_thread(self._state.hidden_of, account, inviter)
            await self._in_thread(
                self._state.add_hidden,
                Hidden(
                    account,
                    inviter,
                    room,
                    ignored or any(one.ignored for one in before),
                    filtered or any(one.filtered for one in before),
                ),
            )
            if ignored:
                await data.put_global(account, IGNORED, {**value, "ignored_users": {**users, inviter: {}}})
            if filtered:
                await data.put_global(account, FILTER, {**filter_value, "ignored_users": [*names, inviter]})

    async def show(self, account: str, inviter: str, room: str) -> None:
        """Takes back what ``hide`` did, as far as no other hidden invitation needs it."""
        async with _Held(self._locks, account):
            all_hidden = await self._in_thread(self._state.hidden_of, account, inviter)
            mine = [one for one in all_hidden if one.room == room]
            if not mine:
                return
            if len(all_hidden) == len(mine):
                data = self._api.account_data_manager
                if any(one.ignored for one in mine):
                    value = _copy(await data.get_global(account, IGNORED))
                    users = {name: item for name, item in (value.get("ignored_users") or {}).items() if name != inviter}
                    await data.put_global(account, IGNORED, {**value, "ignored_users": users})
                if any(one.filtered for one in mine):
                    value = _copy(await data.get_global(account, FILTER))
                    names = [name for name in value.get("ignored_users") or [] if name != inviter]
                    await data.put_global(account, FILTER, {**value, "ignored_users": names})
            await self._in_thread(self._state.remove_hidden, account, inviter, room)

    async def _in_thread(self, call: Any, *arguments: object) -> Any:
        return await self._api.defer_to_thread(call, *arguments)


class _Held:
    """One change of an account's lists at a time."""

    def __init__(self, locks: dict[str, DeferredLock], account: str) -> None:
        self._locks, self._account = locks, account
        self._lock = locks.setdefault(account, DeferredLock())

    async def __aenter__(self) -> None:
        await make_deferred_yieldable(self._lock.acquire())

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        if not self._lock.locked and not self._lock.waiting:
            self._locks.pop(self._account, None)


def _copy(value: Any) -> dict[str, Any]:
    return dict(value) if value is not None else {}
