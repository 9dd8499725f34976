"""Expressions in plain Python: each becomes a function of an event and of the features around it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from nightlight.detect.expression import All, Among, Any, Arithmetic, Call, Compare, Name, Node, Not, Value
from nightlight.detect.fields import Seen

Number = int | float | bool
#: Gives the value of a feature for this event.
Read = Callable[[str], Number]
Evaluate = Callable[[Seen, Read], Number]

_SIGNS: Mapping[str, Callable[[Number, Number], Number]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def evaluator(node: Node) -> Evaluate:
    match node:
        case Name(name, _, True):
            return lambda _seen, read: read(name)
        case Name(name, _, False):
            return lambda seen, _read: getattr(seen, name)
        case Value(value, _):
            return lambda _seen, _read: value
        case Compare(left, sign, right) | Arithmetic(left, sign, right, _):
            one, other, do = evaluator(left), evaluator(right), _SIGNS[sign]
            return lambda seen, read: do(one(seen, read), other(seen, read))
        case Among(left, values, negated):
            of, known = evaluator(left), frozenset(values)
            return lambda seen, read: (of(seen, read) in known) is not negated
        case Not(part):
            inner = evaluator(part)
            return lambda seen, read: not inner(seen, read)
        case All(parts):
            every = [evaluator(part) for part in parts]
            return lambda seen, read: all(one(seen, read) for one in every)
        case Any(parts):
            some = [evaluator(part) for part in parts]
            return lambda seen, read: any(one(seen, read) for one in some)
        case Call():
            return _call(node)
    raise AssertionError(node)


def _call(node: Call) -> Evaluate:
    parts = [evaluator(part) for part in node.parts]
    if node.name != "ratio":
        pick: Callable[..., Number] = min if node.name == "least" else max
        return lambda seen, read: pick(part(seen, read) for part in parts)
    part, whole, otherwise = parts

    def ratio(seen: Seen, read: Read) -> Number:
        divisor = whole(seen, read)
        return part(seen, read) / divisor if divisor else otherwise(seen, read)

    return ratio
