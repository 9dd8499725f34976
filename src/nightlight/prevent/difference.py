"""What another policy would change: every cell whose outcome changes, and every rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightlight.model.contact import ContactDecision, ContactOutcome
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.matrix import Box, boxes, standing
from nightlight.prevent.policy import Appearance, Cell, Policy
from nightlight.prevent.policy_words import Rule, rule_words


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell, before and after, while nothing speaks for a risk and nothing was loosened."""

    cell: Cell
    before: ContactDecision
    after: ContactDecision

    @property
    def stricter(self) -> bool:
        return (self.after.outcome, self.after.hold_ms) > (self.before.outcome, self.before.hold_ms)

    @property
    def outcome_changes(self) -> bool:
        return _said(self.before) != _said(self.after)


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that change in the same way, as few boxes."""

    before: ContactDecision
    after: ContactDecision
    boxes: tuple[Box, ...]

    @property
    def cells(self) -> int:
        return sum(map(len, self.boxes))


@dataclass(frozen=True, slots=True)
class RuleChange:
    """``how``: ``added``, ``removed`` or ``changed``. ``parts``: what it says, before and after; empty where new."""

    kind: str
    id: str
    how: str
    parts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """From one policy to another. ``cells``: outcome or length of hold; ``told``: only the notices change."""

    before: str
    after: str
    cells: tuple[CellChange, ...]
    told: tuple[CellChange, ...]
    rules: tuple[RuleChange, ...]
    denied_looks: tuple[Appearance, Appearance] | None
    #: Sources whose text changes: name, before, after.
    sources: tuple[tuple[str, str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.cells or self.told or self.rules or self.denied_looks or self.sources)

    @property
    def stricter(self) -> int:
        return sum(change.stricter for change in self.cells)

    @property
    def milder(self) -> int:
        return len(self.cells) - self.stricter

    def groups(self) -> list[Group]:
        """Changed cells, those that become milder first: they are the ones to look at twice."""
        found: dict[tuple[tuple[ContactOutcome, int], ...], list[CellChange]] = {}
        for change in self.cells:
            found.setdefault((_said(change.before), _said(change.after)), []).append(change)
        made = [
            Group(some[0].before, some[0].after, tuple(boxes(change.cell for change in some)))
            for some in found.values()
        ]
        return sorted(made, key=lambda group: (_said(group.after) > _said(group.before), -group.cells))

    def notice_groups(self) -> list[tuple[tuple[str, ...], tuple[str, ...], tuple[Box, ...]]]:
        """Cells of which only the notices change, by the notices before and after."""
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Cell]] = {}
        for change in self.told:
            found.setdefault((change.before.notices, change.after.notices), []).append(change.cell)
        return [(before, after, tuple(boxes(cells))) for (before, after), cells in found.items()]


def difference(before: CompiledPolicy, after: CompiledPolicy) -> Difference:
    """What changes when ``after`` takes the place of ``before``."""
    old, new = standing(before), standing(after)
    changes = [CellChange(cell, old[cell], new[cell]) for cell in old]
    one, other = before.policy, after.policy
    looks = (one.denied_looks, other.denied_looks)
    texts, later = dict(one.sources), dict(other.sources)
    return Difference(
        before.reference,
        after.reference,
        tuple(change for change in changes if change.outcome_changes),
        tuple(c for c in changes if not c.outcome_changes and set(c.before.notices) != set(c.after.notices)),
        tuple(_rule_changes(one, other)),
        looks if looks[0] is not looks[1] else None,
        tuple(
            (name, texts.get(name, ""), later.get(name, ""))
            for name in [*texts, *(name for name in later if name not in texts)]
            if texts.get(name) != later.get(name)
        ),
    )


def _rule_changes(before: Policy, after: Policy) -> list[RuleChange]:
    found: list[RuleChange] = []
    for kind, old, new in (
        ("row", before.rows, after.rows),
        ("condition", before.conditions, after.conditions),
        ("limit", before.limits, after.limits),
        ("protection", before.protections, after.protections),
    ):
        found += _changes(kind, old, new)
    return found


def _changes(kind: str, before: Sequence[Rule], after: Sequence[Rule]) -> list[RuleChange]:
    old = {rule.id: rule_words(rule) for rule in before}
    new = {rule.id: rule_words(rule) for rule in after}
    found = []
    for name in [*old, *(name for name in new if name not in old)]:
        was, is_ = old.get(name, {}), new.get(name, {})
        parts = tuple(
            (part, was.get(part, ""), is_.get(part, ""))
            for part in dict.fromkeys([*was, *is_])
            if was.get(part) != is_.get(part)
        )
        if parts:
            found.append(RuleChange(kind, name, "added" if not was else "removed" if not is_ else "changed", parts))
    return found


def _said(decision: ContactDecision) -> tuple[ContactOutcome, int]:
    return decision.outcome, decision.hold_ms if decision.outcome is ContactOutcome.HOLD else 0
