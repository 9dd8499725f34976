"""The row groups of exported events, in the order of the log whatever their files are named."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightlight.detect.columns import COLUMNS
from nightlight.errors import RefusedError

FILES_MAX = 10_000


def find_files(where: str) -> list[Path]:
    """A file, a folder (``events-*.parquet`` in it, else ``*.parquet``) or a pattern. ``RefusedError('no_events')``."""
    path = Path(where)
    if path.is_dir():
        found = sorted(path.glob("events-*.parquet")) or sorted(path.glob("*.parquet"))
    else:
        found = [Path(name) for name in sorted(glob.glob(where))]
    found = [one for one in found if one.is_file()]
    if not found:
        raise RefusedError(
            "no_events", f"There are no Parquet files in {where}.", "Name a folder, a file, or '*.parquet'."
        )
    if len(found) > FILES_MAX:
        raise RefusedError("no_events", f"{where}: more than {FILES_MAX:,} files.")
    return found


def ordered(files: list[Path]) -> list[tuple[Path, int]]:
    """Row groups in the order of their numbers, which the files' own statistics give; else as the files are named."""
    groups: list[tuple[float, int, Path, int]] = []
    for place, path in enumerate(files):
        try:
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as e:
            raise RefusedError("events_unreadable", f"{path} cannot be read as Parquet: {e}") from None
        _check_schema(path, file.schema_arrow)
        lows = [extent(file, group, "number")[0] for group in range(file.num_row_groups)]
        known = [low for low in lows if low is not None]
        start = min(known) if known else -1
        groups += [(start, place, path, group) for group in range(file.num_row_groups)]
    return [(path, group) for _, _, path, group in sorted(groups, key=lambda one: (one[0], one[1], one[3]))]


def _check_schema(path: Path, schema: Any) -> None:
    for column in COLUMNS:
        place = schema.get_field_index(column.name)
        if place < 0:
            raise RefusedError("events_unfit", f"{path} has no column {column.name}: {column.meaning}.", _HINT)
        found = str(schema.field(place).type)
        if found != column.dtype:
            raise RefusedError(
                "events_unfit", f"{path}: {column.name} is {found}, and has to be {column.dtype}.", _HINT
            )


_HINT = "Events as `nightlight town generate` writes them, in the columns of docs/detection.md, can be read."


def extent(file: Any, group: int, name: str) -> tuple[int | None, int | None]:
    """The least and the greatest value of a column in a row group, if the file says so."""
    place = file.schema_arrow.get_field_index(name)
    statistics = file.metadata.row_group(group).column(place).statistics
    if statistics is None or not statistics.has_min_max:
        return None, None
    return statistics.min, statistics.max


def values(path: Path, batch: Any, name: str) -> Any:
    """One column as numpy has it. ``RefusedError('events_unfit')`` where something is missing in it."""
    column = batch.column(name)
    if column.null_count:
        raise RefusedError("events_unfit", f"{path}: {name} is empty in some rows.", "Write 0 for none.")
    return column.to_numpy(zero_copy_only=False)
