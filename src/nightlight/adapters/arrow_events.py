"""Events in binary form: an Arrow IPC stream, with a column for everything that an event may have. Needs ``detect``.

What comes from outside is read as Apache Arrow's "Security Considerations" ask for: validated in full before anything
is made of it, of a closed list of types, and never decompressed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import flatbuffers.encode
import flatbuffers.packer
import pyarrow as pa
import pyarrow.compute as pc
from flatbuffers.table import Table

from nightlight.errors import RefusedError
from nightlight.model.event import Event
from nightlight.prevent.event_columns import events_from_columns

#: More columns say nothing: the schema of events is closed.
COLUMNS_MAX = 64
#: A message for every few events would be slower than JSON.
MESSAGES_MAX = 100
#: Bytes. No field takes more than 255; a longer one in a dictionary could stand in every event, and be looked at there.
TEXT_MAX = 4_096
_HINT = "See docs/events.md: an Arrow IPC stream with text, whole numbers of 64 bits and truths."


def read_events(body: bytes, most: int) -> list[Event | RefusedError]:
    """The events of a stream, in its order, or why one cannot be read.

    ``RefusedError`` for the stream as a whole: ``arrow_malformed``, ``arrow_compressed``; ``too_many_at_once`` where it
    has more than ``most`` events.
    """
    found: list[Event | RefusedError] = []
    for batch in _batches(body, most):
        names = batch.schema.names
        columns = {
            name: _values(column)
            for name, column in zip(names, batch.columns, strict=True)
            if column.null_count < len(column)
        }
        found += events_from_columns(columns, batch.num_rows)
    return found


def _batches(body: bytes, most: int) -> Iterator[pa.RecordBatch]:
    try:
        _refuse_compressed(body)
        with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
            _check(stream.schema)
            rows = 0
            for batch in stream:
                rows += batch.num_rows
                if rows > most:
                    raise RefusedError(
                        "too_many_at_once", f"At most {most:,} events at once.", "Send several requests."
                    )
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, struct.error, IndexError, TypeError, ValueError) as e:
        raise _malformed(f"This is no Arrow IPC stream that can be read ({type(e).__name__}).") from None


def _refuse_compressed(body: bytes) -> None:
    """A few compressed bytes may become more than memory holds, and nothing in Arrow's reader bounds them.

    ``compression`` of ``RecordBatch``, in Arrow's ``Message.fbs``.
    """
    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
    for count, message in enumerate(reader):
        if count == MESSAGES_MAX:
            raise _malformed(f"The stream has more than {MESSAGES_MAX:,} messages.", "Put more events into a batch.")
        if message.type == "schema":
            continue
        header = _field_table(_root(message.metadata.to_pybytes()), _HEADER)
        if header is not None and message.type == "dictionary batch":
            header = _field_table(header, _DATA)
        if header is None or header.Offset(_COMPRESSION):
            raise RefusedError("arrow_compressed", "The stream is compressed.", "Write it without compression.")


#: Places of fields in their tables: 4, and 2 for every field before (a union takes two).
_HEADER, _DATA, _COMPRESSION = 8, 6, 10


def _root(data: bytes) -> Table:
    return Table(data, flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0))


def _field_table(table: Table, field: int) -> Table | None:
    offset = table.Offset(field)
    return Table(table.Bytes, table.Indirect(table.Pos + offset)) if offset else None


def _check(schema: pa.Schema) -> None:
    if len(schema.names) > COLUMNS_MAX:
        raise _malformed(f"There are more than {COLUMNS_MAX} columns.")
    if len(set(schema.names)) < len(schema.names):
        raise _malformed("Two columns have the same name.")
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_so(kind) for is_so in _TYPES):
            raise _malformed(f"The column {field.name[:40]!r} is of the type {str(field.type)[:40]}.")


_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_boolean,
    # Of timestamps nobody could say whether a unit or a zone was meant.
)


def _values(column: pa.Array) -> Sequence[Any]:
    """Values of a column, None where there is none. Equal texts of a dictionary are one object."""
    known = column.dictionary if pa.types.is_dictionary(column.type) else column
    if pa.types.is_string(known.type) or pa.types.is_large_string(known.type):
        longest = pc.max(pc.binary_length(known)).as_py() or 0
        if longest > TEXT_MAX:
            raise _malformed(f"A text is longer than {TEXT_MAX:,} bytes.")
    if known is column or len(known) > len(column):
        # A dictionary that is longer than what it is for is not listed, were it sent with every batch.
        made: list[Any] = (column if known is column else column.dictionary_decode()).to_pylist()
        return made
    words = known.to_pylist()
    return [None if place is None else words[place] for place in column.indices.to_pylist()]


def _malformed(message: str, hint: str = _HINT) -> RefusedError:
    return RefusedError("arrow_malformed", message, hint)
