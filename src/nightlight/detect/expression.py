"""The language of definitions: a small subset of Python expressions, typed.

Python's own parser reads it; everything that is not listed here is refused with its place. There is no division and no
call but those of ``CALLS``, so an expression that was accepted has a value for every event and ends.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.fields import FIELDS, GROUPS, NEVER_MS, VOCABULARY, Type, code
from nightlight.hazmat.strict_yaml import suggestion

CHARS_MAX = 1_000
DEPTH_MAX = 20
#: Whole numbers in expressions; far from where 64 bits end, also when they are multiplied once.
NUMBER_MAX = 10**9

_UNITS = {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000}
#: All that may be called, and how it is written.
CALLS: Mapping[str, str] = {
    "minutes": "minutes(30)",
    "hours": "hours(24)",
    "days": "days(7)",
    "ratio": "ratio(part, whole, otherwise=0.0)",
    "least": "least(a, b)",
    "most": "most(a, b)",
}
_ORDERED = frozenset({Type.NUMBER, Type.DURATION, Type.RATIO})
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


@dataclass(frozen=True, slots=True)
class Name:
    """A field of the event, or a feature."""

    name: str
    type: Type
    is_feature: bool


@dataclass(frozen=True, slots=True)
class Value:
    """A literal, words already as their numbers."""

    value: int | float | bool
    type: Type


@dataclass(frozen=True, slots=True)
class Compare:
    left: Node
    sign: str
    right: Node


@dataclass(frozen=True, slots=True)
class Among:
    """Whether a word is one of several."""

    left: Node
    values: tuple[int, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    left: Node
    sign: str
    right: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """``ratio``, ``least`` or ``most``."""

    name: str
    parts: tuple[Node, ...]
    type: Type


Node = Name | Value | Compare | Among | All | Any | Not | Arithmetic | Call


class ExpressionError(Exception):
    """One mistake. ``line`` from 1 and ``column`` from 1, within the expression."""

    def __init__(self, line: int, column: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.column, self.message, self.hint = line, column, message, hint


def type_of(node: Node) -> Type:
    if isinstance(node, Name | Value | Arithmetic | Call):
        return node.type
    return Type.TRUTH


def parse(text: str, features: Mapping[str, Type]) -> Node:
    """The expression, checked. ``features``: the names that may stand beside the fields of an event.

    ``ExpressionError`` with the place of the first mistake.
    """
    if len(text) > CHARS_MAX:
        raise ExpressionError(1, 1, f"An expression has at most {CHARS_MAX:,} characters.")
    try:
        tree = ast.parse(text.strip() or "()", mode="eval")
    except SyntaxError as e:
        raise ExpressionError(e.lineno or 1, e.offset or len(text) + 1, f"This is no expression: {e.msg}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError(1, 1, "This is no expression.") from None
    try:
        return _Parser(features).node(tree.body, 0)
    except RecursionError:  # in showing what was found: an expression of a thousand signs may be as deep as that
        raise ExpressionError(1, 1, f"Deeper than {DEPTH_MAX} levels.") from None


def parse_truth(text: str, features: Mapping[str, Type]) -> Node:
    """The same for a condition: true or false."""
    node = parse(text, features)
    if type_of(node) is not Type.TRUTH:
        raise ExpressionError(1, 1, f"A condition is true or false; this is {type_of(node)}.", "Compare it.")
    return node


def names_of(node: Node) -> frozenset[str]:
    """Every field and feature that the expression asks for."""
    match node:
        case Name(name):
            return frozenset({name})
        case Value():
            return frozenset()
        case Compare(left, _, right) | Arithmetic(left, _, right, _):
            return names_of(left) | names_of(right)
        case Among(left):
            return names_of(left)
        case Not(part):
            return names_of(part)
        case All(parts) | Any(parts) | Call(_, parts, _):
            return frozenset().union(*map(names_of, parts))


def kinds_of(node: Node) -> frozenset[int] | None:
    """The kinds of event for which the condition can be true, or None if it does not say."""
    match node:
        case Compare(Name("kind"), "==", Value(value)):
            return frozenset({int(value)})
        case Among(Name("kind"), values, False):
            return frozenset(values)
        case All(parts):
            known = [kinds for kinds in map(kinds_of, parts) if kinds is not None]
            return frozenset.intersection(*known) if known else None
        case Any(parts):
            every = [kinds_of(part) for part in parts]
            return None if None in every else frozenset().union(*(kinds for kinds in every if kinds is not None))
        case _:
            return None


class _Parser:
    def __init__(self, features: Mapping[str, Type]) -> None:
        self._features = features

    def node(self, node: ast.expr, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise _error(node, f"Deeper than {DEPTH_MAX} levels.", "Make a feature of a part of it.")
        match node:
            case ast.BoolOp():
                parts = tuple(self._truth(part, depth + 1) for part in node.values)
                return All(parts) if isinstance(node.op, ast.And) else Any(parts)
            case ast.UnaryOp(op=ast.Not()):
                return Not(self._truth(node.operand, depth + 1))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.BinOp():
                return self._arithmetic(node, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.Name():
                return self._name(node)
            case ast.Constant():
                return _constant(node)
            case _:
                raise _error(node, f"{_what(node)} has no place in an expression.", "See docs/detection.md.")

    def _truth(self, node: ast.expr, depth: int) -> Node:
        made = self.node(node, depth)
        if type_of(made) is not Type.TRUTH:
            raise _error(node, f"Here belongs true or false; this is {type_of(made)}.", "Compare it with something.")
        return made

    def _name(self, node: ast.Name) -> Node:
        if node.id in FIELDS:
            return Name(node.id, FIELDS[node.id].type, is_feature=False)
        if node.id in self._features:
            return Name(node.id, self._features[node.id], is_feature=True)
        if node.id == "never":
            return Value(NEVER_MS, Type.DURATION)
        if node.id in GROUPS:
            raise _error(node, f"{node.id} stands for several words.", f"Write: target_band in {node.id}.")
        known = [*FIELDS, *self._features, *GROUPS, *CALLS]
        raise _error(node, f'There is no "{node.id}".', suggestion(node.id, known))

    def _comparison(self, node: ast.Compare, depth: int) -> Node:
        made: list[Node] = []
        left, left_node = node.left, None
        for sign, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(sign, ast.In | ast.NotIn):
                made.append(self._among(left, right, depth, negated=isinstance(sign, ast.NotIn)))
                if len(node.ops) > 1:
                    raise _error(node, '"in" stands alone in a comparison.', "Join comparisons with and.")
                break
            if type(sign) not in _COMPARISONS:
                raise _error(node, '"is" has no place in an expression.', "Write ==.")
            one = left_node or self._side(left, right, depth)
            other = self._side(right, left, depth)
            self._comparable(node, one, _COMPARISONS[type(sign)], other)
            made.append(Compare(one, _COMPARISONS[type(sign)], other))
            left, left_node = right, other
        return made[0] if len(made) == 1 else All(tuple(made))

    def _side(self, node: ast.expr, other: ast.expr, depth: int) -> Node:
        """One side of a comparison. A text takes its meaning from what it is compared with."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if isinstance(other, ast.Constant):
                raise _error(node, "Both sides stand fixed.", "Compare a field or a feature.")
            return Value(_word(node, type_of(self.node(other, depth + 1))), type_of(self.node(other, depth + 1)))
        return self.node(node, depth + 1)

    def _comparable(self, node: ast.expr, one: Node, sign: str, other: Node) -> None:
        left, right = type_of(one), type_of(other)
        numeric = {left, right} <= {Type.NUMBER, Type.RATIO}
        if left is not right and not numeric:
            raise _error(node, f"{left.capitalize()} cannot be compared with {right}.", _meant(left, right))
        if sign not in ("==", "!=") and left not in _ORDERED:
            raise _error(node, f"{left.capitalize()} is not more or less than another.", "Use ==, != or in.")

    def _among(self, left: ast.expr, right: ast.expr, depth: int, *, negated: bool) -> Node:
        one = self.node(left, depth + 1)
        kind = type_of(one)
        if kind not in VOCABULARY:
            raise _error(left, f'"in" is for words; this is {kind}.', "Use comparisons.")
        if isinstance(right, ast.Name) and right.id in GROUPS:
            group, words = GROUPS[right.id]
            if group is not kind:
                raise _error(right, f"{right.id} are {group}, this is {kind}.")
            return Among(one, tuple(sorted(code(kind, word) for word in words)), negated)
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            raise _error(right, "After in stands a list of words, or minors.", 'Write: kind in ("room.joined", …).')
        return Among(one, tuple(sorted({_word(item, kind) for item in right.elts})), negated)

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Node:
        if isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            raise _error(node, "There is no division: a divisor may be 0.", f"Write: {CALLS['ratio']}.")
        if type(node.op) not in _ARITHMETIC:
            raise _error(node, "This operator has no place in an expression.", "There are +, - and *.")
        sign = _ARITHMETIC[type(node.op)]
        left, right = self.node(node.left, depth + 1), self.node(node.right, depth + 1)
        types = type_of(left), type_of(right)
        if types == (Type.NUMBER, Type.NUMBER):
            result = Type.NUMBER
        elif types == (Type.DURATION, Type.DURATION) and sign != "*":
            result = Type.DURATION
        elif set(types) <= {Type.NUMBER, Type.RATIO}:
            result = Type.RATIO
        else:
            raise _error(node, f"{types[0].capitalize()} {sign} {types[1]} means nothing.", _meant(*types))
        return Arithmetic(left, sign, right, result)

    def _call(self, node: ast.Call, depth: int) -> Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in CALLS:
            raise _error(node, f'"{ast.unparse(node.func)[:40]}" cannot be called.', suggestion(name, list(CALLS)))
        if name in _UNITS:
            return self._duration(node, name)
        if name == "ratio":
            return self._ratio(node, depth)
        if node.keywords or len(node.args) < 2:
            raise _error(node, f"{name} takes two values or more.", f"Write: {CALLS[name]}.")
        parts = tuple(self.node(part, depth + 1) for part in node.args)
        kind = type_of(parts[0])
        if kind not in _ORDERED or any(type_of(part) is not kind for part in parts):
            raise _error(node, f"{name} takes numbers, or durations, all of one type.")
        return Call(name, parts, kind)

    def _duration(self, node: ast.Call, name: str) -> Node:
        argument = node.args[0] if len(node.args) == 1 and not node.keywords else None
        value = argument.value if isinstance(argument, ast.Constant) else None
        if type(value) is not int or not 0 <= value <= 10_000:
            raise _error(node, f"{name} takes one whole number.", f"Write: {CALLS[name]}.")
        return Value(value * _UNITS[name], Type.DURATION)

    def _ratio(self, node: ast.Call, depth: int) -> Node:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if len(node.args) != 2 or given.keys() != {"otherwise"}:
            raise _error(
                node, "ratio takes a part, a whole, and what holds where the whole is 0.", f"Write: {CALLS['ratio']}."
            )
        part, whole = (self.node(argument, depth + 1) for argument in node.args)
        otherwise = self.node(given["otherwise"], depth + 1)
        if type_of(part) is not type_of(whole) or type_of(part) not in (Type.NUMBER, Type.DURATION):
            raise _error(node, "ratio takes two numbers, or two durations.")
        if not isinstance(otherwise, Value) or otherwise.type not in (Type.NUMBER, Type.RATIO):
            raise _error(node, "otherwise: a number belongs here.", f"Write: {CALLS['ratio']}.")
        return Call("ratio", (part, whole, Value(float(otherwise.value), Type.RATIO)), Type.RATIO)


