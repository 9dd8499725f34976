"""A town on disk: events in Parquet files, labels apart, and ``town.json``, which is written when all else is done."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightlight import __version__
from nightlight.detect.columns import COLUMNS
from nightlight.detect.fields import BANDS, KINDS
from nightlight.errors import RefusedError, UnavailableError
from nightlight.town.journal import BLOCK_ROWS
from nightlight.town.keyed_numbers import What, keyed_numbers
from nightlight.town.life import Town
from nightlight.town.parameters import Parameters
from nightlight.town.roles import STRATEGIES, Role

FORMAT = "nightlight-town/1"
EVENTS = "events-*.parquet"
LABELS, SUMMARY, README, UNFINISHED = "labels.parquet", "town.json", "README.md", "UNFINISHED"
BLOCKS_PER_FILE = 10
#: Measured: what an event takes on disk, with some to spare.
BYTES_PER_EVENT = 40

LIMITS = (
    "An invented town: its rates, ties and strategies were made up, not measured, so nothing found in it says how "
    "often a rule is right about real people."
)
_README = f"""# A synthetic town

Made by `nightlight town generate`. Nobody in it exists. {LIMITS}

- `events-*.parquet`: the events, in the columns of `nightlight.detect.columns`, in the order of their numbers.
- `labels.parquet`: who was what, by account: role, strategy, ring, and which accounts are one human's. **For judging
  what detection found, never for finding it**: no command that detects reads this file.
- `town.json`: seed, parameters and counts. A folder without it is unfinished.
"""

_SCHEMA = pa.schema([pa.field(column.name, getattr(pa, column.dtype)(), nullable=False) for column in COLUMNS])
#: Columns of few values; ids of events and times have no use for a dictionary.
_DICTIONARY = [column.name for column in COLUMNS if column.name not in ("number", "event", "t", "at", "known_for")]
_DELTA = {"number": "DELTA_BINARY_PACKED", "t": "DELTA_BINARY_PACKED", "at": "DELTA_BINARY_PACKED"}


def prepare(folder: Path, parameters: Parameters, *, force: bool) -> None:
    """An empty folder with room enough. ``force``: removes an earlier town in it, and nothing else.

    ``RefusedError('town_folder')``, ``RefusedError('town_disk')``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(path.name for path in folder.iterdir())
        if there and not force:
            hint = "Name another folder, or replace an earlier town with --force."
            raise RefusedError("town_folder", f"{folder} is not empty: it holds {there[0]}.", hint)
        ours = {LABELS, SUMMARY, README, UNFINISHED, *(path.name for path in folder.glob(EVENTS))}
        if foreign := [name for name in there if name not in ours]:
            raise RefusedError("town_folder", f"{folder} holds {foreign[0]}, which is no part of a town.")
        if there and not {SUMMARY, UNFINISHED} & set(there):
            raise RefusedError("town_folder", f"{folder} holds {there[0]}, but no town.")
        for name in there:
            (folder / name).unlink()
        free = shutil.disk_usage(folder).free
    except OSError as e:
        raise RefusedError("town_folder", f"{folder} cannot be used: {e.strerror}.") from None
    needed = parameters.events * BYTES_PER_EVENT
    if needed > free:
        raise RefusedError(
            "town_disk",
            f"{parameters.events:,} events take about {needed / 1e9:,.1f} GB; {folder} has {free / 1e9:,.1f} GB free.",
            "Take fewer events or another disk.",
        )


def write_town(
    parameters: Parameters, folder: Path, told: Callable[[int], None], *, block_rows: int = BLOCK_ROWS
) -> Mapping[str, Any]:
    """Writes a whole town into a prepared folder; ``told`` hears how many events are written. Returns the summary."""
    try:
        (folder / UNFINISHED).write_text("This town is not finished: do not use it.\n")
        town = Town(parameters, block_rows=block_rows)
        kinds: Counter[str] = Counter()
        bands: Counter[str] = Counter()
        rows, files, last_t = 0, 0, parameters.start_ms
        writer: pq.ParquetWriter | None = None
        try:
            for place, block in enumerate(town.blocks()):
                if writer is None or place % BLOCKS_PER_FILE == 0:
                    if writer is not None:
                        writer.close()
                    writer = _writer(folder / f"events-{files:05}.parquet")
                    files += 1
                table = pa.Table.from_arrays([pa.array(block[name]) for name in _SCHEMA.names], schema=_SCHEMA)
                writer.write_table(table, row_group_size=block_rows)
                rows += table.num_rows
                last_t = int(block["t"][-1])
                _count(kinds, KINDS, block["kind"])
                _count(bands, BANDS, block["actor_band"])
                told(rows)
        finally:
            if writer is not None:
                writer.close()
        _write_labels(town, folder / LABELS)
        summary = {
            "format": FORMAT,
            "version": __version__,
            "parameters": asdict(parameters),
            "limits": LIMITS,
            "events": rows,
            "files": files,
            "last_t": last_t,
            "accounts": len(town.world.people),
            "by_kind": dict(kinds.most_common()),
            "by_actor_band": dict(bands.most_common()),
        }
        (folder / README).write_text(_README)
        (folder / UNFINISHED).unlink()
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    except OSError as e:
        raise UnavailableError("town_folder", f"{folder} cannot be written: {e.strerror or e}.", retry=False) from None
    return summary


def read_summary(folder: Path) -> Mapping[str, Any]:
    """``town.json``. ``RefusedError('town_unfinished')`` or ``('town_unreadable')``."""
    path = folder / SUMMARY
    if not path.exists():
        hint = (
            "It was stopped before its end; generate it again with --force." if (folder / UNFINISHED).exists() else ""
        )
        raise RefusedError("town_unfinished", f"{folder} holds no finished town: {SUMMARY} is missing.", hint)
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        raise RefusedError("town_unreadable", f"{path} cannot be read as JSON.") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RefusedError("town_unreadable", f"{path} is not in the format {FORMAT}.")
    return found


def read_roles(folder: Path) -> Mapping[str, int]:
    """How many accounts have each role, and of the harmful ones each strategy. Opens the labels."""
    try:
        table = pq.read_table(folder / LABELS)
    except (OSError, pa.ArrowInvalid) as e:
        raise RefusedError("town_unreadable", f"{folder / LABELS} cannot be read: {e}") from None
    counts: dict[str, int] = {}
    for name in ("role", "strategy"):
        for one in pc.value_counts(table[name]).to_pylist():
            if one["values"]:
                counts[f"{name} {one['values']}"] = one["counts"]
    return dict(sorted(counts.items()))


def _writer(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        _SCHEMA,
        compression="zstd",
        compression_level=1,
        use_dictionary=_DICTIONARY,
        column_encoding=_DELTA,
        write_statistics=["number", "t", "kind"],
    )


def _count(counts: Counter[str], words: Any, column: Any) -> None:
    for value, number in enumerate(np.bincount(column)):
        if number:
            counts[words[value]] += int(number)


def _write_labels(town: Town, path: Path) -> None:
    people, seed = town.world.people, town.parameters.seed
    account = keyed_numbers(What.ACCOUNT, np.arange(len(people)), seed)
    roles = [Role(role).name.lower() for role in people.role]
    strategies = [STRATEGIES[one].value for one in people.strategy]
    table = pa.table(
        {
            "account": pa.array(account),
            "role": pa.array(roles),
            "strategy": pa.array(strategies),
            "ring": pa.array(list(people.ring), pa.int32()),
            "human": pa.array(account[list(people.human)]),
        }
    )
    pq.write_table(table, path, compression="zstd")
