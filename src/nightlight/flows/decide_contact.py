"""Deciding about contact: somebody comes towards somebody else, and the policy says what becomes of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nightlight.errors import RefusedError
from nightlight.flows.detect import Watch
from nightlight.flows.people import People
from nightlight.flows.policy_book import InForce, PolicyBook
from nightlight.flows.take_events import EventIntake
from nightlight.model.account import month_of
from nightlight.model.contact import (
    OPEN_REQUESTS,
    Approach,
    ContactDecision,
    ContactFacts,
    ContactOutcome,
    ContactRequest,
    DecidedContact,
    Direction,
    RequestState,
    SignalFamily,
)
from nightlight.model.event import Event, EventKind
from nightlight.model.relation import DAY_MS, NumberedStatement, Tie
from nightlight.ports import Clock, RelationView, Store, Transaction
from nightlight.prevent.decide import CompiledPolicy, Step
from nightlight.prevent.facts import Seen, contact_facts, counts_for_limits, facts_from_bytes, facts_to_bytes
from nightlight.prevent.policy import Appearance
from nightlight.prevent.relations import decided

#: A request that nobody answers in this time has ended.
REQUEST_MS = 30 * DAY_MS
#: The same decision about the same approach is written down once in this time: floods fill no disk.
REPEATED_MS = 60_000
_REPEATED_MAX = 50_000
_ASKS = frozenset({Direction.DIRECT, Direction.GROUP})
_WAITING = frozenset({*OPEN_REQUESTS, RequestState.DENIED})
_WAITS = {
    ContactOutcome.REQUEST: RequestState.WAITING,
    ContactOutcome.HOLD: RequestState.HELD,
    ContactOutcome.DENY: RequestState.DENIED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one approach. ``request``: what waits for an answer, or was denied unseen; None if delivered."""

    decided: DecidedContact
    request: ContactRequest | None
    denied_looks: Appearance
    facts: ContactFacts = field(repr=False)


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with the path to it. ``same``: whether the path leads to what was decided then."""

    decided: DecidedContact
    facts: ContactFacts
    steps: list[Step]
    same: bool


class ContactDesk:
    """Decides. ``is_remote``: whether an account lives on another server; ``tell`` plans a notice for somebody."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        new_id: Callable[[str], str],
        people: People,
        view: RelationView,
        events: EventIntake,
        policies: PolicyBook,
        is_remote: Callable[[str], bool],
        tell: Callable[[Transaction, str, str, int], object],
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._people = people
        self._view = view
        self._events = events
        self._policies = policies
        self._is_remote = is_remote
        self._tell = tell
        # One batch at a time: what one approach changes, the next one has to see.
        self._one_batch = threading.Lock()
        self._repeated: OrderedDict[Approach, tuple[Answer, ContactFacts]] = OrderedDict()
        self._protections: dict[str, dict[int, str]] = {}

    def decide(self, approaches: Sequence[Approach], since: Mapping[str, int] | None = None) -> list[Answer]:
        """Decides about each, in their order; every decision is durable when this returns.

        ``since``: when accounts were made, where the caller knows it better than the events do.
        ``RefusedError('self_contact')`` if one of them leads somebody to themselves: nothing is decided then.
        """
        for approach in approaches:
            if approach.actor == approach.target:
                raise RefusedError("self_contact", "actor and target are the same account.")
        with self._one_batch:
            if self._view.change < 0:
                self._view.follow()  # this once it takes long, and nobody has to wait for it
            now = self._clock.now()
            # Nobody else writes while this is decided: what other processes have decided is seen, so that limits hold
            # for all of them together.
            with self._store.write() as tx:
                self._view.follow(tx)
                in_force = self._policies.in_force(tx)
                batch = _Batch(now, since or {}, self._still_open(tx, approaches), self._events.watch(tx, now))
                answers = [self._decide_one(approach, in_force, batch) for approach in approaches]
                if batch.decided:
                    answers = [self._settle(tx, answer, batch) for answer in answers]
                    tx.add_contact_decisions(batch.decided)
                if batch.decided or batch.watch is not None:
                    self._events.record(tx, batch.events, now, batch.statements, batch.watch)
            for answer in answers:
                self._remember(answer, batch.facts)
            self._let_go(now)
        return answers

    def tidy(self) -> None:
        """Lets go of answers that are no longer repeated, so that nobody is remembered who was forgotten."""
        with self._one_batch:
            self._let_go(self._clock.now())

    def _still_open(self, tx: Transaction, approaches: Sequence[Approach]) -> dict[str, ContactRequest]:
        """Of the answers that may be repeated, the requests that still wait, as they are now, by id."""
        known = (self._repeated.get(approach) for approach in approaches)
        asked = [answer.request.request_id for answer, _ in filter(None, known) if answer.request is not None]
        if not asked:
            return {}
        return {request.request_id: request for request in tx.contact_requests(asked)}

    def facts_of(
        self, approach: Approach, policy: CompiledPolicy, now: int, batch: _Batch | None = None
    ) -> ContactFacts:
        """The facts of an approach as they are now."""
        number = self._people.number
        one, other = number(approach.actor), number(approach.target)
        made = batch.made.get(one, ()) if batch is not None else ()
        seen = self._view.look(one, other, month_of(now), [whom for _, whom, _ in made])
        if batch is not None and approach.actor in batch.since:
            made_at = batch.since[approach.actor]
            if not any(tie == Tie.KNOWN_SINCE and at <= made_at for tie, _, at in seen.about):
                seen = replace(seen, about=[*seen.about, (int(Tie.KNOWN_SINCE), one, made_at)])
                batch.statements.append(NumberedStatement(one, Tie.KNOWN_SINCE, one, made_at))
        if made:
            seen = replace(seen, about=[*seen.about, *made])
        return self._facts(approach, other, seen, policy, now)

    def preview(self, approach: Approach) -> tuple[ContactFacts, ContactDecision, list[Step]]:
        """What would be decided now, and on what path. Nothing is recorded."""
        self._view.follow()
        policy = self._policies.in_force().for_account(self._people.number(approach.target))
        facts = self.facts_of(approach, policy, self._clock.now())
        return facts, policy.decide(facts), policy.explain(facts)

    def attach_room(self, decision_id: str, room: str) -> None:
        """Says in which room an approach happens that was decided about before there was one."""
        with self._store.write() as tx:
            made = tx.contact_decision(decision_id)
            if made is None:
                raise RefusedError("decision_not_found", "There is no such decision, or no more.")
            request = tx.open_request(made.approach)
            if request is not None and not request.approach.room:
                tx.save_contact_request(replace(request, approach=replace(request.approach, room=room)))

    def explain(self, decision_id: str) -> Explained:
        """A decision of the past, decided again from the facts that were kept with it."""
        with self._store.read() as tx:
            kept = tx.contact_decision(decision_id)
            if kept is None:
                raise RefusedError("decision_not_found", "There is no such decision, or no more.")
            policy = self._policies.by_reference(tx, kept.policy)
        facts = self.open_facts(kept)
        again = policy.decide(facts)
        return Explained(
            kept, facts, policy.explain(facts), (again.outcome, again.reasons) == (kept.outcome, kept.reasons)
        )

    def open_facts(self, kept: DecidedContact) -> ContactFacts:
        """The facts that a decision rests on; ``RefusedError`` if somebody changed them."""
        return facts_from_bytes(self._people.seal.open(f"facts/{kept.decision_id}", kept.facts))

    def _facts(self, approach: Approach, other: int, seen: Seen, policy: CompiledPolicy, now: int) -> ContactFacts:
        return contact_facts(
            approach.direction,
            other,
            seen,
            now=now,
            remote=self._is_remote(approach.actor),
            limits=policy.policy.limits,
            protections=self._protection_numbers(policy),
            families=self._people.families,
        )

    def _protection_numbers(self, policy: CompiledPolicy) -> dict[int, str]:
        digest = policy.policy.digest
        if digest not in self._protections:
            number = self._people.number
            self._protections[digest] = {number(item.id): item.id for item in policy.policy.protections}
        return self._protections[digest]

    def _decide_one(self, approach: Approach, in_force: InForce, batch: _Batch) -> Answer:
        number = self._people.number
        one, other = number(approach.actor), number(approach.target)
        policy = in_force.for_account(other)
        facts = self.facts_of(approach, policy, batch.now, batch)
        decision = policy.decide(facts)
        before = self._repeated.get(approach)
        if before is not None and _is_repeated(before, facts, decision, batch.now):
            answer = before[0]
            if answer.request is None:
                return answer
            # A request that has ended is no answer, and one that is about a room by now is not about the next one.
            request = batch.repeated.get(answer.request.request_id)
            if request is not None and request.state in _WAITING and request.approach.room == approach.room:
                return replace(answer, request=request)
        decision_id = self._new_id("cd")
        if approach.direction is not Direction.FIND:
            facts, decision = self._judged(approach, decision_id, policy, facts, decision, batch)
        kept = DecidedContact(
            decision_id,
            batch.now,
            approach,
            decision.outcome,
            decision.reasons,
            decision.notices,
            batch.now + decision.hold_ms if decision.outcome is ContactOutcome.HOLD else 0,
            decision.policy,
            self._people.seal.close(f"facts/{decision_id}", facts_to_bytes(facts)),
        )
        batch.decided.append(kept)
        batch.facts[decision_id] = facts
        if approach.direction is not Direction.FIND:
            batch.events.append(_event(decision_id, approach, batch.now, decision.outcome.word))
        if counts_for_limits(facts):  # the only place that remembers decisions: their event alone does not
            tie = decided(decision.outcome.word)
            batch.statements.append(NumberedStatement(one, tie, other, batch.now))
            batch.made.setdefault(one, []).append((tie, other, batch.now))
        return Answer(kept, None, policy.denied_looks, facts)

    def _judged(
        self,
        approach: Approach,
        decision_id: str,
        policy: CompiledPolicy,
        facts: ContactFacts,
        decision: ContactDecision,
        batch: _Batch,
    ) -> tuple[ContactFacts, ContactDecision]:
        """Facts and decision with the signals that this very approach raises."""
        if batch.watch is None:
            return facts, decision
        raised = batch.watch.see(_event(decision_id, approach, batch.now, ""))
        if raised:
            batch.signals[approach.actor] = batch.signals.get(approach.actor, frozenset()) | raised
        more = batch.signals.get(approach.actor, frozenset()) - facts.signals
        if not more:
            return facts, decision
        facts = replace(facts, signals=facts.signals | more)
        return facts, policy.decide(facts)

    def _settle(self, tx: Transaction, answer: Answer, batch: _Batch) -> Answer:
        """Opens the request that an undelivered approach becomes, or finds the one that is open already."""
        kept = answer.decided
        state = _WAITS.get(kept.outcome)
        if kept.decision_id not in batch.facts or kept.approach.direction is Direction.FIND:
            return answer
        if kept.outcome is ContactOutcome.ALLOW_WITH_NOTICE:
            for notice in kept.notices:
                self._tell(tx, kept.approach.target, notice, batch.now)
        if kept.approach.direction not in _ASKS or state is None:
            return answer
        before = tx.open_request(kept.approach)
        if before is not None:
            return replace(answer, request=before)
        request = ContactRequest(
            self._new_id("cr"),
            kept.decision_id,
            kept.approach,
            state,
            batch.now,
            kept.hold_until or batch.now,
            max(batch.now, kept.hold_until) + REQUEST_MS,
            refused_by_others=batch.facts[kept.decision_id].minor_refusals > 0,
        )
        tx.add_contact_request(request)
        if state is RequestState.WAITING:
            self._tell(tx, kept.approach.target, request.notice, batch.now)
        return replace(answer, request=request)

    def _remember(self, answer: Answer, facts: dict[str, ContactFacts]) -> None:
        found = facts.get(answer.decided.decision_id)
        if found is not None:
            self._repeated[answer.decided.approach] = (answer, found)
            self._repeated.move_to_end(answer.decided.approach)
            while len(self._repeated) > _REPEATED_MAX:
                self._repeated.popitem(last=False)

    def _let_go(self, now: int) -> None:
        while self._repeated:
            answer, _ = next(iter(self._repeated.values()))
            if 0 <= now - answer.decided.decided_at < REPEATED_MS:
                return
            self._repeated.popitem(last=False)


