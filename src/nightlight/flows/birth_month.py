"""A person says when they were born.

What protects more holds at once. What would protect less, or stands against what is known better, takes a person of the
safety team. Who was known to be older and now says to be younger is protected as the younger at once, but comes towards
others as somebody of unknown age until a person has looked: nobody gets closer to children by a click.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from nightlight.flows.asks import AskBook
from nightlight.flows.people import People
from nightlight.flows.policy_book import PolicyBook
from nightlight.flows.protections import ProtectionDesk
from nightlight.model.account import MINORS, Age, AgeBand, Assurance
from nightlight.model.ask import Ask, AskKind, AskState
from nightlight.ports import Clock, RelationView, Store, Transaction
from nightlight.prevent.ages import known_age
from nightlight.prevent.decide import CompiledPolicy

_ORDER = (AgeBand.UNDER_13, AgeBand.AGE_13_15, AgeBand.AGE_16_17, AgeBand.ADULT)
NOTE_CHARS_MAX = 500


class Declared(StrEnum):
    DONE = "done"
    #: The safety team looks at it first.
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class BirthMonths:
    store: Store
    clock: Clock
    people: People
    policies: PolicyBook
    view: RelationView
    asks: AskBook
    protections: ProtectionDesk

    def age(self, account: str) -> Age:
        """For the account itself and for nobody else."""
        with self.store.read() as tx:
            return self.people.age_of(tx, account)

    def last_ask(self, account: str) -> Ask | None:
        """The newest ask about an age, for the one who made it."""
        with self.store.read() as tx:
            return next((ask for ask in self.asks.of(tx, account) if ask.kind is AskKind.AGE), None)

    def declare(self, account: str, month: str, note: str = "") -> Declared:
        """``RefusedError('birth_month_malformed')``."""
        now = self.clock.now()
        age = known_age(None, Assurance.DECLARED.value, month, now)
        with self.store.write() as tx:
            before = self.people.age_of(tx, account)
            if before.birth_month == age.birth_month:
                return Declared.DONE
            policy = self.policies.in_force(tx).for_account(self.people.number(account))
            if protects_less(before, age, now, policy):
                self._ask(tx, Ask(self.asks.new_id("ask"), account, AskKind.AGE, month, note, AskState.OPEN, now))
                return Declared.ASKED
            if _younger(before.at(now), age.at(now)):
                ask = Ask(self.asks.new_id("ask"), account, AskKind.YOUNGER, month, note, AskState.OPEN, now)
                self._ask(tx, replace(ask, before=before))
                age = replace(age, disputed=True)
                self.protections.put_all_on(tx, account, now)
            self.put(tx, account, replace(age, disputed=age.disputed or before.disputed))
        self.view.follow()
        return Declared.DONE

    def put(self, tx: Transaction, account: str, age: Age) -> None:
        one = self.people.number(account)
        tx.put_age(one, self.people.close_age(one, age), tx.next_change())

    def _ask(self, tx: Transaction, ask: Ask) -> None:
        """A newer ask of a kind takes the older one's place; what was known first stays known."""
        waiting = self.asks.pending(tx, ask.account, ask.kind)
        if waiting is not None:
            if waiting.about == ask.about:
                return
            self.asks.end(tx, replace(waiting, state=AskState.WITHDRAWN, decided_at=ask.asked_at))
            ask = replace(ask, before=waiting.before or ask.before)
        self.asks.add(tx, ask)


def protects_less(before: Age, after: Age, now: int, policy: CompiledPolicy) -> bool:
    """Whether ``after`` would protect less than ``before``, now or later, or overrules a better assurance."""
    if before.assurance in (Assurance.ESTIMATED, Assurance.VERIFIED):
        return True
    old, new = before.at(now), after.at(now)
    if old is AgeBand.UNKNOWN:
        return new is AgeBand.ADULT and _protects_unknown(policy)
    if _younger(new, old):
        return True
    # The same band, left sooner.
    born, says = before.birth_month, after.birth_month
    return old in MINORS and old is new and born is not None and says is not None and says < born


def _younger(one: AgeBand, other: AgeBand) -> bool:
    """Whether ``other`` is younger than ``one``; what is unknown is neither."""
    return one in _ORDER and other in _ORDER and _ORDER.index(other) < _ORDER.index(one)


def _protects_unknown(policy: CompiledPolicy) -> bool:
    """Whether anybody reaches people of unknown age less easily than adults."""
    return any(
        cell.row.outcome > policy.cells[direction, coming, AgeBand.ADULT, relation].row.outcome
        for (direction, coming, asked, relation), cell in policy.cells.items()
        if asked is AgeBand.UNKNOWN
    )
