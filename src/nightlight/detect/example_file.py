"""Examples in a file of definitions: events that are given, and what has to come of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from nightlight.detect.definitions import Example, Feature, Rule
from nightlight.detect.fields import FIELDS, VOCABULARY, Type, code
from nightlight.hazmat.strict_yaml import Reader, suggestion

_DURATION = re.compile(r"(0|[1-9][0-9]{0,4})([smhd])\Z")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?\Z")


def milliseconds(node: yaml.Node) -> int | None:
    """A time such as 30m, 24h or 7d; None if it is none."""
    match = _DURATION.match(node.value) if isinstance(node, yaml.ScalarNode) else None
    return int(match.group(1)) * _UNIT_MS[match.group(2)] if match else None


class ExampleReader:
    """Reads one example. Who is named in it is a word of its own; every other field is one of an event."""

    def __init__(self, reader: Reader, features: Sequence[Feature], rules: Sequence[Rule]) -> None:
        self._reader = reader
        self._features = [feature.id for feature in features]
        self._rules = [rule.id for rule in rules]

    def example(self, node: yaml.Node) -> Example | None:
        reader = self._reader
        found = reader.mapping(node, ("title", "given", "signals"), ("features",))
        if not found.keys() >= {"title", "given", "signals"}:
            return None
        given = [event for item in reader.items(found["given"]) for event in self._events(item)]
        features: dict[str, float] = {}
        for key, value in reader.pairs(found["features"]) if "features" in found else ():
            if key.value not in self._features:
                reader.complain(key, f'There is no "{key.value}".', suggestion(key.value, self._features))
            features[key.value] = self._number(value)
        signals: dict[str, frozenset[str]] = {}
        for key, value in reader.pairs(found["signals"]):
            if key.value not in self._rules:
                reader.complain(key, f'There is no "{key.value}".', suggestion(key.value, self._rules))
            signals[key.value] = frozenset(reader.text(item, "signals", 100) for item in reader.items(value))
        title = reader.text(found["title"], "title", 200)
        given.sort(key=lambda event: int(event["at"]))
        return Example(title, tuple(given), features, signals, node.start_mark.line + 1)

    def _events(self, node: yaml.Node) -> list[dict[str, int | str]]:
        """``repeat`` makes many of one; {n} in a name is the number of each, ``every`` the time between them."""
        reader = self._reader
        found = reader.mapping(node, ("at", "kind", "actor"), (*FIELDS, "repeat", "every"))
        if not found.keys() >= {"at", "kind", "actor"}:
            return []
        repeat = reader.whole(found.pop("repeat"), "repeat", 1, 10_000) if "repeat" in found else 1
        every = self._time(found.pop("every"), "every") if "every" in found else 0
        start = self._time(found.pop("at"), "at")
        event: dict[str, int | str] = {name: self._field(name, value) for name, value in found.items()}
        return [
            {
                "at": start + turn * every,
                **{
                    name: value.replace("{n}", str(turn + 1)) if isinstance(value, str) else value
                    for name, value in event.items()
                },
            }
            for turn in range(repeat)
        ]

    def _field(self, name: str, node: yaml.Node) -> int | str:
        reader, kind = self._reader, FIELDS[name].type
        if kind is Type.ID:
            return reader.text(node, name, 100)
        if kind is Type.DURATION:
            return self._time(node, name)
        if kind is Type.NUMBER:
            return reader.whole(node, name, 0, 999_999_999)
        word = reader.text(node, name, 100)
        if word not in VOCABULARY[kind]:
            reader.complain(node, f'{name}: there is no "{word}".', suggestion(word, VOCABULARY[kind]))
            return 0
        return code(kind, word)

    def _time(self, node: yaml.Node, what: str) -> int:
        duration = milliseconds(node)
        if duration is None:
            self._reader.complain(node, f"{what}: a time such as 0s, 30m, 24h or 7d belongs here.")
        return duration or 0

    def _number(self, node: yaml.Node) -> float:
        if isinstance(node, yaml.ScalarNode) and _PLAIN.match(node.value):
            return float(node.value)
        duration = milliseconds(node)
        if duration is None:
            self._reader.complain(node, "A number, or a time such as 24h, belongs here.")
        return float(duration or 0)
