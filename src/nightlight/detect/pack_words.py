"""Features and rules in plain words: for people who read them, for the page about them, and for comparing packs."""

from __future__ import annotations

from collections.abc import Mapping

from nightlight.detect.definitions import WINDOWED, Feature, Function, Pack, Rule
from nightlight.detect.fields import FIELDS, NEVER_MS, VOCABULARY, Type

_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))
_WHO = {
    "actor": "the one who acts",
    "target": "the one it is about",
    "room": "the room",
    "item": "the device or number",
}


def duration_words(milliseconds: float) -> str:
    """``7 days``, ``90 minutes``: in the largest unit that gives a whole number."""
    if milliseconds == NEVER_MS:
        return "never"
    for size, unit in _UNITS:
        if milliseconds and milliseconds % size == 0:
            count = int(milliseconds // size)
            return f"{count:,} {unit}" + ("s" if count != 1 else "")
    return f"{milliseconds:,.0f} milliseconds"


def about_words(milliseconds: float) -> str:
    """The same for a measured time: rounded to a tenth of its unit."""
    if milliseconds == NEVER_MS:
        return "never"
    size, unit = next(((size, unit) for size, unit in _UNITS if milliseconds >= size), _UNITS[-1])
    return f"{milliseconds / size:.1f}".removesuffix(".0") + f" {unit}s"


def value_words(kind: Type, value: float) -> str:
    """A value as people read it; words of events by their names."""
    if kind is Type.DURATION:
        return about_words(value)
    if kind in VOCABULARY:
        words = VOCABULARY[kind]
        place = int(value) - (0 if kind is Type.BAND else 1)  # the other lists begin with "none"
        return words[place].replace("_", " ") if 0 <= place < len(words) else "none"
    return f"{value:.3g}" if kind is Type.RATIO else f"{value:,.0f}"


def feature_words(feature: Feature) -> str:
    """What it counts, in one sentence."""
    if feature.function is Function.VALUE:
        return f"Computed: {feature.when_text}."
    kept = f"; kept for {duration_words(feature.lifetime_ms)}"
    where = f" of events where {feature.when_text}" if feature.when_text else " of all events"
    per = _WHO[feature.per]
    read = "" if feature.read == feature.per else f", read for {_WHO[feature.read]} of a later event"
    match feature.function:
        case Function.COUNT:
            what = "The number"
        case Function.COUNT_DISTINCT:
            what = f"How many different values of {feature.value} there are"
        case Function.SUM:
            what = f"The sum of {feature.value}"
        case Function.TIME_SINCE:
            what = "The time since the last"
        case _:
            what = "The time since the first"
    over = f", within {duration_words(feature.over_ms)}" if feature.function in WINDOWED else ""
    return f"{what}{where}, for {per}{read}{over}{kept}."


def rule_words(rule: Rule) -> str:
    """When it speaks and about whom, in one sentence."""
    return f"About {_WHO[rule.about]}, when {rule.when_text}."


def feature_parts(feature: Feature) -> Mapping[str, str]:
    """What a feature means, part by part. The title, the source and its place in the file are no part of that."""
    if feature.function is Function.VALUE:
        return {"computed": feature.when_text, "purpose": feature.purpose.value}
    return {
        "function": feature.function.value + (f" of {feature.value}" if feature.value else ""),
        "counted for": feature.per,
        "read by": feature.read,
        "of events where": feature.when_text or "any",
        "over": duration_words(feature.over_ms),
        "lifetime": duration_words(feature.lifetime_ms),
        "purpose": feature.purpose.value,
    }


def rule_parts(rule: Rule) -> Mapping[str, str]:
    return {
        "when": rule.when_text,
        "about": rule.about,
        "family": rule.family.value,
        "severity": rule.severity.value,
        "expires": duration_words(rule.expires_ms),
        "reason": rule.reason,
    }


def type_of_name(pack: Pack, name: str) -> Type | None:
    """Of a feature or a field of the event."""
    if name in FIELDS:
        return FIELDS[name].type
    return next((feature.type for feature in pack.features if feature.id == name), None)
