"""A new policy over decisions of the past: how many would have gone another way, and for how many people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactFacts, ContactOutcome, DecidedContact
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.distinct import Distinct
from nightlight.prevent.recount import Recount

EXAMPLES_MAX = 5
_HOURS_FRESH, _HOURS_NEW = 7 * 24, 90 * 24


class Newness(StrEnum):
    """How long the account that came was known."""

    FRESH = "under 7 days"
    NEW = "7 to 90 days"
    SETTLED = "over 90 days"


class Turn(StrEnum):
    STRICTER = "stricter"
    MILDER = "milder"


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that are affected alike. ``newness``: of those that came; None for those that were asked."""

    turn: Turn
    band: AgeBand
    newness: Newness | None


@dataclass(slots=True)
class Move:
    """Decisions that go from one outcome to another, the distinct people on both sides, and a few to look at."""

    decisions: int = 0
    actors: Distinct = field(default_factory=Distinct)
    targets: Distinct = field(default_factory=Distinct)
    examples: list[DecidedContact] = field(default_factory=list)


@dataclass(slots=True)
class ReplayReport:
    """What a replay found. ``damaged``: decisions whose facts do not open; they are in no other number."""

    decisions: int = 0
    damaged: int = 0
    first: int = 0
    last: int = 0
    moves: dict[tuple[ContactOutcome, ContactOutcome], Move] = field(default_factory=dict)
    people: dict[Group, Distinct] = field(default_factory=dict)
    #: Under which policies the decisions were made, and how many.
    made_under: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        return sum(move.decisions for move in self.moves.values())

    def turned(self, turn: Turn) -> int:
        return sum(move.decisions for (before, after), move in self.moves.items() if turn_of(before, after) is turn)


def turn_of(before: ContactOutcome, after: ContactOutcome) -> Turn:
    return Turn.STRICTER if after > before else Turn.MILDER


def newness(account_age: int) -> Newness:
    """``account_age``: hours."""
    if account_age < _HOURS_FRESH:
        return Newness.FRESH
    return Newness.NEW if account_age < _HOURS_NEW else Newness.SETTLED


class Replay:
    """Takes decisions in the order of their time.

    ``old``: the policy to compare with for somebody who is asked, by account id; None: with what was decided then.
    ``number``: the keyed number of an account. Decisions before ``start`` only fill the limits' memory.
    """

    def __init__(
        self,
        new: CompiledPolicy,
        old: Callable[[str], CompiledPolicy] | None,
        compared: tuple[CompiledPolicy, ...],
        number: Callable[[str], int],
        start: int,
    ) -> None:
        self.report = ReplayReport()
        self._new = new
        self._old = old
        self._number = number
        self._start = start
        self._recount, self._old_recount = Recount(new), Recount(*compared)

    @property
    def reach_ms(self) -> int:
        """How far before ``start`` decisions have to be taken, so that limits count all they would have."""
        return max(self._recount.reach_ms, self._old_recount.reach_ms)

    def take(self, made: DecidedContact, facts: ContactFacts) -> None:
        outcome = _decide(self._new, self._recount, made, facts)
        before = made.outcome
        if self._old is not None:
            before = _decide(self._old(made.approach.target), self._old_recount, made, facts)
        if made.decided_at < self._start:
            return
        report = self.report
        report.decisions += 1
        report.first = report.first or made.decided_at
        report.last = made.decided_at
        report.made_under[made.policy] = report.made_under.get(made.policy, 0) + 1
        if before is not outcome:
            self._changed(made, facts, before, outcome)

    def damaged(self, made: DecidedContact) -> None:
        """A decision whose facts do not open."""
        self.report.damaged += made.decided_at >= self._start

    def _changed(
        self, made: DecidedContact, facts: ContactFacts, before: ContactOutcome, outcome: ContactOutcome
    ) -> None:
        move = self.report.moves.setdefault((before, outcome), Move())
        move.decisions += 1
        if len(move.examples) < EXAMPLES_MAX:
            move.examples.append(made)
        actor, target = self._number(made.approach.actor), self._number(made.approach.target)
        move.actors.add(actor)
        move.targets.add(target)
        turn, people = turn_of(before, outcome), self.report.people
        came = Group(turn, facts.from_band, newness(facts.account_age))
        people.setdefault(came, Distinct()).add(actor)
        people.setdefault(Group(turn, facts.to_band, None), Distinct()).add(target)


def _decide(policy: CompiledPolicy, recount: Recount, made: DecidedContact, facts: ContactFacts) -> ContactOutcome:
    approach, at = made.approach, made.decided_at
    if not recount.reach_ms:
        return policy.decide(facts).outcome
    counted = recount.counted(policy, approach.actor, approach.target, facts, at)
    outcome = policy.decide(facts, counted).outcome
    recount.note(approach.actor, approach.target, facts, outcome, at)
    return outcome
