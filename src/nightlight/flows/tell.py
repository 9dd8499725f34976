"""Telling young people: server notices in plain words, not too often, never with anything personal in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nightlight.flows.people import People
from nightlight.model.account import MINORS
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.relation import NumberedStatement, Tie
from nightlight.ports import Transaction
from nightlight.prevent.notices import NOTICES, Catalogue


@dataclass(frozen=True, slots=True)
class Notifier:
    """``page``: the young person's page. ``is_local``: whether the homeserver can send the account a notice.

    Server notices are not encrypted, and a grown-up may look over a child's shoulder: no name stands in them.
    """

    people: People
    catalogue: Catalogue
    language: str
    country: str
    page: str
    new_id: Callable[[str], str]
    is_local: Callable[[str], bool]

    def tell(self, tx: Transaction, account: str, notice_id: str, now: int) -> bool:
        """Plans the notice, unless the account is no young person's or had it not long ago."""
        band = self.people.age_of(tx, account).at(now)
        if band not in MINORS or not self.is_local(account):
            return False
        one, what = self.people.number(account), self.people.number(f"notice/{notice_id}")
        last = tx.relation(one, Tie.TOLD, what)
        if last is not None and now - last < NOTICES[notice_id].every_ms:
            return False
        tx.state([NumberedStatement(one, Tie.TOLD, what, now)], tx.next_change())
        notice = self.catalogue.notice(notice_id, self.language)
        text = f"{notice.title}\n\n{notice.text_for(band)}\n\n{self.page}\n{self._helpline()}"
        action = Action(
            self.new_id("action"),
            None,
            ActionKind.SAFETY_NOTICE,
            account,
            {"text": text, "notice": notice_id},
            ActionState.PENDING,
            0,
            now,
            None,
            now,
        )
        tx.add_action(action)
        return True

    def _helpline(self) -> str:
        country = self.catalogue.helplines(self.country)
        lines = [f"{line.name}: {line.phone or line.url}" for line in country.lines[:1]]
        return " · ".join([*lines, country.emergency])
