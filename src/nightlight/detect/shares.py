"""Which parts of a divided state an event has to visit, and where its rules can be decided.

Keys are dealt out to parts by their number. A feature is updated in the part of the key that it is counted under, and
read in the part of the key that it is read by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.definitions import Feature, Function, Pack, Rule
from nightlight.detect.expression import kinds_of
from nightlight.detect.fields import KEYS, KINDS


def part_of(key: int, parts: int) -> int:
    """Ids are keyed hashes, so their remainders are spread evenly; 0, nobody, has a part as well."""
    return key % parts


def read_by(pack: Pack, rule: Rule) -> frozenset[str]:
    """The fields by whose keys a rule's features are read. With none, it is decided where the account is that it is
    about."""
    kept = [feature for feature in pack.needed(rule.when) if feature.function is not Function.VALUE]
    return frozenset(feature.read for feature in kept) or frozenset({rule.about})


@dataclass(frozen=True, slots=True)
class Plan:
    """``fields``: by kind of event, the fields whose keys' parts it visits. ``alone``: rules that one part decides,
    with the field whose key's part that is. ``meeting``: rules whose features have to meet first. ``shown``: features
    whose values leave their part, by kind."""

    fields: Sequence[tuple[str, ...]]
    alone: Mapping[str, str]
    meeting: frozenset[str]
    shown: Sequence[tuple[Feature, ...]]


def plan(pack: Pack, *, every_value: bool = False) -> Plan:
    """``every_value``: all features of every event leave their parts and meet, so that engines can be compared."""
    fields: list[set[str]] = [set() for _ in KINDS]
    shown: list[dict[str, Feature]] = [{} for _ in KINDS]
    alone: dict[str, str] = {}
    meeting: set[str] = set()
    kept = [feature for feature in pack.features if feature.function is not Function.VALUE]
    for feature in kept:
        for kind in _kinds(kinds_of(feature.when) if feature.when is not None else None):
            fields[kind].add(feature.per)
        if every_value:
            for kind in range(len(KINDS)):
                fields[kind].add(feature.read)
                shown[kind][feature.id] = feature
    for rule in pack.rules:
        where = read_by(pack, rule)
        if len(where) == 1:
            (alone[rule.id],) = where
        else:
            meeting.add(rule.id)
        for kind in _kinds(kinds_of(rule.when)):
            fields[kind] |= where
            if rule.id in meeting:
                needed = pack.needed(rule.when)
                shown[kind].update((one.id, one) for one in needed if one.function is not Function.VALUE)
    return Plan(
        [tuple(key for key in KEYS if key in some) for some in fields],
        alone,
        frozenset(meeting),
        [tuple(some.values()) for some in shown],
    )


def _kinds(kinds: frozenset[int] | None) -> range | frozenset[int]:
    return range(len(KINDS)) if kinds is None else kinds
