"""The protections that hold for somebody, and how each may be loosened: by the rule of the policy in force."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.flows.asks import PENDING, AskBook
from nightlight.flows.people import People
from nightlight.flows.policy_book import PolicyBook
from nightlight.flows.take_events import EventIntake
from nightlight.flows.tell import Notifier
from nightlight.model.ask import Ask, AskKind, AskState
from nightlight.model.event import Event, EventKind
from nightlight.model.relation import DAY_MS, Tie
from nightlight.ports import Clock, RelationView, Store, Transaction
from nightlight.prevent.policy import Loosener, Protection

#: How long somebody thinks it over before they can confirm, and how long they may confirm then.
COOLING_MS = DAY_MS
CONFIRM_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class ProtectionState:
    """``ask``: the newest ask about it, whatever became of it."""

    id: str
    title: str
    on: bool
    rule: Loosener
    ask: Ask | None

    @property
    def pending(self) -> Ask | None:
        return self.ask if self.ask is not None and self.ask.state in PENDING else None


@dataclass(frozen=True, slots=True)
class ProtectionDesk:
    """Every method takes the account that is signed in."""

    store: Store
    clock: Clock
    people: People
    policies: PolicyBook
    events: EventIntake
    view: RelationView
    asks: AskBook
    notifier: Notifier

    def states(self, account: str) -> list[ProtectionState]:
        with self.store.read() as tx:
            return [self._state(tx, account, item) for item in self._protections(tx, account)]

    def state(self, account: str, protection_id: str) -> ProtectionState:
        """``RefusedError('protection_not_found')``."""
        with self.store.read() as tx:
            return self._state(tx, account, self._protection(tx, account, protection_id))

    def loosen(self, account: str, protection_id: str, note: str = "") -> ProtectionState:
        """Begins what the rule asks for, or does it where one click is enough. Done already, it changes nothing.

        ``RefusedError``: ``protection_fixed`` where nobody may.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            protection = self._protection(tx, account, protection_id)
            state = self._state(tx, account, protection)
            if not state.on or state.pending is not None:
                return state
            ask = Ask(self.asks.new_id("ask"), account, AskKind.PROTECTION, protection_id, note, AskState.OPEN, now)
            match state.rule:
                case Loosener.NOBODY:
                    raise RefusedError("protection_fixed", "This protection stays on.")
                case Loosener.SELF:
                    self.take_off(tx, account, protection_id, now)
                case Loosener.SELF_CONFIRMED:
                    self.asks.add(tx, replace(ask, state=AskState.COOLING, due_at=now + COOLING_MS))
                case Loosener.SAFETY_TEAM:
                    self.asks.add(tx, ask)
            # Also a word to them if somebody else holds their device.
            self.notifier.tell(tx, account, "loosening", now)
            state = self._state(tx, account, protection)
        self.view.follow()
        return state

    def confirm(self, account: str, protection_id: str) -> ProtectionState:
        """The person still wants it a day later. ``RefusedError``: ``too_early``, ``nothing_to_confirm``."""
        now = self.clock.now()
        with self.store.write() as tx:
            protection = self._protection(tx, account, protection_id)
            state = self._state(tx, account, protection)
            ask = state.pending
            if ask is None or ask.state is not AskState.COOLING or now >= ask.due_at + CONFIRM_MS:
                raise RefusedError("nothing_to_confirm", "There is nothing to confirm any more.")
            if state.rule not in (Loosener.SELF, Loosener.SELF_CONFIRMED):
                raise RefusedError("protection_fixed", "This protection stays on.")
            if now < ask.due_at:
                raise RefusedError("too_early", "This can be confirmed a day after it was asked for.")
            self.asks.end(tx, replace(ask, state=AskState.APPROVED, decided_at=now))
            self.take_off(tx, account, protection_id, now)
            state = self._state(tx, account, protection)
        self.view.follow()
        return state

    def restore(self, account: str, protection_id: str) -> ProtectionState:
        """On again at once, and nothing waits any more that would take it off."""
        now = self.clock.now()
        with self.store.write() as tx:
            protection = self._protection(tx, account, protection_id)
            state = self._state(tx, account, protection)
            if state.pending is not None:
                self.asks.end(tx, replace(state.pending, state=AskState.WITHDRAWN, decided_at=now))
            self.put_on(tx, account, protection_id, now)
            state = self._state(tx, account, protection)
        self.view.follow()
        return state

    def take_off(self, tx: Transaction, account: str, protection_id: str, now: int) -> None:
        said = self._said_at(tx, account, protection_id)
        at = now if said is None else max(now, said + 1)  # of one instant the end would win
        self._say(tx, EventKind.PROTECTION_LOOSENED, account, protection_id, at, now)

    def put_on(self, tx: Transaction, account: str, protection_id: str, now: int) -> None:
        since = self._loosened_at(tx, account, protection_id)
        if since is not None:
            # A clock that was set back must not keep it off.
            self._say(tx, EventKind.PROTECTION_RESTORED, account, protection_id, max(now, since), now)

    def put_all_on(self, tx: Transaction, account: str, now: int) -> None:
        """Whoever turns out to be younger begins with every protection."""
        for protection in self.policies.in_force(tx).for_account(self.people.number(account)).policy.protections:
            self.put_on(tx, account, protection.id, now)

    def rule(self, tx: Transaction, account: str, protection_id: str) -> Loosener:
        """Who may take it off this account now; ``RefusedError('protection_not_found')``."""
        band = self.people.age_of(tx, account).at(self.clock.now())
        return self._protection(tx, account, protection_id).loosener(band)

    def _state(self, tx: Transaction, account: str, protection: Protection) -> ProtectionState:
        now = self.clock.now()
        rule = protection.loosener(self.people.age_of(tx, account).at(now))
        on = self._loosened_at(tx, account, protection.id) is None
        asked = (ask for ask in self.asks.of(tx, account) if ask.kind is AskKind.PROTECTION)
        newest = next((ask for ask in asked if ask.about == protection.id), None)
        if newest is not None and newest.state is AskState.COOLING and now >= newest.due_at + CONFIRM_MS:
            newest = None  # it ran out; the sweep writes that down
        return ProtectionState(protection.id, protection.title, on, rule, newest)

    def _protections(self, tx: Transaction, account: str) -> list[Protection]:
        band = self.people.age_of(tx, account).at(self.clock.now())
        policy = self.policies.in_force(tx).for_account(self.people.number(account)).policy
        return [item for item in policy.protections if band in item.selector.to_bands]

    def _protection(self, tx: Transaction, account: str, protection_id: str) -> Protection:
        for protection in self._protections(tx, account):
            if protection.id == protection_id:
                return protection
        raise RefusedError("protection_not_found", "There is no such protection for this account.")

    def _say(self, tx: Transaction, kind: EventKind, account: str, protection_id: str, at: int, now: int) -> None:
        fields = {"protection": protection_id}
        self.events.record(tx, [Event(self.asks.new_id("protection"), kind, at, account, fields=fields)], now)

    def _said_at(self, tx: Transaction, account: str, protection_id: str) -> int | None:
        return tx.last_said(self.people.number(account), Tie.LOOSENED, self.people.number(protection_id))

    def _loosened_at(self, tx: Transaction, account: str, protection_id: str) -> int | None:
        return tx.relation(self.people.number(account), Tie.LOOSENED, self.people.number(protection_id))
