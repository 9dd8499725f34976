"""The text of one Python function that does all that a pack says, event by event. Pure: a checked pack in, text out.

Names in the text are made here (``c0``: what of rule 0 the event itself says, ``v0``: the value of feature 0); fields
of the event come from the closed list. ``n(3)`` is 3, told to numba in a way that does not compile what is called for
each number anew. No text of a definition file gets in.

The order of an event is that of ``windows.py``: every group takes the event, then rules are asked. Values are read only
where the event itself does not exclude every rule that needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.definitions import Feature, Function, Pack, Rule
from nightlight.detect.expression import (
    All,
    Among,
    Any,
    Arithmetic,
    Call,
    Compare,
    Name,
    Node,
    Not,
    Value,
    names_of,
)
from nightlight.detect.fields import FIELDS, NEVER_MS, Type
from nightlight.detect.groups import Group, Kept, Plan
from nightlight.detect.ranges import NUMBER_MAX, TIME_MAX

#: Where the values of a hit begin in its row: before them stand the event, the rule, the account and the time.
VALUES_AT = 4
_NAMED = re.compile(r"\{([^{}]*)\}")
_EXACT_MAX = 2**63
#: The largest values of counts, and of sums within their bound.
_COUNT_MAX = 2**31
_SUM_MAX = 2**60


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule's values in its row of a hit: ``condition`` those its condition asks for, then those of its reason."""

    condition: tuple[str, ...]
    reason: tuple[str, ...]
    floats: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        return self.condition + self.reason


