"""The tables of retention: holds, what is announced to go or gone, and events kept beyond their time."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from nightlight.store.schema import metadata

holds = Table(
    "holds",
    metadata,
    Column("hold_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("scope", Text, nullable=False),
    # A case or an account
    Column("target", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", BigInteger, nullable=False),
    Column("until", BigInteger),
    # Who would let go, and why; then the other person who did
    Column("proposed_by", Text),
    Column("proposed_at", BigInteger),
    Column("reason", Text, nullable=False),
    Column("released_by", Text),
    Column("released_at", BigInteger),
)
Index("ix_holds_target", holds.c.target, holds.c.placed_at)

erasures = Table(
    "erasures",
    metadata,
    Column("case_id", Text, ForeignKey("cases.case_id"), primary_key=True),
    Column("record", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("planned_at", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("erased_at", BigInteger),
    # Whether kept files are still to be removed
    Column("files", Boolean, nullable=False),
)
Index("ix_erasures_erased_at", erasures.c.erased_at, erasures.c.not_before)
Index("ix_erasures_files", erasures.c.files)

# Events about accounts under a hold that were older than events are kept: they are no longer in the event log, whose
# beginning is where it is complete from.
held_events = Table(
    "held_events",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("fields", Text, nullable=False),
)
Index("ix_held_events_actor", held_events.c.actor)
Index("ix_held_events_target", held_events.c.target)
