"""The safety team answers what young people ask for; nobody else sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.asks import AskBook
from nightlight.flows.birth_month import BirthMonths
from nightlight.flows.protections import CONFIRM_MS, ProtectionDesk
from nightlight.model.account import AgeBand, Assurance
from nightlight.model.ask import Ask, AskKind, AskState
from nightlight.model.relation import DAY_MS
from nightlight.ports import Clock, RelationView, Store, Transaction
from nightlight.prevent.ages import known_age
from nightlight.prevent.policy import Loosener

REASON_CHARS_MAX = 500
_SHOWN = 200
#: How long an ask is kept after its end, so that the person can read what became of it.
KEPT_MS = 90 * DAY_MS


@dataclass(frozen=True, slots=True)
class AskFile:
    """An ask as a reviewer sees it: bands, and no more of an age than that."""

    ask: Ask
    band: AgeBand = field(repr=False)
    asked_band: AgeBand | None = field(repr=False)
    title: str


@dataclass(frozen=True, slots=True)
class AskDesk:
    store: Store
    clock: Clock
    asks: AskBook
    months: BirthMonths
    protections: ProtectionDesk
    view: RelationView

    def waiting(self) -> list[AskFile]:
        """What waits for the safety team, the oldest first."""
        with self.store.read() as tx:
            return [self._file(tx, self.asks.open(stored)) for stored in tx.asks_in([AskState.OPEN], _SHOWN)]

    def look(self, ask_id: str, reviewer: str) -> AskFile:
        """One ask with what it takes to decide it. That somebody saw an age is logged before it is shown.

        ``RefusedError('ask_not_found')``.
        """
        with self.store.write() as tx:
            ask = self.asks.find(tx, ask_id)
            if ask is None:
                raise RefusedError("ask_not_found", "There is no such ask.")
            name = self.months.people.pseudonym(ask.account)
            tx.log(self.clock.now(), LogKind.AGE_VIEWED, reviewer, name, {"reason": ask.ask_id})
            return self._file(tx, ask)

    def count(self) -> int:
        with self.store.read() as tx:
            return tx.count_asks(AskState.OPEN)

    def decide(self, ask_id: str, reviewer: str, *, approve: bool, reason: str) -> Ask:
        """Answers it, with effect at once. ``reason`` is what the person is told.

        ``RefusedError``: ``ask_not_found``, ``ask_decided``, ``reason_missing``, ``reason_too_long``,
        ``protection_fixed``.
        """
        reason = reason.strip()
        if not reason:
            raise RefusedError("reason_missing", "Write why, in words for the young person.")
        if len(reason) > REASON_CHARS_MAX:
            raise RefusedError("reason_too_long", f"The reason has more than {REASON_CHARS_MAX} characters.")
        now = self.clock.now()
        with self.store.write() as tx:
            ask = self.asks.find(tx, ask_id)
            if ask is None:
                raise RefusedError("ask_not_found", "There is no such ask.")
            if ask.state is not AskState.OPEN:
                raise RefusedError("ask_decided", "This ask has been answered or taken back already.")
            (self._grant if approve else self._turn_down)(tx, ask, now)
            state = AskState.APPROVED if approve else AskState.DECLINED
            ended = replace(ask, state=state, decided_at=now, decided_by=reviewer, reason=reason)
            self.asks.end(tx, ended)
        self.view.follow()
        return ended

    def sweep(self) -> None:
        """Ends what nobody confirmed in time, and forgets what ended long ago."""
        now = self.clock.now()
        with self.store.read() as tx:
            late = [one for one in tx.asks_in([AskState.COOLING], _SHOWN) if now >= one.due_at + CONFIRM_MS]
        with self.store.write() as tx:
            for stored in late:
                current = self.asks.find(tx, stored.ask_id)
                if current is not None and current.state is AskState.COOLING:
                    self.asks.end(tx, replace(current, state=AskState.WITHDRAWN, decided_at=now))
            tx.expire_asks(now - KEPT_MS)
            tx.expire_own_pages(now, now - 30 * DAY_MS)

    def _grant(self, tx: Transaction, ask: Ask, now: int) -> None:
        match ask.kind:
            case AskKind.AGE:
                self.months.put(tx, ask.account, known_age(None, Assurance.DECLARED.value, ask.about, now))
            case AskKind.YOUNGER:
                age = self.months.people.age_of(tx, ask.account)
                self.months.put(tx, ask.account, replace(age, disputed=False))
            case AskKind.PROTECTION:
                if self.protections.rule(tx, ask.account, ask.about) is Loosener.NOBODY:
                    raise RefusedError("protection_fixed", "By the policy in force nobody may take this off any more.")
                self.protections.take_off(tx, ask.account, ask.about, now)

    def _turn_down(self, tx: Transaction, ask: Ask, _now: int) -> None:
        if ask.kind is AskKind.YOUNGER and ask.before is not None:
            self.months.put(tx, ask.account, ask.before)

    def _file(self, tx: Transaction, ask: Ask) -> AskFile:
        now = self.clock.now()
        age = self.months.people.age_of(tx, ask.account)
        title, asked = "", None
        if ask.kind is AskKind.PROTECTION:
            policy = self.protections.policies.in_force(tx).for_account(self.months.people.number(ask.account)).policy
            title = next((item.title for item in policy.protections if item.id == ask.about), ask.about)
        else:
            asked = known_age(None, Assurance.DECLARED.value, ask.about, now).at(now)
        before = ask.before if ask.before is not None else age
        return AskFile(ask, before.at(now), asked, title)
