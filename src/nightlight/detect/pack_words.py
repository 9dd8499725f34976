"""Features and rules in plain words: for people who read them, for the page about them, and for comparing packs."""

from __future__ import annotations

from collections.abc import Mapping

from nightlight.detect.definitions import WINDOWED, Bounds, Feature, Function, Pack, Rule
from nightlight.detect.expression_words import expression_words
from nightlight.detect.fields import FIELDS, VOCABULARY, Type
from nightlight.detect.time_words import about_words, duration_words

_WHO = {
    "actor": "the one who acts",
    "target": "the other one",
    "room": "the room",
    "item": "the device or number",
}
_LATER = {
    "actor": "whoever acts later",
    "target": "the other one of the event that asks",
    "room": "the room of the event that asks",
    "item": "the device or number of the event that asks",
}
_DIFFERENT = {"actor": "accounts that acted", "target": "accounts that it was about", "room": "rooms", "item": "items"}
_WHAT = {
    Function.COUNT: "The number of",
    Function.COUNT_DISTINCT: "The number of different {} in",
    Function.SUM: "The sum of {} in",
    Function.TIME_SINCE: "The time since the last of",
    Function.FIRST_SEEN: "The time since the first of a row of",
}


def value_words(kind: Type, value: float) -> str:
    """A value as people read it; words of events by their names."""
    if kind is Type.DURATION:
        return about_words(value)
    if kind in VOCABULARY:
        words = VOCABULARY[kind]
        place = int(value) - (0 if kind is Type.BAND else 1)  # the other lists begin with "none"
        word = words[place] if 0 <= place < len(words) else "none"
        return word if kind is Type.KIND else word.replace("_", " ")
    return f"{value:.3g}" if kind is Type.RATIO else f"{value:,.0f}"


def feature_words(pack: Pack, feature: Feature) -> str:
    """What it counts, in one sentence."""
    if feature.computed is not None:
        words = expression_words(feature.computed, _titles(pack))
        return words[0].upper() + words[1:] + "."
    what = _WHAT[feature.function].format(_DIFFERENT.get(feature.value, feature.value))
    when = f" where {expression_words(feature.when, {})}" if feature.when is not None else ""
    read = "" if feature.read == feature.per else f"; looked up for {_LATER[feature.read]}"
    over = f", within {duration_words(feature.over_ms)}" if feature.function in WINDOWED else ""
    kept = f"Kept for {duration_words(feature.lifetime_ms)}."
    return f"{what} events{when}; counted for {_WHO[feature.per]}{over}{read}. {kept}"


def rule_words(pack: Pack, rule: Rule) -> str:
    """When it speaks and about whom, in one sentence."""
    return f"It speaks about {_WHO[rule.about]} when {expression_words(rule.when, _titles(pack))}."


def _titles(pack: Pack) -> dict[str, str]:
    return {feature.id: feature.title for feature in pack.features}


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
        "pauses itself": bounds_words(rule.bounds),
    }


def bounds_words(bounds: Bounds) -> str:
    """When a rule pauses itself."""
    said = f"above {bounds.per_day:,} signals within 24 hours"
    if bounds.precision_percent:
        said += f", or surely right less often than {bounds.precision_percent} % of {bounds.after:,} decided accounts"
    return said


def type_of_name(pack: Pack, name: str) -> Type | None:
    """Of a feature or a field of the event."""
    if name in FIELDS:
        return FIELDS[name].type
    return next((feature.type for feature in pack.features if feature.id == name), None)
