"""Streams of events for tests, and the same definitions run over them in SQL."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from nightlight.detect.columns import COLUMNS
from nightlight.detect.definitions import Pack
from nightlight.detect.fields import BANDS, KINDS, RELATIONS, WORDS, Seen
from nightlight.detect.sql import HITS, VALUES, script

DAY = 86_400_000
START = 1_780_000_000_000
_REQUESTED, _JOINED = KINDS.index("contact.requested"), KINDS.index("room.joined")


def columns_of(events: Sequence[Seen]) -> dict[str, Any]:
    """As numpy columns, in the layout of the log."""
    made: dict[str, Any] = {
        one.name: np.array([getattr(event, one.name, 0) for event in events], dtype=one.dtype) for one in COLUMNS
    }
    made["event"] = made["number"] * 7_919 + 13
    made["at"] = made["t"]
    return made


def random_events(count: int, seed: int, *, accounts: int = 300, step_ms: int = 60_000) -> list[Seen]:
    """Events of every kind at which rules of the starter pack hold: few accounts, many ties, some without keys."""
    draw = random.Random(seed)
    t, made = START, []
    for number in range(1, count + 1):
        t += draw.choice((0, 0, 1, step_ms, 2 * step_ms))
        kind = draw.choice((_REQUESTED, _REQUESTED, _JOINED, draw.randrange(1, len(KINDS))))
        made.append(
            Seen(
                number=number,
                t=t,
                kind=kind,
                actor=int(accounts * draw.random() ** 2),
                target=int(accounts * draw.random() ** 3),
                room=draw.randrange(60),
                item=draw.randrange(40),
                messages=draw.randrange(200),
                bytes=draw.randrange(10_000),
                word=draw.randrange(len(WORDS)),
                actor_band=draw.randrange(len(BANDS)),
                target_band=draw.randrange(len(BANDS)),
                relation=draw.randrange(len(RELATIONS)),
                mutual=draw.randrange(3),
                known_for=draw.randrange(60) * DAY,
                banned_links=int(draw.random() < 0.05),
                banned_in_room=draw.choice((0, 0, 0, 1, 3)),
            )
        )
    return made


def connection_with(events: Sequence[Seen]) -> duckdb.DuckDBPyConnection:
    """A database in memory in which ``log`` holds the events."""
    import pyarrow as pa

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.register("given", pa.table(columns_of(events)))
    connection.execute("CREATE TABLE log AS SELECT * FROM given")
    return connection


def sql_values(
    connection: duckdb.DuckDBPyConnection, pack: Pack, **asked: Any
) -> tuple[dict[int, dict[str, float]], list[tuple[int, str, int]]]:
    """By event number the value of each feature; the hits as (number, rule, about)."""
    made = script(pack, "log", **asked)
    for statement in made.statements:
        connection.execute(statement)
    names = ", ".join(["number", *made.columns.values()])
    rows = connection.execute(f"SELECT {names} FROM {VALUES}").fetchall()
    hits = connection.execute(f"SELECT number, rule, about FROM {HITS} ORDER BY number, rule").fetchall()
    values = {row[0]: dict(zip(made.columns, row[1:], strict=True)) for row in rows}
    return values, [(number, pack.rules[rule].id, about) for number, rule, about in hits]