class Writer:
    """Writes the function of one pack."""

    def __init__(self, pack: Pack, plan: Plan) -> None:
        self._pack, self._plan = pack, plan
        self._value = {one.id: f"v{number}" for number, one in enumerate(pack.features)}
        self._feature = {one.id: one for one in pack.features}
        self._floats: set[str] = set()
        self._bounds: dict[str, float] = {}
        for one in pack.features:
            self._measure(one)
        self.shown = tuple(self._shown(rule) for rule in pack.rules)

    def _measure(self, one: Feature) -> None:
        if one.computed is not None:
            self._bounds[one.id] = self._bound(one.computed)
            if self._is_float(one.computed):
                self._floats.add(one.id)
        elif one.function in (Function.TIME_SINCE, Function.FIRST_SEEN):
            self._bounds[one.id] = NEVER_MS
        else:
            self._bounds[one.id] = _SUM_MAX if one.function is Function.SUM else _COUNT_MAX

    def _shown(self, rule: Rule) -> Shown:
        condition = tuple(one.id for one in self._pack.needed(rule.when))
        named = {name for name in _NAMED.findall(rule.reason) if name in self._feature and name not in condition}
        reason = tuple(one.id for one in self._pack.features if one.id in named)
        return Shown(condition, reason, frozenset({*condition, *reason} & self._floats))

    @property
    def width(self) -> int:
        """Of a row of a hit."""
        return VALUES_AT + max((len(shown.names) for shown in self.shown), default=0)

    def text(self) -> str:
        """``process(events, start, stop, out, out_float, s)``: returns how far it came and how many hits there are.

        ``events``: int64 [field, event], the fields as in ``SEEN_COLUMNS``; ``out``: int64 [hit, width], and the same
        memory as float64. It stops early where the tables or ``out`` may not hold another event. If a value does not
        fit (``tables.unfit``), nothing is done and -1 less the number of its field returned.
        """
        used = self._fields()
        lines = [
            "def process(events, start, stop, out, out_float, s):",
            "    bad = unfit(events, start, stop)",
            "    if bad >= 0:",
            "        return -1 - bad, 0",
            "    work = s[8]",
            "    hits = n(0)",
            "    i = start",
            "    while i < stop:",
            f"        if not spare(s) or hits + {len(self._pack.rules)} > out.shape[0]:",
            "            break",
            "        t = arrive(s, events[0, i], events[1, i])",
            "        if t < 0:",
            "            i += 1",
            "            continue",
            *(f"        {name} = events[{SEEN_COLUMNS.index(name)}, i]" for name in used),
            *self._adding(),
            *self._asking(),
            "        i += 1",
            "    expire_all(s)",
            "    return i, hits",
        ]
        return "\n".join(lines) + "\n"

    def _fields(self) -> list[str]:
        used: set[str] = set()
        for group in self._plan.groups:
            used |= {group.per, group.value} | (names_of(group.when) if group.when is not None else frozenset())
        for one in self._pack.features:
            used |= {one.read} | (names_of(one.computed) if one.computed is not None else frozenset())
        for rule in self._pack.rules:
            used |= {rule.about} | names_of(rule.when)
        return [name for name in FIELDS if name in used]

    def _adding(self) -> list[str]:
        lines = ["        todo = n(0)"]
        for number, group in enumerate(self._plan.groups):
            asked = [f"{group.per} != 0"]
            if group.kept is Kept.PAIRS:
                asked.append(f"{group.value} != 0")
            if group.when is not None:
                asked.append(self._code(group.when))
            lines += [
                f"        if {' and '.join(asked)}:",
                f"            todo = want(work, todo, n({number}), {group.per}, {group.value or 'n(0)'})",
            ]
        return [*lines, "        take(s, todo, t)"]

    def _asking(self) -> list[str]:
        lines: list[str] = []
        needing: dict[str, list[str]] = {}
        rest: list[str] = []
        for number, rule in enumerate(self._pack.rules):
            alone, others = _split(rule.when, self._feature)
            asked = [f"{rule.about} != 0", *map(self._code, alone)]
            lines.append(f"        c{number} = {' and '.join(asked)}")
            rest.append(" and ".join([f"c{number}", *map(self._code, others)]))
            # Those that only the reason needs, too: a hit is rare, but its values have to be of this very event.
            wanted = {*self.shown[number].names}
            for name in self.shown[number].reason:
                computed = self._feature[name].computed
                wanted |= {one.id for one in self._pack.needed(computed)} if computed is not None else set()
            for name in wanted:
                needing.setdefault(name, []).append(f"c{number}")
        lines += self._values(needing)
        for number, rule in enumerate(self._pack.rules):
            shown = self.shown[number]
            lines += [
                f"        if {rest[number]}:",
                f"            hit(out, hits, i, n({number}), {rule.about}, t)",
            ]
            for at, name in enumerate(shown.names, VALUES_AT):
                into = "out_float" if name in shown.floats else "out"
                lines.append(f"            show({into}, hits, n({at}), {self._value[name]})")
            lines.append("            hits += 1")
        return lines

    def _values(self, needing: Mapping[str, Sequence[str]]) -> list[str]:
        lines: list[str] = []
        lookups: dict[tuple[int, str], dict[str, None]] = {}
        for one in self._pack.features:
            if one.id in needing and one.computed is None:
                found = lookups.setdefault((self._plan.place[one.id][0], one.read), {})
                found.update(dict.fromkeys(needing[one.id]))
        for at, ((group, read), when) in enumerate(lookups.items()):
            lines += [
                f"        asked = {read} != 0 and ({' or '.join(when)})",
                f"        want(work, n({at}), n({group}) if asked else n(-1), {read}, n(0))",
            ]
        if lookups:
            lines.append(f"        look(s, n({len(lookups)}), t)")
        places = {pair: f"n({at})" for at, pair in enumerate(lookups)}
        for one in self._pack.features:
            if one.id not in needing:
                continue
            name = self._value[one.id]
            if one.computed is not None:
                lines += [
                    f"        {name} = {'0.0' if one.id in self._floats else '0'}",
                    f"        if {' or '.join(needing[one.id])}:",
                    f"            {name} = {self._code(one.computed)}",
                ]
            else:
                number, window = self._plan.place[one.id]
                read = _reading(self._plan.groups[number], window, one.function)
                lines.append(f"        {name} = {read.format(k=places[number, one.read])}")
        return lines

    # Expressions

    def _code(self, node: Node) -> str:
        match node:
            case Name(name, _, True):
                return self._value[name]
            case Name(name, _, False):
                return FIELDS[name].name
            case Value(value, _):
                return repr(value)
            case Compare(left, sign, right):
                return f"({self._code(left)} {sign} {self._code(right)})"
            case Arithmetic(left, sign, right, _):
                one, other = self._code(left), self._code(right)
                if not self._is_float(left) and not self._is_float(right) and self._bound(node) >= _EXACT_MAX:
                    return f"(float({one}) {sign} float({other}))"
                return f"({one} {sign} {other})"
            case Among(left, values, negated):
                sign, joint = ("!=", " and ") if negated else ("==", " or ")
                return "(" + joint.join(f"{self._code(left)} {sign} {value}" for value in values) + ")"
            case Not(part):
                return f"(not {self._code(part)})"
            case All(parts):
                return "(" + " and ".join(map(self._code, parts)) + ")"
            case Any(parts):
                return "(" + " or ".join(map(self._code, parts)) + ")"
            case Call(name, parts, _):
                word = {"ratio": "ratio", "least": "min", "most": "max"}[name]
                return f"{word}({', '.join(map(self._code, parts))})"
        raise AssertionError(node)

    def _is_float(self, node: Node) -> bool:
        """Whether the code of an expression gives a float."""
        match node:
            case Name(name, _, True):
                return name in self._floats
            case Value(value, _):
                return isinstance(value, float)
            case Arithmetic(left, _, right, _):
                return self._is_float(left) or self._is_float(right) or self._bound(node) >= _EXACT_MAX
            case Call(name, parts, _):
                return name == "ratio" or any(map(self._is_float, parts))
            case _:
                return False

    def _bound(self, node: Node) -> float:
        """No value of the expression is further from 0. Whole numbers that may leave 64 bits become floats."""
        match node:
            case Name(name, kind, is_feature):
                if is_feature:
                    return self._bounds[name]
                return TIME_MAX if kind is Type.DURATION else NUMBER_MAX
            case Value(value, _):
                return abs(value)
            case Arithmetic(left, sign, right, _):
                one, other = self._bound(left), self._bound(right)
                return one * other if sign == "*" else one + other
            case Call(name, parts, _):
                return NEVER_MS if name == "ratio" else max(map(self._bound, parts))
            case _:
                return 1


def _reading(group: Group, window: int, function: Function) -> str:
    if function is Function.TIME_SINCE:
        return "since(s, {k}, t)"
    if function is Function.FIRST_SEEN:
        return "since_first(s, {k}, t)"
    if group.kept is Kept.NUMBERS:
        return f"total(s, {{k}}, n({window}))"
    return f"count(s, {{k}}, n({count_column(group, window)}))"


def count_column(group: Group, window: int) -> int:
    """The column of ``counts`` that has a window's count: the longest one's is that of what is kept at all."""
    return 2 if window == len(group.overs) - 1 else 4 + window


def _split(node: Node, features: Mapping[str, Feature]) -> tuple[list[Node], list[Node]]:
    """The parts of a condition that the event alone answers, and the others. Their order does not matter."""
    parts = list(node.parts) if isinstance(node, All) else [node]
    alone = [part for part in parts if not names_of(part) & features.keys()]
    return alone, [part for part in parts if names_of(part) & features.keys()]
