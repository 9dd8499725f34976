"""What a feature or a rule means, as a digest: the same as long as it says the same, however the file is written."""

from __future__ import annotations

import hashlib

from nightlight.detect.definitions import Feature, Pack, Rule

_CHARS = 16


def feature_meaning(pack: Pack, feature: Feature) -> str:
    """Of everything that its values depend on; title, source and place in the file are not."""
    parts: list[object] = [
        feature.function.value,
        feature.value,
        feature.per,
        feature.read,
        repr(feature.when),
        feature.over_ms,
        feature.lifetime_ms,
        repr(feature.computed),
    ]
    if feature.computed is not None:
        parts += [feature_meaning(pack, other) for other in pack.needed(feature.computed)]
    return _digest(parts)


def rule_meaning(pack: Pack, rule: Rule) -> str:
    """Of everything that decides when the rule speaks, about whom, how loudly and for how long; not of its words."""
    parts: list[object] = [rule.family.value, rule.severity.value, rule.about, repr(rule.when), rule.expires_ms]
    return _digest([*parts, *((one.id, feature_meaning(pack, one)) for one in pack.needed(rule.when))])


def _digest(parts: list[object]) -> str:
    # The syntax tree is of frozen dataclasses, words already as numbers: its representation is canonical.
    return hashlib.sha256(b"nightlight/meaning/1\n" + repr(parts).encode()).hexdigest()[:_CHARS]
