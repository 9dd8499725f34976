"""A group of consecutive events as one message: Arrow's stream format, in the columns of ``detect/columns.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from nightlight.detect.columns import COLUMNS, SEEN_COLUMNS
from nightlight.detect.live import checked
from nightlight.errors import RefusedError

GROUP = 1_000
#: A NATS server takes a megabyte unless it is told otherwise.
MESSAGE_BYTES_MAX = 1_000_000
SCHEMA = pa.schema([(column.name, pa.type_for_alias(column.dtype)) for column in COLUMNS])


def write_group(events: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as writer:
        writer.write_batch(events)
    data: bytes = sink.getvalue().to_pybytes()
    if len(data) > MESSAGE_BYTES_MAX:
        raise RefusedError("group_too_large", f"A group of events takes {len(data):,} bytes.")
    return data


def read_group(data: bytes) -> pa.RecordBatch:
    """``RefusedError('group_malformed')`` if these are not events in our columns, their numbers rising."""
    try:
        with pa.ipc.open_stream(data) as reader:
            if reader.schema != SCHEMA:
                raise RefusedError("group_malformed", "A group in the log has other columns.")
            table = reader.read_all()
    except (pa.ArrowInvalid, OSError) as e:
        raise RefusedError("group_malformed", f"A group in the log is no Arrow stream ({type(e).__name__}).") from None
    (batch,) = table.combine_chunks().to_batches() or [None]
    if batch is None or any(column.null_count for column in batch.columns):
        raise RefusedError("group_malformed", "A group in the log is empty or has gaps.")
    numbers = batch.column(0).to_numpy()
    if (numbers[1:] <= numbers[:-1]).any():
        raise RefusedError("group_malformed", "In a group of the log the numbers do not rise.")
    return batch


def in_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same events in our columns and types. ``RefusedError('events_columns')`` names what is missing or does not
    fit."""
    columns = {}
    for field in SCHEMA:
        place = batch.schema.get_field_index(field.name)
        if place < 0:
            raise RefusedError("events_columns", f'The events have no column "{field.name}".')
        try:
            columns[field.name] = batch.column(place).cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise RefusedError("events_columns", f'The column "{field.name}" is not {field.type}.') from None
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def groups_of(batches: Iterator[pa.RecordBatch], after: int) -> Iterator[pa.RecordBatch]:
    """Events with numbers above ``after`` in groups of ``GROUP``, the last one shorter. ``RefusedError`` if numbers do
    not rise, times fall, or a value cannot be: ``events_order``, ``events_unfit``."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    last: Mapping[str, Any] = {"number": -1, "t": -1}
    for given in batches:
        batch = in_columns(given)
        if not batch.num_rows:
            continue
        for name, least in (("number", 1), ("t", 0)):
            values = batch.column(name).to_numpy()
            if values[0] < last[name] + least or ((values[1:] - values[:-1]) < least).any():
                raise RefusedError("events_order", f'The column "{name}" of the events does not rise.')
        last = {name: batch.column(name)[-1].as_py() for name in ("number", "t")}
        # What an engine would refuse must not get into the log: it would stop there for ever.
        checked({name: batch.column(name).to_numpy() for name in SEEN_COLUMNS})
        numbers = batch.column("number").to_numpy()
        batch = batch.slice(int(numbers.searchsorted(after, side="right")))
        while batch.num_rows:
            piece = batch.slice(0, GROUP - size)
            waiting.append(piece)
            size += piece.num_rows
            batch = batch.slice(piece.num_rows)
            if size == GROUP:
                yield _joined(waiting)
                waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(pieces, SCHEMA).combine_chunks().to_batches()[0]
