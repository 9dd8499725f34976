"""The decision about one approach: the same facts and the same policy always give the same outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from nightlight.model.account import Assurance
from nightlight.model.contact import ContactDecision, ContactFacts, ContactOutcome
from nightlight.prevent.policy import CELLS, Appearance, Cell, Condition, Limit, Policy, Protection, Risk, Row

#: The reason of a denial that no policy can overrule.
BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class CompiledCell:
    """What can bear on one field of the matrix."""

    row: Row
    protections: tuple[Protection, ...]
    conditions: tuple[Condition, ...]
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the path to a decision. ``held``: whether it applied; ``outcome``: the outcome after it."""

    kind: str
    id: str
    held: bool
    outcome: ContactOutcome
    words: str


class CompiledPolicy:
    """A policy made ready: every cell knows what can bear on it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.reference = policy.reference
        self.denied_looks: Appearance = policy.denied_looks
        self.cells = {
            (cell.direction, cell.from_band, cell.to_band, cell.relation): _compile(policy, cell) for cell in CELLS
        }
        #: Which limits have to be counted for an approach that falls on a cell.
        self.limits = {limit.id: limit for limit in policy.limits}

    def cell(self, facts: ContactFacts) -> CompiledCell:
        return self.cells[facts.direction, facts.from_band, facts.to_band, facts.relation]

    def decide(self, facts: ContactFacts, counted: Mapping[str, int] | None = None) -> ContactDecision:
        """The outcome with its reasons. A block is never overruled.

        ``counted``: what the limits counted, by id, where it is another number than the facts hold.
        """
        if facts.blocked:
            return ContactDecision(ContactOutcome.DENY, (BLOCKED,), policy=self.reference)
        cell = self.cells[facts.direction, facts.from_band, facts.to_band, facts.relation]
        row = cell.row
        outcome, hold = row.outcome, row.hold_ms
        reasons, notices = [row.id], list(row.notices)
        for protection in cell.protections:
            if protection.id not in facts.loosened:
                outcome, hold = _stricter(outcome, hold, protection)
                reasons.append(protection.id)
        for condition in cell.conditions:
            if all(test.holds(facts) for test in condition.tests):
                outcome, hold = _stricter(outcome, hold, condition)
                reasons.append(condition.id)
                notices.extend(notice for notice in condition.notices if notice not in notices)
        if cell.limits:
            counted = dict(facts.limits) if counted is None else counted
            before = outcome
            for limit in cell.limits:
                if before >= limit.counts and counted.get(limit.id, 0) >= limit.most:
                    outcome, hold = _stricter(outcome, hold, limit)
                    reasons.append(limit.id)
        return ContactDecision(outcome, tuple(reasons), tuple(notices), hold, self.reference)

    def explain(self, facts: ContactFacts) -> list[Step]:
        """The path to the decision, step by step, what did not apply included."""
        if facts.blocked:
            words = "The person blocks this account. No policy overrules that."
            return [Step("block", BLOCKED, True, ContactOutcome.DENY, words)]
        cell = self.cell(facts)
        row = cell.row
        outcome, hold = row.outcome, row.hold_ms
        words = f"{facts.from_band} → {facts.to_band}, {facts.relation}, {facts.direction}"
        steps = [Step("row", row.id, True, outcome, words)]
        for protection in cell.protections:
            held = protection.id not in facts.loosened
            if held:
                outcome, hold = _stricter(outcome, hold, protection)
            steps.append(
                Step("protection", protection.id, held, outcome, protection.title if held else "has been loosened")
            )
        for condition in cell.conditions:
            held = all(test.holds(facts) for test in condition.tests)
            if held:
                outcome, hold = _stricter(outcome, hold, condition)
            words = ", ".join(_test_words(condition, facts))
            steps.append(Step("condition", condition.id, held, outcome, words))
        before, counted = outcome, dict(facts.limits)
        for limit in cell.limits:
            number = counted.get(limit.id, 0)
            held = before >= limit.counts and number >= limit.most
            if held:
                outcome, hold = _stricter(outcome, hold, limit)
            words = f"{number} of at most {limit.most} reached so far"
            steps.append(Step("limit", limit.id, held, outcome, words))
        return steps


_ASSURANCES = tuple(Assurance)


def _test_words(condition: Condition, facts: ContactFacts) -> Iterable[str]:
    for test in condition.tests:
        value = int(test.fact.read(facts))
        if test.fact.unit == "yes_no":
            yield f"{test.fact.name}: {'yes' if value else 'no'}"
            continue
        sign = "at least" if test.fact.risk is Risk.UP else "below"
        number: Callable[[int], str] = str
        if test.fact.unit == "time":
            number = "{} h".format
        elif test.fact.unit == "assurance":
            number = _ASSURANCES.__getitem__
        yield f"{test.fact.name} is {number(value)}, asked: {sign} {number(test.bound)}"


def _stricter(outcome: ContactOutcome, hold: int, rule: Condition | Limit | Protection) -> tuple[ContactOutcome, int]:
    if rule.outcome > outcome:
        return rule.outcome, rule.hold_ms
    if rule.outcome == outcome:
        return outcome, max(hold, rule.hold_ms)
    return outcome, hold


def _compile(policy: Policy, cell: Cell) -> CompiledCell:
    row = next(row for row in policy.rows if row.selector.covers(cell))
    return CompiledCell(
        row,
        tuple(item for item in policy.protections if item.selector.covers(cell)),
        tuple(item for item in policy.conditions if item.selector.covers(cell)),
        tuple(item for item in policy.limits if item.selector.covers(cell)),
    )
