"""Events into a folder of Parquet files, as ``EventFiles`` reads them. Every file appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightlight.detect.columns import COLUMNS
from nightlight.errors import RefusedError

#: Rows of one file.
FILE_ROWS = 2_000_000
_SCHEMA = pa.schema([(one.name, pa.type_for_alias(one.dtype)) for one in COLUMNS])
_ROW_GROUP = 131_072


def write_events(folder: Path, pages: Iterable[Sequence[dict[str, int]]]) -> int:
    """Returns how many. ``RefusedError``: ``folder_in_use`` if there are events in it, ``file_unwritable``."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.glob("events-*.parquet")):
            raise RefusedError("folder_in_use", f"There are events in {folder}.", "Name a folder that is new or empty.")
        written = in_file = number = 0
        waiting: list[dict[str, int]] = []
        writer: pq.ParquetWriter | None = None
        path = folder
        for page in pages:
            waiting.extend(page)
            if len(waiting) < _ROW_GROUP:
                continue
            if writer is None:
                path = folder / f".events-{number:06}.new"
                writer = _writer(path)
            writer.write_table(pa.Table.from_pylist(waiting, _SCHEMA))
            written, in_file = written + len(waiting), in_file + len(waiting)
            waiting.clear()
            if in_file >= FILE_ROWS:
                _finish(writer, path, number)
                writer, in_file, number = None, 0, number + 1
        if waiting or writer is not None or not number:
            if writer is None:
                path = folder / f".events-{number:06}.new"
                writer = _writer(path)
            writer.write_table(pa.Table.from_pylist(waiting, _SCHEMA))
            written += len(waiting)
            _finish(writer, path, number)
    except OSError as e:
        raise RefusedError("file_unwritable", f"{folder} cannot be written: {e.strerror}.") from None
    return written


def _writer(path: Path) -> pq.ParquetWriter:
    path.touch(mode=0o600)
    return pq.ParquetWriter(path, _SCHEMA, compression="zstd")


def _finish(writer: pq.ParquetWriter, path: Path, number: int) -> None:
    writer.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(path.with_name(f"events-{number:06}.parquet"))