class _Batch:
    """What a batch of decisions is about to write. ``made``: by who comes, the ties that earlier ones of it made.

    ``repeated``: requests of earlier answers, as they are now. ``signals``: by who comes, families raised just now.
    """

    def __init__(
        self, now: int, since: Mapping[str, int], repeated: Mapping[str, ContactRequest], watch: Watch | None
    ) -> None:
        self.now = now
        self.since = since
        self.repeated = repeated
        self.watch = watch
        self.signals: dict[str, frozenset[SignalFamily]] = {}
        self.decided: list[DecidedContact] = []
        self.facts: dict[str, ContactFacts] = {}
        self.events: list[Event] = []
        self.statements: list[NumberedStatement] = []
        self.made: dict[int, list[tuple[Tie, int, int]]] = {}


def _event(decision_id: str, approach: Approach, now: int, outcome: str) -> Event:
    fields = {"direction": approach.direction.value, "outcome": outcome}
    kind = EventKind.CONTACT_DECIDED
    return Event(decision_id, kind, now, approach.actor, approach.target, approach.room, fields)


def _is_repeated(before: tuple[Answer, ContactFacts], facts: ContactFacts, decision: ContactDecision, now: int) -> bool:
    kept = before[0].decided
    return 0 <= now - kept.decided_at < REPEATED_MS and before[1] == facts and kept.policy == decision.policy
