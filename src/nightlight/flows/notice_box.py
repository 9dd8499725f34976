"""Notices for a messenger whose clients show them themselves: they wait here until they were fetched and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightlight.flows.people import People
from nightlight.ports import Clock, Store
from nightlight.prevent.notices import Catalogue

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """``notice`` names it in the catalogue; title and text are in the person's language, and written for their age."""

    notice_id: str
    notice: str
    language: str
    told_at: int
    title: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoticeBox:
    store: Store
    clock: Clock
    people: People
    catalogue: Catalogue

    def waiting(self, account: str) -> list[WaitingNotice]:
        """The oldest first. They wait until ``shown``, or for 30 days."""
        now = self.clock.now()
        with self.store.read() as tx:
            band = self.people.age_of(tx, account).at(now)
            pending = tx.pending_notices(self.people.number(account), _AT_ONCE)
        found = []
        for one in pending:
            words = self.catalogue.notice(one.notice, one.language)
            found.append(
                WaitingNotice(one.notice_id, one.notice, one.language, one.told_at, words.title, words.text_for(band))
            )
        return found

    def shown(self, account: str, notice_ids: Sequence[str]) -> int:
        """These were shown; how many of them had been waiting. Saying so again changes nothing."""
        with self.store.write() as tx:
            return tx.remove_pending_notices(self.people.number(account), list(notice_ids))
