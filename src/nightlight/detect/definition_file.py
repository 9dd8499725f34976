"""A file of definitions: YAML in, a checked ``Pack`` out, or every mistake with its line and column."""

from __future__ import annotations

import hashlib
import keyword
import re
from dataclasses import dataclass
from typing import Any

import yaml

from nightlight.detect.contradiction import never_true
from nightlight.detect.definitions import (
    LIFETIME_MAX_MS,
    WINDOWED,
    Bounds,
    Feature,
    Function,
    Pack,
    Purpose,
    Rule,
)
from nightlight.detect.example_file import ExampleReader, milliseconds
from nightlight.detect.expression import (
    CALLS,
    ExpressionError,
    Node,
    kinds_of,
    names_of,
    parse,
    type_of,
)
from nightlight.detect.fields import FIELDS, GROUPS, KEYS, Type
from nightlight.hazmat.strict_yaml import MalformedError, Problem, Reader, read_nodes, suggestion
from nightlight.model.contact import SignalFamily
from nightlight.model.signal import Severity

FORMAT = "nightlight-detection/1"
CODE = "definitions_malformed"
DEFINITIONS_MAX = 300
UNVALIDATED = "unvalidated"

_ID = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}\Z")
_NAMED = re.compile(r"\{([^{}]*)\}")
_NUMBERS = tuple(field.name for field in FIELDS.values() if field.type is Type.NUMBER)
_FUNCTIONS = tuple(function.value for function in Function)
#: Names that mean something else already.
_TAKEN = frozenset({*FIELDS, *GROUPS, *CALLS, "never"})
#: Of each bound of a rule, the least and the most.
_BOUNDS = {"per_day": (1, 1_000_000), "precision_percent": (0, 100), "after": (10, 100_000)}
_SIGNAL_MAX_MS = 90 * 86_400_000


@dataclass(frozen=True, slots=True)
class Checked:
    """Definitions that can be used, with what is odd about them."""

    pack: Pack
    warnings: tuple[Problem, ...]


def read_definitions(data: bytes) -> Checked:
    """Checks the whole file. ``MalformedError('definitions_malformed')`` carries every mistake."""
    root = read_nodes(data, CODE)
    reader = _PackReader()
    pack = reader.pack(root, hashlib.sha256(data).hexdigest())
    if any(not problem.warning for problem in reader.problems):
        raise MalformedError(CODE, reader.problems)
    return Checked(pack, tuple(sorted(reader.problems)))


