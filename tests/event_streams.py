"""Events as Arrow IPC streams, as another programme would send them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

TRUTHS = frozenset({"encrypted", "direct"})
NUMBERS = frozenset({"at", "hour", "messages", "bytes", "until"})
MEDIA_TYPE = "application/vnd.apache.arrow.stream"


def columns_of(rows: Sequence[Mapping[str, Any]], *, words: bool = False) -> pa.RecordBatch:
    """``words``: texts as a dictionary and places in it."""
    names = sorted({name for row in rows for name in row} | {"id", "kind", "at", "actor"})
    return pa.record_batch({name: _column(name, [row.get(name) for row in rows], words) for name in names})


def _column(name: str, values: list[Any], words: bool) -> pa.Array:
    kind = pa.bool_() if name in TRUTHS else pa.int64() if name in NUMBERS else pa.string()
    made = pa.array(values, kind)
    return made.dictionary_encode() if words and kind == pa.string() else made


def stream_of(*batches: pa.RecordBatch, **options: Any) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return out.getvalue()
