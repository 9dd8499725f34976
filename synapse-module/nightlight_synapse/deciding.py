# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the service says about an approach, and what holds while it does not answer."""

from __future__ import annotations

from typing import Any

from synapse.module_api import ModuleApi
from synapse.storage.invite_rule import InviteRule

from nightlight_synapse.config import NightlightConfig
from nightlight_synapse.service import Approach, NoAnswerError, Service, Verdict
from nightlight_synapse.state import State


class Decider:
    """Nothing is decided here but what the operator set for the time without an answer."""

    def __init__(self, api: ModuleApi, config: NightlightConfig, service: Service, state: State) -> None:
        self._api = api
        self._config = config
        self._service = service
        self._state = state

    async def decide(self, approaches: list[Approach]) -> list[Verdict]:
        for one in approaches:
            await self._tell_of_own_block(one.target, one.actor)
        try:
            verdicts, adults = await self._service.decide(approaches)
        except NoAnswerError:
            return [await self._without_answer(one) for one in approaches]
        # Not waited for: while it is not noted, an account counts as what is kept from the time before, or as unknown.
        asked = [name for one in approaches for name in (one.actor, one.target)]
        self._api.run_as_background_process("nightlight_note_adults", self.note_adults, adults, asked)
        return verdicts

    async def blocks_all(self, account: str, other: str) -> bool:
        """Whether the account's own settings refuse invitations of the other one (MSC4380, MSC4155)."""
        config = await self._api._store.get_invite_config_for_user(account)
        return bool(config.get_invite_rule(other) == InviteRule.BLOCK)

    async def note_adults(self, adults: list[str], asked: list[str]) -> None:
        news = [account for account in adults if account in asked]
        if news and not self._state.are_adults(*news):
            await self._in_thread(self._state.note_adults, news)
        for account in set(asked) - set(news):
            if self._state.are_adults(account):
                await self._in_thread(self._state.forget_adult, account)

    async def _tell_of_own_block(self, account: str, other: str) -> None:
        """Somebody whom the account ignored before we were here, or a moment ago, is blocked: said before asking."""
        if not self._api.is_mine(account) or other not in await self._api._store.ignored_users(account):
            return
        if other in self._state.ignored_by_us(account):
            return
        if self._state.knows_block(account, other):
            return
        await self._in_thread(self._state.add_block, account, other, sent=False)
        try:
            await self._service.post("/v1/module/block", {"account": account, "other": other})
        except NoAnswerError:
            return  # it stands in our file, and is told later
        await self._in_thread(self._state.note_sent, account, other)

    async def _without_answer(self, approach: Approach) -> Verdict:
        adults = self._state.are_adults(approach.actor, approach.target)
        choice = self._config.without_answer_adults if adults else self._config.without_answer
        return Verdict("show" if choice == "allow" else choice)

    async def _in_thread(self, call: Any, *arguments: Any, **named: Any) -> Any:
        return await self._api.defer_to_thread(call, *arguments, **named)
