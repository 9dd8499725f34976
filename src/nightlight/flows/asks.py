"""Asks of young people as they are kept: sealed in the table, and in the log only as a digest of that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from nightlight.evidence.log import LogKind
from nightlight.flows.people import People
from nightlight.model.ask import Ask, AskKind, AskState, StoredAsk
from nightlight.ports import Transaction
from nightlight.prevent.ages import pack_age, unpack_age

#: Who made it stands in no log: an ask about a protection tells that somebody is young.
SOMEBODY = "somebody"
PENDING = (AskState.COOLING, AskState.OPEN)


@dataclass(frozen=True, slots=True)
class AskBook:
    people: People
    new_id: Callable[[str], str]

    def add(self, tx: Transaction, ask: Ask) -> Ask:
        stored = self._close(ask)
        tx.add_ask(stored)
        tx.log(ask.asked_at, LogKind.ASK_MADE, SOMEBODY, ask.ask_id, _record(stored))
        return ask

    def end(self, tx: Transaction, ask: Ask) -> Ask:
        """``ask`` carries its end: state, time, by whom."""
        stored = self._close(ask)
        tx.save_ask(stored)
        tx.log(ask.decided_at or 0, LogKind.ASK_ENDED, ask.decided_by or SOMEBODY, ask.ask_id, _record(stored))
        return ask

    def find(self, tx: Transaction, ask_id: str) -> Ask | None:
        stored = tx.ask(ask_id)
        return self.open(stored) if stored else None

    def of(self, tx: Transaction, account: str) -> list[Ask]:
        """The newest first."""
        return [self.open(stored) for stored in tx.asks_of(self.people.number(account))]

    def pending(self, tx: Transaction, account: str, kind: AskKind, about: str | None = None) -> Ask | None:
        """The one of this kind that has no end yet."""
        for ask in self.of(tx, account):
            if ask.state in PENDING and ask.kind is kind and about in (None, ask.about):
                return ask
        return None

    def open(self, stored: StoredAsk) -> Ask:
        """``RefusedError('sealed_damaged')`` if somebody changed it."""
        said = json.loads(self.people.seal.open(_place(stored.ask_id), stored.sealed))
        return Ask(
            stored.ask_id,
            said["account"],
            stored.kind,
            said["about"],
            said["note"],
            stored.state,
            stored.asked_at,
            stored.due_at,
            stored.decided_at,
            stored.decided_by,
            said["reason"],
            None if said["before"] is None else unpack_age(said["before"]),
        )

    def _close(self, ask: Ask) -> StoredAsk:
        said = {
            "account": ask.account,
            "about": ask.about,
            "note": ask.note,
            "reason": ask.reason,
            "before": None if ask.before is None else pack_age(ask.before),
        }
        sealed = self.people.seal.close(_place(ask.ask_id), json.dumps(said).encode())
        return StoredAsk(
            ask.ask_id,
            self.people.number(ask.account),
            ask.kind,
            ask.state,
            ask.asked_at,
            ask.due_at,
            ask.decided_at,
            ask.decided_by,
            sealed,
        )


def _place(ask_id: str) -> str:
    return f"ask/{ask_id}"


def _record(stored: StoredAsk) -> dict[str, str]:
    return {"state": stored.state, "record": hashlib.sha256(stored.sealed).hexdigest()}
