"""Small towns for tests, and their events as plain rows."""

from __future__ import annotations

from typing import Any

from nightlight.town.life import Town
from nightlight.town.parameters import Parameters

START_MS = 1_735_689_600_000  # 2025-01-01


def parameters(**changed: Any) -> Parameters:
    given: dict[str, Any] = {
        "events": 40_000,
        "people": 600,
        "days": 60,
        "seed": 1,
        "start_ms": START_MS,
        "harmful": 0.02,
        "doubled": 0.0,
    }
    return Parameters(**(given | changed))


def rows_of(town: Town) -> list[dict[str, int]]:
    rows: list[dict[str, int]] = []
    for block in town.blocks():
        names = list(block)
        rows += [
            dict(zip(names, values, strict=True)) for values in zip(*(block[n].tolist() for n in names), strict=True)
        ]
    return rows
