"""Accounts and their ages: what the platform says, what people say of themselves, and forgetting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.flows.people import People
from nightlight.flows.take_events import EventIntake
from nightlight.model.account import MINORS, Age, AgeBand, Assurance
from nightlight.model.event import Event, EventKind
from nightlight.ports import Clock, RelationView, Store
from nightlight.prevent.ages import known_age
from nightlight.prevent.event_reader import account_name

_BANDS = tuple(AgeBand)


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
class AccountBook:
    store: Store
    clock: Clock
    people: People
    events: EventIntake
    view: RelationView

    def put(self, line: AccountLine) -> None:
        """What the platform knows. ``RefusedError`` says what does not fit."""
        refused = self.put_all([(0, line)])
        if refused:
            raise RefusedError(refused[0].code, refused[0].message)

    def put_all(self, lines: Iterable[tuple[int, AccountLine]]) -> list[RefusedLine]:
        """Many accounts in one transaction; those that were refused, and why."""
        now = self.clock.now()
        refused: list[RefusedLine] = []
        checked: list[tuple[AccountLine, Age]] = []
        for number, line in lines:
            try:
                account_name(line.account)
                checked.append((line, known_age(line.band, line.assurance, line.birth_month, now)))
                if line.created_at is not None and not 0 <= line.created_at <= now + 300_000:
                    raise RefusedError("event_from_the_future", "created_at is no time of the past.")
            except RefusedError as e:
                refused.append(RefusedLine(number, e.code, e.message))
        created = [
            Event(f"account/{line.account}"[:255], EventKind.ACCOUNT_CREATED, line.created_at, line.account)
            for line, _ in checked
            if line.created_at is not None
        ]
        with self.store.write() as tx:
            change = tx.next_change()
            for line, age in checked:
                one = self.people.number(line.account)
                tx.put_age(one, self.people.close_age(one, age), change)
            known = tx.known_events([event.event_id for event in created])
            self.events.record(tx, [event for event in created if event.event_id not in known], now)
        self.view.follow()
        return refused

    def age(self, account: str) -> Age:
        """For the account itself and for nobody else."""
        with self.store.read() as tx:
            return self.people.age_of(tx, account)

    def declare(self, account: str, birth_month: str) -> Age:
        """The person says when they were born.

        It may add protection at once. What would lower it, or what stands against a better assurance, is refused here:
        that takes a person of the safety team (``RefusedError('age_needs_review')``).
        """
        now = self.clock.now()
        age = known_age(None, Assurance.DECLARED.value, birth_month, now)
        with self.store.write() as tx:
            before = self.people.age_of(tx, account)
            if _lowers_protection(before, age, now):
                raise RefusedError(
                    "age_needs_review",
                    "With that month some of your protections would end, so a person has to look at it first.",
                    "Write to the safety team of your server.",
                )
            one = self.people.number(account)
            tx.put_age(one, self.people.close_age(one, age), tx.next_change())
        self.view.follow()
        return age

    def forget(self, accounts: Sequence[str]) -> int:
        """Removes everything about accounts: events, relations, ages, decisions, requests. Returns how much."""
        now = self.clock.now()
        gone = 0
        with self.store.write() as tx:
            for account in accounts:
                gone += tx.remove_events_of(account) + tx.remove_contacts_of(account)
                gone += tx.remove_relations(self.people.number(account), tx.next_change(), now)
        self.view.follow()
        return gone


def _lowers_protection(before: Age, after: Age, now: int) -> bool:
    """Whether somebody known to be young would count as older, or a better assurance would be lost."""
    if before.assurance in (Assurance.ESTIMATED, Assurance.VERIFIED):
        return before.at(now) is not after.at(now)
    old, new = before.at(now), after.at(now)
    return old in MINORS and _BANDS.index(new) > _BANDS.index(old)
