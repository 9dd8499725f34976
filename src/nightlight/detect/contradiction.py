"""Conditions that can never be true: found where limits of one name exclude each other."""

from __future__ import annotations

from nightlight.detect.expression import All, Among, Any, Compare, Name, Node, Not, Value
from nightlight.detect.fields import Type

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
#: Values of these are whole and never below 0.
_WHOLE = frozenset({Type.NUMBER, Type.DURATION})


class _Limits:
    def __init__(self) -> None:
        self.low, self.high = float("-inf"), float("inf")
        self.words: set[float] | None = None
        self.not_words: set[float] = set()

    def empty(self) -> bool:
        if self.low > self.high:
            return True
        return self.words is not None and not {
            word for word in self.words - self.not_words if self.low <= word <= self.high
        }


def never_true(node: Node) -> str:
    """The name whose limits exclude each other, or "" if the condition may hold. What is not found may be one, too."""
    match node:
        case Any(parts):
            found = [never_true(part) for part in parts]
            return found[0] if all(found) else ""
        case Value(value, Type.TRUTH):
            return "" if value else "false"
        case _:
            return _of_all(list(_flat(node)))


def _flat(node: Node) -> list[Node]:
    return [flat for part in node.parts for flat in _flat(part)] if isinstance(node, All) else [node]


def _of_all(parts: list[Node]) -> str:
    limits: dict[str, _Limits] = {}
    for part in parts:
        if isinstance(part, Any | Value) and (found := never_true(part)):
            return found
        negated = isinstance(part, Not)
        inner = part.part if isinstance(part, Not) else part
        if isinstance(inner, Compare):
            _compare(limits, inner, negated=negated)
        elif isinstance(inner, Among) and isinstance(inner.left, Name):
            of = limits.setdefault(inner.left.name, _Limits())
            _words(of, set(map(float, inner.values)), negated=negated is not inner.negated)
    return next((name for name, of in limits.items() if of.empty()), "")


def _words(of: _Limits, words: set[float], *, negated: bool) -> None:
    if negated:
        of.not_words |= words
    else:
        of.words = words if of.words is None else of.words & words


def _compare(limits: dict[str, _Limits], node: Compare, *, negated: bool) -> None:
    left, sign, right = node.left, node.sign, node.right
    if isinstance(left, Value):
        left, sign, right = right, _TURNED[sign], left
    if not isinstance(left, Name) or not isinstance(right, Value):
        return
    if negated:
        sign = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}[sign]
    of, value = limits.setdefault(left.name, _Limits()), float(right.value)
    whole = left.type in _WHOLE
    if whole:
        of.low = max(of.low, 0.0)
    step = 1.0 if whole else 0.0
    match sign:
        case "==":
            _words(of, {value}, negated=False)
        case "!=":
            of.not_words.add(value)
        case "<" | "<=":
            # What is not whole may come as near as it likes; only what lies beyond is surely excluded.
            of.high = min(of.high, value - step if sign == "<" else value)
        case ">" | ">=":
            of.low = max(of.low, value + step if sign == ">" else value)
