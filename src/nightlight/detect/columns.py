"""Events as columns: the one layout in which they leave the log, are kept in Parquet files and reach the fast engines.

Ids are keyed numbers of 64 bits (0: none), words the numbers of ``fields.code``. No column can hold content, and
without the key of the platform no id leads back to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.fields import FIELDS, Seen

#: Counts that are kept small stop here: "that many or more".
SMALL_MAX = 255


@dataclass(frozen=True, slots=True)
class Column:
    """``dtype``: as numpy and Arrow name it."""

    name: str
    dtype: str
    meaning: str


COLUMNS: Sequence[Column] = (
    Column("number", "int64", "the event's place in the log, rising by one"),
    Column("event", "int64", "the keyed number of the event's id: by it an event is known again"),
    Column("t", "int64", "when it was taken, milliseconds since 1970, UTC; never falls as the number rises"),
    Column("at", "int64", "when it happened as its source says, milliseconds since 1970, UTC"),
    *(
        Column(name, dtype, FIELDS[name].meaning)
        for name, dtype in (
            ("kind", "uint8"),
            ("actor", "int64"),
            ("target", "int64"),
            ("room", "int64"),
            ("item", "int64"),
            ("messages", "int32"),
            ("bytes", "int64"),
            ("word", "uint8"),
            ("actor_band", "uint8"),
            ("target_band", "uint8"),
            ("relation", "uint8"),
            ("mutual", "uint8"),
            ("known_for", "int64"),
            ("banned_links", "uint8"),
            ("banned_in_room", "uint8"),
        )
    ),
)
#: Columns that an engine reads: the event as rules may ask for it, its place and its time.
SEEN_COLUMNS: Sequence[str] = ("number", "t", *FIELDS)


def seen(row: Mapping[str, int]) -> Seen:
    """One row as an event. Columns that an engine does not read are left out."""
    return Seen(**{name: row[name] for name in SEEN_COLUMNS})
