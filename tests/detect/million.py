"""A million events on which engines have to agree: late, doubled, tied, and at the very edge of windows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightlight.detect.columns import COLUMNS
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack
from nightlight.detect.fields import BANDS, KINDS, RELATIONS, WORDS, Type
from tests.detect.packs import starter, starter_bytes

HOUR = 3_600_000
START = 1_780_000_000_000
DAYS = 40
DOUBLED = 10_000
_SHARE = {"conversation.volume": 8, "contact.requested": 6, "room.joined": 3, "contact.decided": 3}


def million(count: int = 1_000_000, seed: int = 3) -> dict[str, Any]:
    """Columns of ``count`` events, of which every hundredth comes again later with the same id.

    Half of the times are whole half-hours, so that many events tie and every window ends exactly where others begin; a
    fifth are a millisecond beside one.
    """
    draw = np.random.default_rng(seed)
    ticks = START + draw.integers(0, DAYS * 48, count) * (HOUR // 2)
    beside = ticks + draw.choice([-1, 1], count)
    anywhere = START + draw.integers(0, DAYS * 24 * HOUR, count)
    which = draw.random(count)
    t = np.sort(np.where(which < 0.5, ticks, np.where(which < 0.7, beside, anywhere)))
    weights = np.array([_SHARE.get(kind, 1) for kind in KINDS], float)
    weights[0] = 0  # no kind at all
    accounts = draw.integers(-(2**63), 2**63 - 1, 30_000)

    def some(of: Any, power: float) -> Any:
        return of[(len(of) * draw.random(count) ** power).astype(int)]

    columns = {
        "number": np.arange(1, count + 1),
        "event": draw.integers(-(2**63), 2**63 - 1, count),
        "t": t,
        "at": t - draw.choice([0, 0, 500, 2 * HOUR, 60 * 24 * HOUR], count),
        "kind": draw.choice(len(KINDS), count, p=weights / weights.sum()),
        "actor": np.where(draw.random(count) < 0.01, 0, some(accounts, 3)),
        "target": np.where(draw.random(count) < 0.1, 0, some(accounts, 2)),
        "room": some(accounts[:2_000], 2),
        "item": some(accounts[:900], 2),
        "messages": draw.integers(0, 200, count),
        "bytes": draw.integers(0, 9_000, count),
        "word": draw.integers(0, len(WORDS), count),
        "actor_band": draw.integers(0, len(BANDS), count),
        "target_band": draw.integers(0, len(BANDS), count),
        "relation": draw.integers(0, len(RELATIONS), count),
        "mutual": draw.integers(0, 3, count),
        "known_for": draw.integers(0, 20 * 24, count) * HOUR,
        "banned_links": draw.integers(0, 8, count) == 0,
        "banned_in_room": draw.choice([0, 0, 1, 3], count),
    }
    again = np.sort(draw.choice(count // 2, DOUBLED * count // 1_000_000, replace=False))
    later = np.sort(draw.choice(np.arange(count // 2, count), len(again), replace=False))
    for column in COLUMNS:
        if column.name not in ("number", "t", "at"):
            columns[column.name][later] = columns[column.name][again]
    return {one.name: columns[one.name].astype(one.dtype) for one in COLUMNS}


def written(columns: dict[str, Any], folder: Path, files: int = 3) -> Path:
    """As an export: several files, each with some of the events."""
    folder.mkdir()
    ends = np.linspace(0, len(columns["t"]), files + 1).astype(int)
    for place, (start, end) in enumerate(pairwise(ends)):
        part = {name: column[start:end] for name, column in columns.items()}
        pq.write_table(pa.table(part), folder / f"events-{place:03d}.parquet")
    return folder


def telling() -> Pack:
    """The starter pack, and two rules that hold at every event and so tell the value of every feature there."""
    kept = [one.id for one in starter().features]
    rules = "".join(
        f"  - id: tells_{about}\n    title: Tells\n    family: network\n    severity: low\n    about: {about}\n"
        f"    when: {' and '.join(f'{name} >= {_nothing(name)}' for name in kept)}\n"
        "    reason: For comparing.\n    expires: 1d\n    source: unvalidated\n"
        for about in ("actor", "target")
    )
    return read_definitions(starter_bytes().replace(b"\nexamples:", b"\n" + rules.encode() + b"\nexamples:", 1)).pack


def _nothing(name: str) -> str:
    feature = next(one for one in starter().features if one.id == name)
    return {Type.NUMBER: "0", Type.DURATION: "days(0)", Type.RATIO: "0.0"}[feature.type]
