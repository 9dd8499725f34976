"""Packs and their differences as plain values, for machines."""

from __future__ import annotations

from typing import Any

from nightlight.detect.definitions import Pack
from nightlight.detect.difference import PackDifference
from nightlight.detect.pack_words import feature_parts, feature_words, rule_parts, rule_words


def pack_values(pack: Pack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "version": pack.version,
        "reference": pack.reference,
        "digest": pack.digest,
        "description": pack.description.strip(),
        "sources": dict(pack.sources),
        "features": [
            {
                "id": one.id,
                "title": one.title,
                "says": feature_words(pack, one),
                **feature_parts(one),
                "source": one.source,
            }
            for one in pack.features
        ],
        "rules": [
            {"id": one.id, "title": one.title, "says": rule_words(pack, one), **rule_parts(one), "source": one.source}
            for one in pack.rules
        ],
        "examples": len(pack.examples),
    }


def difference_values(found: PackDifference) -> dict[str, Any]:
    return {
        "before": found.before,
        "after": found.after,
        "changes": [
            {
                "kind": one.kind,
                "id": one.id,
                "how": one.how,
                "was": one.was,
                "parts": [{"part": part, "before": was, "after": now} for part, was, now in one.parts],
            }
            for one in found.changes
        ],
    }
