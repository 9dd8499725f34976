"""Rules of a policy in words, for people who read, compare and approve them."""

from __future__ import annotations

from nightlight.model.account import Assurance
from nightlight.model.contact import ContactDecision, ContactOutcome, Direction, Relation
from nightlight.prevent.matrix import any_words, bands_words
from nightlight.prevent.policy import Condition, Limit, Protection, Risk, Row, Selector, Test

_MINUTE_MS = 60_000
_UNITS = ((24 * 60 * _MINUTE_MS, "d"), (60 * _MINUTE_MS, "h"), (_MINUTE_MS, "m"))
_ASSURANCES = tuple(Assurance)

Rule = Row | Condition | Limit | Protection


def duration(ms: int) -> str:
    """As it is written in a policy: ``7d``, ``36h``, ``30m``."""
    size, unit = next((size, unit) for size, unit in _UNITS if ms % size == 0 or size == _MINUTE_MS)
    return f"{ms // size}{unit}"


def outcome_words(outcome: ContactOutcome, hold_ms: int = 0) -> str:
    word = outcome.word.replace("_", " ")
    return f"{word} {duration(hold_ms)}" if outcome is ContactOutcome.HOLD and hold_ms else word


def decision_words(decision: ContactDecision) -> str:
    return outcome_words(decision.outcome, decision.hold_ms)


def selector_words(selector: Selector) -> str:
    return (
        f"{bands_words(selector.from_bands)} → {bands_words(selector.to_bands)}, "
        f"{any_words(selector.relations, Relation, 'any relation')}, "
        f"{any_words(selector.directions, Direction, 'any direction')}"
    )


def test_words(test: Test) -> str:
    fact = test.fact
    if fact.unit == "yes_no":
        return fact.name
    bound = str(test.bound)
    if fact.unit == "time":
        bound = duration(test.bound * 60 * _MINUTE_MS)
    elif fact.unit == "assurance":
        bound = _ASSURANCES[test.bound].value
    return f"{fact.name} {'at least' if fact.risk is Risk.UP else 'below'} {bound}"


def rule_words(rule: Rule) -> dict[str, str]:
    """What a rule says, part by part. Equal words mean equal rules."""
    said = {"about": selector_words(rule.selector)}
    if isinstance(rule, Condition):
        said["when"] = " and ".join(map(test_words, rule.tests))
    if isinstance(rule, Limit):
        said["counts"] = f"{outcome_words(rule.counts)} or stricter, at most {rule.most} in {duration(rule.per_ms)}"
    if isinstance(rule, Protection):
        said["title"] = rule.title
    word = {Row: "outcome", Limit: "then"}.get(type(rule), "at least")
    said[word] = outcome_words(rule.outcome, rule.hold_ms)
    if isinstance(rule, Row | Condition):
        said["notices"] = ", ".join(rule.notices) or "none"
    if isinstance(rule, Protection):
        said["loosened by"] = ", ".join(f"{band}: {who.replace('_', ' ')}" for band, who in rule.loosened_by)
    said["source"] = rule.source
    return said
