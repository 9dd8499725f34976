"""Conditions in plain words. What they say exactly stands in the expression itself."""

from __future__ import annotations

from collections.abc import Mapping

from nightlight.detect.expression import All, Among, Any, Arithmetic, Call, Compare, Name, Node, Not, Value, type_of
from nightlight.detect.fields import BANDS, KINDS, NEVER_MS, RELATIONS, WORDS, Type, code
from nightlight.detect.time_words import duration_words
from nightlight.model.account import MINORS

_MINORS = frozenset(code(Type.BAND, band.value) for band in MINORS)
#: Fields as they are spoken of.
FIELD_WORDS: Mapping[str, str] = {
    "kind": "the event",
    "actor": "the one who acts",
    "target": "the other one",
    "room": "the room",
    "item": "the device or number",
    "messages": "the number of messages",
    "bytes": "their size in bytes",
    "word": "its word",
    "actor_band": "the one who acts",
    "target_band": "the other one",
    "relation": "what the two are to each other",
    "mutual": "the number of common connections",
    "known_for": "the time that the one who acts is known",
    "banned_links": "the number of banned accounts with the same device or number",
    "banned_in_room": "the number of banned accounts in the room",
}
_SIGNS = {
    "==": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "+": "plus",
    "-": "minus",
    "*": "times",
}
_LISTS = {Type.KIND: KINDS, Type.WORD: WORDS, Type.BAND: BANDS, Type.RELATION: RELATIONS}


def expression_words(node: Node, titles: Mapping[str, str]) -> str:
    """``titles``: of the features, by name."""
    match node:
        case Name(name, _, True):
            return f"“{titles[name]}”"
        case Name(name):
            return FIELD_WORDS[name]
        case Value(value, kind):
            return _value(value, kind)
        case Among(left, values, negated):
            return _among(left, values, negated=negated)
        case Compare(left, sign, right):
            if isinstance(right, Value) and right.type in _LISTS:
                return _among(left, (int(right.value),), negated=sign == "!=")
            return f"{expression_words(left, titles)} {_SIGNS[sign]} {expression_words(right, titles)}"
        case All(parts) | Any(parts):
            word = ", and " if isinstance(node, All) else ", or "
            return word.join(_inner(part, titles) for part in parts)
        case Not(part):
            return f"it is not so that {_inner(part, titles)}"
        case Arithmetic(left, sign, right):
            return f"({expression_words(left, titles)} {_SIGNS[sign]} {expression_words(right, titles)})"
        case Call("ratio", (part, whole, otherwise)):
            one, other = (expression_words(side, titles) for side in (part, whole))
            return f"{one} divided by {other} ({_value(_fixed(otherwise), Type.RATIO)} where that is 0)"
        case Call(name, parts):
            word = "the least of" if name == "least" else "the greatest of"
            return f"{word} {' and '.join(expression_words(part, titles) for part in parts)}"
    raise AssertionError(node)


def _inner(node: Node, titles: Mapping[str, str]) -> str:
    text = expression_words(node, titles)
    return f"({text})" if isinstance(node, All | Any) else text


def _among(left: Node, values: tuple[int, ...], *, negated: bool) -> str:
    what, kind = expression_words(left, {}), type_of(left)
    verb = "is not" if negated else "is"
    if kind is Type.BAND and frozenset(values) == _MINORS:
        return f"{what} {verb} a child or young person"
    words = [_word(kind, _LISTS[kind][value]) for value in values]
    return f"{what} {verb} {' or '.join(words)}"


def _word(kind: Type, word: str) -> str:
    """Kinds of events stay as they are written; bands are ``13 to 15``."""
    if kind is Type.KIND or not word:
        return word or "none"
    return word.replace("_", " to " if word[0].isdigit() else " ")


def _value(value: float, kind: Type) -> str:
    if kind is Type.DURATION:
        return "never" if value == NEVER_MS else duration_words(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _fixed(node: Node) -> float:
    return node.value if isinstance(node, Value) else 0.0
