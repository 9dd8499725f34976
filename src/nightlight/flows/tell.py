"""Telling young people: server notices in plain words, not too often, never with anything personal in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nightlight.flows.people import People
from nightlight.model.account import MINORS
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.own_page import PendingNotice
from nightlight.model.relation import NumberedStatement, Tie
from nightlight.ports import Transaction
from nightlight.prevent.notices import Catalogue


@dataclass(frozen=True, slots=True)
class Notifier:
    """``page``: the young person's page. ``is_ours``: whether the account is one of this installation's.

    ``by_homeserver``: whether a homeserver sends the notices.

    Server notices are not encrypted, and a grown-up may look over a child's shoulder: no name stands in them.
    """

    people: People
    catalogue: Catalogue
    language: str
    country: str
    page: str
    new_id: Callable[[str], str]
    is_ours: Callable[[str], bool]
    by_homeserver: bool = True

    def on_homeserver(self, account: str) -> bool:
        """Whether the homeserver can be asked to do something for the account."""
        return self.by_homeserver and self.is_ours(account)

    def language_of(self, tx: Transaction, account: str) -> str:
        """The one the person chose, or the installation's."""
        return tx.preference(self.people.number(account)).language or self.language

    def note_told(self, tx: Transaction, account: str, notice_id: str, now: int) -> None:
        """The person has just read it elsewhere: it is not said again so soon."""
        one, what = self.people.number(account), self.people.number(f"notice/{notice_id}")
        tx.state([NumberedStatement(one, Tie.TOLD, what, now)], tx.next_change())

    def tell(self, tx: Transaction, account: str, notice_id: str, now: int) -> bool:
        """Plans the notice, unless the account is no young person's or had it not long ago.

        Where the homeserver cannot send one it waits for the messenger's own client to fetch it.
        """
        band = self.people.age_of(tx, account).at(now)
        if band not in MINORS or not self.is_ours(account):
            return False
        one, what = self.people.number(account), self.people.number(f"notice/{notice_id}")
        last = tx.relation(one, Tie.TOLD, what)
        if last is not None and 0 <= now - last < self.catalogue.every[notice_id]:
            return False
        self.note_told(tx, account, notice_id, now)
        language = self.language_of(tx, account)
        if not self.by_homeserver:
            tx.add_pending_notice(one, PendingNotice(self.new_id("notice"), notice_id, language, now))
            return True
        notice = self.catalogue.notice(notice_id, language)
        country = tx.preference(one).country or self.country
        text = f"{notice.title}\n\n{notice.text_for(band)}\n\n{self.page}\n{self._helpline(country)}"
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

    def _helpline(self, code: str) -> str:
        country = self.catalogue.helplines(code)
        lines = [f"{line.name}: {line.phone or line.url}" for line in country.lines[:1]]
        return " · ".join([*lines, country.emergency])
