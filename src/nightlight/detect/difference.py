"""What changes from one pack to another, in meaning: the same said in other words is no change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.definitions import Feature, Function, Pack, Rule
from nightlight.detect.expression import All, Among, Any, Arithmetic, Call, Compare, Name, Node, Not, Value
from nightlight.detect.pack_words import feature_parts, rule_parts

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Change:
    """``kind``: ``feature`` or ``rule``. ``how``: ``added``, ``removed``, ``renamed``, ``changed``, ``follows``.

    ``parts``: what it says, before and after; empty where new. ``follows``: its own text is the same, but something it
    asks for means something else now. ``was``: its earlier name.
    """

    kind: str
    id: str
    how: str
    parts: tuple[tuple[str, str, str], ...]
    was: str = ""


@dataclass(frozen=True, slots=True)
class PackDifference:
    before: str
    after: str
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)


Meaning = object


def pack_difference(before: Pack, after: Pack) -> PackDifference:
    """Features first, then rules. A feature with another name and the same meaning was renamed, no more."""
    old, new = _Meanings(before), _Meanings(after)
    renamed = _renamed(old.features, new.features)
    changes = [
        Change("feature", name, "renamed", (("name", earlier, name),), earlier) for name, earlier in renamed.items()
    ]
    gone = set(renamed.values())
    was = {one.id: one for one in before.features if one.id not in gone}
    now = {one.id: one for one in after.features if one.id not in renamed}
    changes += _changes("feature", was, now, old.features, new.features)
    rules = {rule.id: rule for rule in before.rules}, {rule.id: rule for rule in after.rules}
    changes += _changes("rule", *rules, old.rules, new.rules)
    return PackDifference(before.reference, after.reference, tuple(changes))


def _changes(
    kind: str,
    was: Mapping[str, Feature] | Mapping[str, Rule],
    now: Mapping[str, Feature] | Mapping[str, Rule],
    old: Mapping[str, Meaning],
    new: Mapping[str, Meaning],
) -> list[Change]:
    found = []
    for name in [*was, *(name for name in now if name not in was)]:
        if name in was and name in now and old[name] == new[name]:
            continue
        before, after = _parts(was.get(name)), _parts(now.get(name))
        parts = tuple(
            (part, before.get(part, ""), after.get(part, ""))
            for part in dict.fromkeys([*before, *after])
            if before.get(part) != after.get(part)
        )
        how = "added" if name not in was else "removed" if name not in now else "changed" if parts else "follows"
        found.append(Change(kind, name, how, parts))
    return found


def _parts(one: Feature | Rule | None) -> Mapping[str, str]:
    if one is None:
        return {}
    return feature_parts(one) if isinstance(one, Feature) else rule_parts(one)


def _renamed(old: Mapping[str, Meaning], new: Mapping[str, Meaning]) -> dict[str, str]:
    """New name -> earlier name, where exactly one that is gone means what exactly one that is new means."""
    found: dict[str, str] = {}
    gone = [name for name in old if name not in new]
    for name in (name for name in new if name not in old):
        same = [earlier for earlier in gone if old[earlier] == new[name] and earlier not in found.values()]
        if same:
            found[name] = same[0]
    return found


class _Meanings:
    """Every feature and rule as what it means: names of features are replaced by what those mean."""

    def __init__(self, pack: Pack) -> None:
        self.features: dict[str, Meaning] = {}
        for one in pack.features:
            self.features[one.id] = self._feature(one)
        self.rules: dict[str, Meaning] = {rule.id: self._rule(rule, pack) for rule in pack.rules}

    def _feature(self, one: Feature) -> Meaning:
        if one.function is Function.VALUE and one.computed is not None:
            return ("value", self._node(one.computed), one.purpose)
        when = self._node(one.when) if one.when is not None else None
        return (one.function, one.value, one.per, one.read, when, one.over_ms, one.lifetime_ms, one.purpose)

    def _rule(self, rule: Rule, pack: Pack) -> Meaning:
        reason = rule.reason
        for feature in pack.features:  # a feature that was only renamed changes no reason
            reason = reason.replace(f"{{{feature.id}}}", f"{{{hash(self.features[feature.id])}}}")
        return (self._node(rule.when), rule.about, rule.family, rule.severity, rule.expires_ms, reason, rule.bounds)

    def _node(self, node: Node) -> Meaning:
        match node:
            case Name(name, _, True):
                return self.features[name]
            case Name(name):
                return ("field", name)
            case Value(value, _):
                return ("value", float(value))
            case All(parts) | Any(parts):
                return (type(node).__name__, frozenset(self._node(part) for part in self._flat(node, parts)))
            case Not(part):
                return ("not", self._node(part))
            case Among(left, values, negated):
                return self._among(left, values, negated=negated)
            case Compare(left, sign, right):
                return self._compare(left, sign, right)
            case Arithmetic(left, sign, right, _):
                sides = self._node(left), self._node(right)
                return (sign, frozenset(sides) if sign in "+*" and sides[0] != sides[1] else sides)
            case Call(name, parts, _):
                made = tuple(self._node(part) for part in parts)
                return (name, made if name == "ratio" else frozenset(made))
        raise AssertionError(node)

    def _flat(self, node: All | Any, parts: Sequence[Node]) -> list[Node]:
        return [
            flat
            for part in parts
            for flat in (
                self._flat(node, part.parts) if isinstance(part, All | Any) and type(part) is type(node) else [part]
            )
        ]

    def _among(self, left: Node, values: Sequence[int], *, negated: bool) -> Meaning:
        return ("among", self._node(left), frozenset(map(float, values)), negated)

    def _compare(self, left: Node, sign: str, right: Node) -> Meaning:
        if isinstance(left, Value):
            left, sign, right = right, _TURNED[sign], left
        if sign in ("==", "!=") and isinstance(left, Name) and isinstance(right, Value) and not left.is_feature:
            return ("among", self._node(left), frozenset({float(right.value)}), sign == "!=")
        if sign in (">", ">="):
            left, sign, right = right, _TURNED[sign], left
        sides = self._node(left), self._node(right)
        return (sign, frozenset(sides) if sign in ("==", "!=") and sides[0] != sides[1] else sides)