def _constant(node: ast.Constant) -> Node:
    value = node.value
    if isinstance(value, bool):
        return Value(value, Type.TRUTH)
    if isinstance(value, int):
        if value > NUMBER_MAX:
            raise _error(node, f"Numbers go to {NUMBER_MAX:,}.")
        return Value(value, Type.NUMBER)
    if isinstance(value, float) and value <= NUMBER_MAX:  # neither infinite nor no number: the parser makes no such
        return Value(value, Type.RATIO)
    if isinstance(value, str):
        raise _error(node, "A text stands alone.", "Compare a field with it: kind == 'contact.requested'.")
    raise _error(node, f"{ast.unparse(node)[:40]} has no place in an expression.")


def _word(node: ast.expr, kind: Type) -> int:
    word = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(word, str):
        raise _error(node, "A word in quotes belongs here.")
    if kind not in VOCABULARY:
        raise _error(node, f"{kind.capitalize()} cannot be compared with a text.")
    known: Sequence[str] = VOCABULARY[kind]
    if word not in known:
        raise _error(node, f'There is no "{word}" among {_plural(kind)}.', suggestion(word, known))
    return code(kind, word)


def _plural(kind: Type) -> str:
    return {
        Type.KIND: "kinds of events",
        Type.WORD: "words of events",
        Type.BAND: "age bands",
        Type.RELATION: "relations",
    }[kind]


def _meant(left: Type, right: Type) -> str:
    if Type.DURATION in (left, right) and Type.NUMBER in (left, right):
        return "Write durations as hours(24) or days(7)."
    return ""


def _what(node: ast.expr) -> str:
    return type(node).__name__ if len(text := ast.unparse(node)) > 40 else f'"{text}"'


def _error(node: ast.expr, message: str, hint: str = "") -> ExpressionError:
    return ExpressionError(node.lineno, node.col_offset + 1, message, hint)
