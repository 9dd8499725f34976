"""Policies, decisions and differences as plain values, for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from nightlight.hazmat.strict_yaml import Problem
from nightlight.model.contact import ContactDecision, ContactFacts, Relation
from nightlight.prevent.decide import CompiledPolicy, Step
from nightlight.prevent.difference import Difference
from nightlight.prevent.matrix import Box, standing
from nightlight.prevent.policy import Cell
from nightlight.prevent.policy_words import rule_words


def problem_values(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "kind": "warning" if problem.warning else "mistake",
        "message": problem.message,
        "hint": problem.hint,
    }


def decision_values(decision: ContactDecision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome.word,
        "hold_ms": decision.hold_ms,
        "reasons": list(decision.reasons),
        "notices": list(decision.notices),
        "policy": decision.policy,
    }


def cell_values(cell: Cell) -> dict[str, str]:
    return {
        "from": cell.from_band.value,
        "to": cell.to_band.value,
        "relation": cell.relation.value,
        "direction": cell.direction.value,
    }


def policy_values(compiled: CompiledPolicy) -> dict[str, Any]:
    """The whole policy, each cell of the matrix included."""
    policy = compiled.policy
    return {
        "name": policy.name,
        "version": policy.version,
        "reference": compiled.reference,
        "digest": policy.digest,
        "description": policy.description,
        "denied_looks": policy.denied_looks.value,
        "cells": [{**cell_values(cell), **decision_values(made)} for cell, made in standing(compiled).items()],
        **{
            kind: [{"id": rule.id, **rule_words(rule)} for rule in rules]
            for kind, rules in (
                ("rows", policy.rows),
                ("conditions", policy.conditions),
                ("limits", policy.limits),
                ("protections", policy.protections),
            )
        },
        "sources": dict(policy.sources),
    }


def facts_values(facts: ContactFacts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(facts):
        value = getattr(facts, field.name)
        if isinstance(value, frozenset):
            value = sorted(value)
        found[field.name] = dict(value) if field.name == "limits" else value
    return found


def path_values(facts: ContactFacts, decision: ContactDecision, steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "facts": facts_values(facts),
        "decision": decision_values(decision),
        "path": [
            {"kind": s.kind, "id": s.id, "held": s.held, "outcome": s.outcome.word, "why": s.words} for s in steps
        ],
    }


def difference_values(found: Difference) -> dict[str, Any]:
    """Each changed cell on its own, and the same in groups."""
    return {
        "before": found.before,
        "after": found.after,
        "changed_cells": len(found.cells),
        "stricter": found.stricter,
        "milder": found.milder,
        "cells": [
            {
                **cell_values(change.cell),
                "before": decision_values(change.before),
                "after": decision_values(change.after),
                "stricter": change.stricter,
            }
            for change in found.cells
        ],
        "groups": [
            {
                "before": group.before.outcome.word,
                "after": group.after.outcome.word,
                "cells": group.cells,
                "where": [_box_values(box) for box in group.boxes],
            }
            for group in found.groups()
        ],
        "notices": [
            {**cell_values(c.cell), "before": list(c.before.notices), "after": list(c.after.notices)}
            for c in found.told
        ],
        "denied_looks": [look.value for look in found.denied_looks] if found.denied_looks else None,
        "rules": [
            {
                "kind": rule.kind,
                "id": rule.id,
                "how": rule.how,
                "parts": [{"part": part, "before": was, "after": is_} for part, was, is_ in rule.parts],
            }
            for rule in found.rules
        ],
        "sources": [{"name": name, "before": was, "after": is_} for name, was, is_ in found.sources],
    }


def _box_values(box: Box) -> dict[str, list[str]]:
    return {
        "from": sorted(box.from_bands),
        "to": sorted(box.to_bands),
        "relation": [relation.value for relation in Relation if relation in box.relations],
        "direction": sorted(box.directions),
    }
