"""The tables of the evidence vault. Times are milliseconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from nightlight.store.schema import metadata

# The data key of a case; of a report, for as long as it waits without a case.
case_keys = Table(
    "case_keys",
    metadata,
    Column("case_id", Text, primary_key=True),
    # Nothing, once it is shredded
    Column("wrapped", LargeBinary),
    Column("key_name", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("shredded_at", BigInteger),
)
Index("ix_case_keys_key_name", case_keys.c.key_name)

# A preserved event, once for each case that it is kept for, under that case's key.
sealed_events = Table(
    "sealed_events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
Index("ix_sealed_events_case", sealed_events.c.case_id)

# A file in the vault, once for each case that it is kept for.
kept_files = Table(
    "kept_files",
    metadata,
    Column("case_id", Text, primary_key=True),
    # Of the file as it came from the homeserver
    Column("sha256", LargeBinary, primary_key=True),
    Column("kept_at", BigInteger, nullable=False),
    Column("checked_at", BigInteger),
    Column("next_check_at", BigInteger, nullable=False),
    # What the last check found wrong, in a word
    Column("damage", Text),
)
Index("ix_kept_files_next_check", kept_files.c.next_check_at)
