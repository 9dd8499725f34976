"""Accounts and their ages: what the platform says, and forgetting."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.people import People
from nightlight.flows.take_events import EventIntake
from nightlight.model.account import Age, Assurance
from nightlight.model.event import Event, EventKind
from nightlight.ports import Clock, RelationView, Store, Transaction
from nightlight.prevent.ages import known_age
from nightlight.prevent.event_reader import account_name

#: How far the platform's clock may be ahead.
_AHEAD_MS = 300_000
#: How far back in time a decision may have been made that was made after another, because a clock was set back.
_CLOCK_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account as it is given to us, in words; None for what is not given. ``created_at``: milliseconds."""

    account: str
    band: str | None
    assurance: str | None
    birth_month: str | None
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """``number``: of the line in the file."""

    number: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PutAccounts:
    """What became of many accounts. ``changed``: those of which something new was said."""

    changed: int
    unchanged: int
    refused: list[RefusedLine]


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What there is about an account, without saying what: an age is for nobody's curiosity."""

    assurance: Assurance
    has_birth_month: bool
    relations: int


@dataclass(frozen=True, slots=True)
class AccountBook:
    store: Store
    clock: Clock
    people: People
    events: EventIntake
    view: RelationView

    def put(self, line: AccountLine) -> None:
        """What the platform knows. ``RefusedError`` says what does not fit."""
        refused = self.put_all([(0, line)]).refused
        if refused:
            raise RefusedError(refused[0].code, refused[0].message)

    def put_all(
        self, lines: Iterable[tuple[int, AccountLine]], imported_by: str = "", *, dry: bool = False
    ) -> PutAccounts:
        """Many accounts in one transaction, the last line about one of them counting.

        ``imported_by``: who has an import to answer for, which is logged with its counts. ``dry``: nothing is written.
        """
        now = self.clock.now()
        refused: list[RefusedLine] = []
        ages: dict[str, Age] = {}
        created: list[Event] = []
        accounts: set[str] = set()
        for number, line in lines:
            try:
                age = _checked(line, now)
            except RefusedError as e:
                refused.append(RefusedLine(number, e.code, e.message))
                continue
            accounts.add(line.account)
            if age is not None:
                ages[line.account] = age
            if line.created_at is not None:
                created.append(_created(line.account, line.created_at))
        if dry or not accounts:
            return PutAccounts(len(accounts), 0, refused)
        with self.store.write() as tx:
            changed = self._put_ages(tx, ages)
            changed |= {event.actor for event in self.events.record_once(tx, created, now)}
            if changed and imported_by:
                tx.log(now, LogKind.ACCOUNTS_IMPORTED, imported_by, "accounts", {"accounts": len(changed)})
        self.view.follow()
        return PutAccounts(len(changed), len(accounts) - len(changed), refused)

    def _put_ages(self, tx: Transaction, ages: Mapping[str, Age]) -> set[str]:
        """Those of which something else was known before: what is written again makes work in every process."""
        numbers = {account: self.people.number(account) for account in ages}
        known = tx.sealed_ages(list(numbers.values()))
        changed = {
            account
            for account, one in numbers.items()
            if one not in known or self.people.open_age(one, known[one]) != ages[account]
        }
        if changed:
            change = tx.next_change()
            for account in sorted(changed):
                one = numbers[account]
                tx.put_age(one, self.people.close_age(one, ages[account]), change)
        return changed

    def look_up(self, account: str) -> KnownAccount:
        """Whether anything is known about an account, and how surely; never what."""
        with self.store.read() as tx:
            age = self.people.age_of(tx, account)
            relations = len(tx.relations_naming(self.people.number(account)))
        return KnownAccount(age.assurance, age.birth_month is not None, relations)

    def look_up_age(self, account: str, by: str, reason: str) -> Age:
        """An age, for a person of the safety team who has to know it. The look is logged before it is answered."""
        if not reason.strip():
            raise RefusedError("reason_missing", "Looking at somebody's age needs a reason.", "It goes into the log.")
        with self.store.write() as tx:
            tx.log(self.clock.now(), LogKind.AGE_VIEWED, by, self.people.pseudonym(account), {"reason": reason.strip()})
            return self.people.age_of(tx, account)

    def forget(self, accounts: Sequence[str], by: str = "service") -> int:
        """Removes everything about accounts: events, relations, ages, decisions, requests. Returns how much.

        Reports, evidence and the log are not prevention's, and stay. ``RefusedError('account_held')`` where one of them
        is under a hold: then nothing of any of them is removed.
        """
        with self.store.read() as tx:
            for account in accounts:
                _require_no_hold(tx, account, self.clock.now())
        return sum(self._forget(account, by) for account in accounts)

    def _forget(self, account: str, by: str) -> int:
        now, one = self.clock.now(), self.people.number(account)
        # Looking through whole tables holds nobody up here; what comes meanwhile is looked for again below.
        with self.store.snapshot() as tx:
            (last_event, _), last_change = tx.last_event(), tx.last_change()
            events, named = tx.events_naming(account), tx.relations_naming(one)
            decisions = tx.decisions_naming(account)
        with self.store.write() as tx:
            _require_no_hold(tx, account, self.clock.now())
            gone = tx.remove_events(events, account, last_event)
            gone += tx.remove_contacts_of(account, decisions, now - _CLOCK_MS) + tx.remove_actions_of(account)
            gone += tx.remove_own_page(one, account) + tx.remove_asks_of(one) + tx.remove_signals_of(one, account)
            gone += tx.remove_relations(one, named, last_change, tx.next_change(), now)
            tx.log(now, LogKind.ACCOUNT_FORGOTTEN, by, self.people.pseudonym(account), {"removed": gone})
        self.view.follow()
        return gone


def _require_no_hold(tx: Transaction, account: str, now: int) -> None:
    for hold in tx.holds_on_account(account):
        if hold.holds(now):
            raise RefusedError(
                "account_held",
                f"The account is under the hold {hold.hold_id}: nothing about it may be removed.",
                "Two people release a hold; see `nightlight retention holds`.",
            )


def _checked(line: AccountLine, now: int) -> Age | None:
    """The age that the line gives, None where it gives none; ``RefusedError``."""
    account_name(line.account)
    if line.created_at is not None and not 0 <= line.created_at <= now + _AHEAD_MS:
        raise RefusedError("event_from_the_future", "created_at is no time of the past.")
    if line.created_at is not None and (line.band, line.assurance, line.birth_month) == (None, None, None):
        return None
    return known_age(line.band, line.assurance, line.birth_month, now)


def _created(account: str, at: int) -> Event:
    # The id of an account may be as long as an event's may be, and need not be ASCII.
    name = hashlib.blake2b(account.encode(), digest_size=16).hexdigest()
    return Event(f"account/{name}/{at}", EventKind.ACCOUNT_CREATED, at, account)