class _PackReader(Reader):
    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, str] = {}
        #: What a feature of that name gives; also of those with mistakes, so that one mistake is said once.
        self._types: dict[str, Type] = {}
        self._ids: set[str] = set()

    def pack(self, root: yaml.Node, digest: str) -> Pack:
        required = ("format", "name", "version", "description", "sources", "features", "rules")
        found = self.mapping(root, required, ("examples",))
        if "format" in found and self.text(found["format"], "format") != FORMAT:
            self.complain(found["format"], f'The format is "{FORMAT}".')
        for key, value in self.pairs(found["sources"]) if "sources" in found else ():
            self._sources[key.value] = self.text(value, "sources")
        features = self._list(found.get("features"), self._feature)
        rules = self._list(found.get("rules"), self._rule)
        examples = self._list(found.get("examples"), ExampleReader(self, features, rules).example)
        self._check_use(features, rules)
        return Pack(
            self._matching(found.get("name"), "name", _ID),
            self._matching(found.get("version"), "version", _VERSION),
            self.text(found["description"], "description") if "description" in found else "",
            digest,
            dict(self._sources),
            tuple(features),
            tuple(rules),
            tuple(examples),
        )

    def _list(self, node: yaml.Node | None, read: Any) -> list[Any]:
        if node is None:
            return []
        items = self.items(node)
        if len(items) > DEFINITIONS_MAX:
            self.complain(node, f"More than {DEFINITIONS_MAX} entries.")
            return []
        return [made for item in items if (made := read(item)) is not None]

    def _feature(self, node: yaml.Node) -> Feature | None:
        known = ("per", "read", "when", "over", *_FUNCTIONS)
        found = self.mapping(node, ("id", "title", "purpose", "source"), ("lifetime", *known))
        name = self._new_id(found.get("id"))
        chosen = [word for word in _FUNCTIONS if word in found]
        if len(chosen) != 1:
            self.complain(node, f"A feature has one of {', '.join(_FUNCTIONS)}.")
            self._types[name] = Type.NUMBER
            return None
        function = Function(chosen[0])
        feature = self._computed(node, found, name) if function is Function.VALUE else None
        if feature is None and function is not Function.VALUE:
            feature = self._counted(node, found, name, function)
        self._types[name] = feature.type if feature else Type.NUMBER
        return feature

    def _counted(self, node: yaml.Node, found: dict[str, yaml.Node], name: str, function: Function) -> Feature | None:
        for needed in ("per", "lifetime", *(["over"] if function in WINDOWED else [])):
            if needed not in found:
                self.complain(node, f'"{needed}" is missing.')
        if function not in WINDOWED and "over" in found:
            self.complain(found["over"], f"{function} has no window: it looks back as far as its lifetime.")
        value = self._value(found[function.value], function)
        per = self.choice(found["per"], "per", KEYS) if "per" in found else ""
        read = self.choice(found["read"], "read", KEYS) if "read" in found else per
        when, text = self._condition(found["when"], {}) if "when" in found else (None, "")
        purpose = self._purpose(found)
        lifetime = self._duration(found["lifetime"], "lifetime") if "lifetime" in found else 0
        over = self._duration(found["over"], "over") if "over" in found and function in WINDOWED else lifetime
        if "lifetime" in found and over > lifetime:
            where = found.get("over", found["lifetime"])
            self.complain(where, "The window is longer than the lifetime.", "Nothing older than the lifetime is kept.")
        if purpose and lifetime > LIFETIME_MAX_MS[purpose]:
            most = LIFETIME_MAX_MS[purpose] // 86_400_000
            self.complain(found["lifetime"], f"For the purpose {purpose} nothing is kept longer than {most} days.")
        if not per or purpose is None or "id" not in found:
            return None
        return Feature(
            name,
            self._title(found),
            function,
            value,
            per,
            read or per,
            when,
            text,
            over,
            lifetime,
            purpose,
            self._source(found),
            node.start_mark.line + 1,
        )

    def _computed(self, node: yaml.Node, found: dict[str, yaml.Node], name: str) -> Feature | None:
        for other in ("per", "read", "when", "over", "lifetime"):
            if other in found:
                self.complain(found[other], f'A feature that is computed of others has no "{other}".')
        made, text = self._expression(found["value"], self._types)
        purpose = self._purpose(found)
        if made is None or purpose is None or "id" not in found:
            return None
        if type_of(made) not in (Type.RATIO, Type.NUMBER):
            self.complain(found["value"], f"A value is a number or a ratio; this is {type_of(made)}.")
        if not any(name in self._types for name in names_of(made)):
            self.complain(found["value"], "A value is computed of other features; this names none.")
        title, source = self._title(found), self._source(found)
        function, line = Function.VALUE, node.start_mark.line + 1
        return Feature(name, title, function, "", "", "", None, text, 0, 0, purpose, source, line, made)

    def _rule(self, node: yaml.Node) -> Rule | None:
        required = ("id", "title", "family", "severity", "when", "reason", "expires", "source")
        found = self.mapping(node, required, ("about", "bounds"))
        bounds = self._bounds(found["bounds"]) if "bounds" in found else Bounds()
        rule_id = self._new_id(found.get("id"))
        when, text = self._condition(found["when"], self._types) if "when" in found else (None, "")
        family = (
            self.choice(found["family"], "family", [one.value for one in SignalFamily]) if "family" in found else ""
        )
        levels = [one.value for one in Severity]
        severity = self.choice(found["severity"], "severity", levels) if "severity" in found else ""
        about = self.choice(found["about"], "about", ("actor", "target")) if "about" in found else "actor"
        reason = self.text(found["reason"], "reason", 300) if "reason" in found else ""
        for name in _NAMED.findall(reason):
            if name not in self._types and not (name in FIELDS and FIELDS[name].type is not Type.ID):
                self.complain(found["reason"], f'reason: there is no "{name}".', suggestion(name, list(self._types)))
        expires = self._duration(found["expires"], "expires") if "expires" in found else 0
        if expires > _SIGNAL_MAX_MS:
            self.complain(found["expires"], "A signal lasts 90 days at most.")
        if when is None or not (family and severity and about) or not found.keys() >= set(required):
            return None
        if kinds_of(when) is None:
            self.complain(
                found["when"], "It is looked at for every event.", "Say which kind it is about.", warning=True
            )
        title, source = self._title(found), self._source(found)
        family_, severity_ = SignalFamily(family), Severity(severity)
        line = node.start_mark.line + 1
        return Rule(rule_id, title, family_, severity_, about, when, text, reason, expires, source, line, bounds)

    def _bounds(self, node: yaml.Node) -> Bounds:
        found = self.mapping(node, (), tuple(_BOUNDS))
        given = {
            name: self.whole(found[name], name, least, most) for name, (least, most) in _BOUNDS.items() if name in found
        }
        return Bounds(**given)

    def _check_use(self, features: list[Feature], rules: list[Rule]) -> None:
        used = frozenset[str]().union(*(names_of(rule.when) for rule in rules))
        used |= frozenset[str]().union(*(names_of(one.computed) for one in features if one.computed))
        used |= {name for rule in rules for name in _NAMED.findall(rule.reason)}
        for feature in features:
            if feature.id not in used:
                self.problems.append(Problem(feature.line, 1, f"No rule asks for {feature.id}.", warning=True))

    # Parts

    def _value(self, node: yaml.Node, function: Function) -> str:
        match function:
            case Function.COUNT_DISTINCT:
                return self.choice(node, function, KEYS)
            case Function.SUM:
                return self.choice(node, function, _NUMBERS)
            case _:
                if self.text(node, function) != "events":
                    self.complain(node, f"{function}: events.", f'Write "{function}: events".')
                return ""

    def _condition(self, node: yaml.Node, names: dict[str, Type]) -> tuple[Node | None, str]:
        made, text = self._expression(node, names)
        if made is None:
            return None, text
        if type_of(made) is not Type.TRUTH:
            self.complain(node, f"A condition is true or false; this is {type_of(made)}.", "Compare it with something.")
            return None, text
        if name := never_true(made):
            self.complain(node, f"This is never true: what is asked of {name} excludes itself.")
        return made, text

    def _expression(self, node: yaml.Node, names: dict[str, Type]) -> tuple[Node | None, str]:
        text = " ".join(self.text(node, "expression", 1_000).split())
        if not text:
            return None, ""
        try:
            return parse(text, names), text
        except ExpressionError as e:
            mark = node.start_mark
            if mark.line == node.end_mark.line:  # one line: the place is exact
                quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
                column = mark.column + e.column + int(quoted)
                self.problems.append(Problem(mark.line + 1, column, e.message, e.hint))
            else:
                near = text[max(0, e.column - 1) :][:30]
                self.complain(node, f"{e.message} Near: {near}", e.hint)
            return None, text

    def _duration(self, node: yaml.Node, what: str) -> int:
        duration = milliseconds(node)
        if not duration:
            self.complain(node, f"{what}: a time such as 30m, 24h or 7d belongs here.")
        return duration or 60_000

    def _purpose(self, found: dict[str, yaml.Node]) -> Purpose | None:
        word = self.choice(found["purpose"], "purpose", [one.value for one in Purpose]) if "purpose" in found else ""
        return Purpose(word) if word else None

    def _title(self, found: dict[str, yaml.Node]) -> str:
        return self.text(found["title"], "title", 200) if "title" in found else ""

    def _source(self, found: dict[str, yaml.Node]) -> str:
        if "source" not in found:
            return ""
        return self.choice(found["source"], "source", [UNVALIDATED, *self._sources])

    def _new_id(self, node: yaml.Node | None) -> str:
        name = self._matching(node, "id", _ID)
        if node is not None and name:
            if name in self._ids:
                self.complain(node, f'"{name}" stands here twice.', "Features and rules share one list of names.")
            elif name in _TAKEN or keyword.iskeyword(name):
                self.complain(node, f'"{name}" means something else already.')
            self._ids.add(name)
        return name

    def _matching(self, node: yaml.Node | None, what: str, shape: re.Pattern[str]) -> str:
        if node is None:
            return ""
        text = self.text(node, what)
        if text and not shape.match(text):
            self.complain(node, f"{what}: small letters, digits and _ (a version: digits, letters, . and -).")
            return ""
        return text
