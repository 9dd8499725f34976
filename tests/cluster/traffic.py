"""Events for comparing engines: late, tied, at the very edge of windows, of few keys so that windows fill."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa

from nightlight.adapters.jetstream.groups import SCHEMA
from nightlight.detect.columns import SEEN_COLUMNS, seen
from nightlight.detect.fields import BANDS, KINDS, RELATIONS, WORDS, Seen

HOUR = 3_600_000
START = 1_760_000_000_000


def traffic(count: int, seed: int, people: int = 60) -> pa.RecordBatch:
    """``count`` events over some forty days. Numbers have gaps; where one event came twice, only one was taken."""
    draw = random.Random(seed)
    t, number = START, 0
    rows: list[dict[str, int]] = []
    steps = [0, 0, 0, 1, 1_000, 60_000, HOUR, 24 * HOUR]
    weights = [60, 20, 20, 20, 30, 60, 8, 0.6 * 8_000 / count]
    for _ in range(count):
        t += draw.choices(steps, weights)[0]
        number += draw.choice((1, 1, 1, 2))
        actor, target = draw.sample(range(-people // 2, people // 2), 2)
        rows.append(
            {
                "number": number,
                "event": draw.getrandbits(62),
                "t": t,
                # Late: it happened long before it was taken.
                "at": t - draw.choice((0, 0, 500, 2 * HOUR)),
                "kind": draw.randrange(1, len(KINDS)),
                "actor": actor,
                "target": target if draw.random() < 0.9 else 0,
                "room": draw.randrange(20),
                "item": draw.randrange(12),
                "messages": draw.randrange(200),
                "bytes": draw.randrange(9_000),
                "word": draw.randrange(len(WORDS)),
                "actor_band": draw.randrange(len(BANDS)),
                "target_band": draw.randrange(len(BANDS)),
                "relation": draw.randrange(len(RELATIONS)),
                "mutual": draw.randrange(3),
                "known_for": draw.randrange(20 * 24) * HOUR,
                "banned_links": draw.choice((0, 0, 0, 1)),
                "banned_in_room": draw.choice((0, 0, 1, 3)),
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def events_of(batch: pa.RecordBatch) -> Iterator[Seen]:
    for row in batch.select(list(SEEN_COLUMNS)).to_pylist():
        yield seen(row)
