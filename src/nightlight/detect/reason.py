"""Reasons in plain words: what a rule says of an event, with the numbers in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from nightlight.detect.definitions import Pack, Rule
from nightlight.detect.evaluate import Number
from nightlight.detect.fields import FIELDS, NEVER_MS, VOCABULARY, Seen, Type, code

_NAMED = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"))


def reason_of(pack: Pack, rule: Rule, seen: Seen, read: Callable[[str], Number]) -> str:
    """``read`` gives the value of a feature at this event."""
    types = {feature.id: feature.type for feature in pack.features}

    def put(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in types:
            return shown(types[name], read(name))
        return shown(FIELDS[name].type, getattr(seen, name))

    return _NAMED.sub(put, rule.reason)


def shown(kind: Type, value: Number) -> str:
    """A value as people read it: 7 days, 0.25, 13_15."""
    if kind is Type.DURATION:
        return duration(int(value))
    if kind in VOCABULARY:
        return next((word for word in VOCABULARY[kind] if code(kind, word) == value), "none")
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}"


def duration(ms: int) -> str:
    if ms >= NEVER_MS:
        return "never"
    for unit, name in _UNITS:
        if ms >= unit:
            count = ms // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"
