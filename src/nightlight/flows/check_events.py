"""Checking that relations and the event log say the same: what the events say is worked out again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.flows.people import People
from nightlight.flows.take_events import EventLimits
from nightlight.model.relation import ENDED_MS, LIFETIME, NumberedStatement, Tie
from nightlight.ports import Clock, Store, Transaction
from nightlight.prevent.facts import counts_for_limits, facts_from_bytes
from nightlight.prevent.relations import decided, statements, supersedes

_PAGE = 5_000
#: Statements worked out at once, some 200 bytes each.
_AT_ONCE = 1_000_000
#: A statement for every event, and for most of them the same seen from the other side.
_STATEMENTS_PER_EVENT = 3
#: Which no event explains: notices, words of forgetting, times that others say, and rooms whose maker was forgotten.
_UNEXPLAINED = frozenset(
    {Tie.TOLD, Tie.FORGOTTEN, Tie.KNOWN_SINCE, Tie.PRIVATE, Tie.PUBLIC, Tie.SIGNAL, Tie.BANNED_WITH}
)
_DECIDED = frozenset(range(Tie.DECIDED_ALLOW, Tie.DECIDED_DENY + 1))

Key = tuple[int, int, int]


@dataclass(slots=True)
class Checked:
    """What was found. ``missing``: events say it, the relations do not. ``unexplained``: the other way round.

    ``sealed``: ages that do not open. Accounts stand in it as keyed numbers.
    """

    events: int = 0
    relations: int = 0
    missing: list[NumberedStatement] = field(default_factory=list)
    unexplained: list[NumberedStatement] = field(default_factory=list)
    sealed: list[int] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.missing or self.unexplained or self.sealed)


@dataclass(frozen=True, slots=True)
class EventCheck:
    """``at_once``: how many statements are worked out in one pass over the log."""

    store: Store
    clock: Clock
    people: People
    limits: EventLimits
    at_once: int = _AT_ONCE

    def run(self, *, mend: bool = False) -> Checked:
        """Compares all there is at one instant. ``mend``: what is missing is stated again, from the events."""
        found = Checked()
        with self.store.snapshot() as tx:
            first = next(iter(tx.events_after(0, 1)), None)
            last, last_at = tx.last_event()
            length = last - first.number + 1 if first else 0
            since = (first.received_at if first else last_at) + self.limits.ahead_ms
            passes = length * _STATEMENTS_PER_EVENT // self.at_once + 1
            for turn in range(passes):
                self._compare(tx, found, turn, passes, since)
            for one, sealed in tx.changed_ages(-1):
                try:
                    self.people.open_age(one, sealed)
                except RefusedError:
                    found.sealed.append(one)
            found.events = tx.count_events()
        if mend and found.missing:
            with self.store.write() as tx:
                tx.state(found.missing, tx.next_change())
        return found

    def _compare(self, tx: Transaction, found: Checked, turn: int, passes: int, since: int) -> None:
        now = self.clock.now()
        expected: dict[Key, tuple[int, bool]] = {}
        decided_since = now
        for said in self._from_events(tx):
            if said.one % passes == turn:
                _add(expected, said)
        for said in self._from_decisions(tx):
            decided_since = min(decided_since, said.at)
            if said.one % passes == turn:
                _add(expected, said)
        for one, number, other, at, holds, _ in tx.changed_relations(-1):
            if one % passes != turn:
                continue
            found.relations += holds
            tie = Tie(number)
            says = expected.pop((one, number, other), None)
            if says is not None and supersedes(tie, *says, at, holds) and says != (at, holds):
                found.missing.append(NumberedStatement(one, tie, other, *says))
            elif says != (at, holds) and tie not in _UNEXPLAINED:
                from_when = decided_since if number in _DECIDED else since
                if at > from_when and (says is None or supersedes(tie, at, holds, *says)):
                    found.unexplained.append(NumberedStatement(one, tie, other, at, holds))
        for (one, number, other), (at, holds) in expected.items():
            life = LIFETIME[Tie(number)]
            over = (not holds and at < now - ENDED_MS) or (life is not None and at < now - life)
            if not over:
                found.missing.append(NumberedStatement(one, Tie(number), other, at, holds))

    def _from_events(self, tx: Transaction) -> Iterator[NumberedStatement]:
        number = 0
        while page := tx.events_after(number, _PAGE):
            for logged in page:
                yield from map(self.people.numbered, statements(logged.event))
            number = page[-1].number

    def _from_decisions(self, tx: Transaction) -> Iterator[NumberedStatement]:
        after = ""
        while page := tx.contact_decisions_between(0, 2**62, after, _PAGE):
            for made in page:
                facts = facts_from_bytes(self.people.seal.open(f"facts/{made.decision_id}", made.facts))
                if counts_for_limits(facts):
                    one, other = map(self.people.number, (made.approach.actor, made.approach.target))
                    yield NumberedStatement(one, decided(made.outcome.word), other, made.decided_at)
            after = f"{page[-1].decided_at}/{page[-1].decision_id}"


def _add(expected: dict[Key, tuple[int, bool]], one: NumberedStatement) -> None:
    key = (one.one, int(one.tie), one.other)
    old = expected.get(key)
    if old is None or supersedes(one.tie, one.at, one.holds, *old):
        expected[key] = (one.at, one.holds)
