"""The tables of submissions. Times are milliseconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from nightlight.store.schema import metadata

submissions = Table(
    "submissions",
    metadata,
    Column("submission_id", Text, primary_key=True),
    # Unique: however many workers or people race, a referral has one submission.
    Column("referral_id", Text, ForeignKey("referrals.referral_id"), nullable=False, unique=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False),
    Column("agency", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("by_hand", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    # The agency's number of the report that is open or finished
    Column("report_id", BigInteger),
    Column("opened_at", BigInteger),
    Column("last_change_at", BigInteger),
    # The call that is under way: its kind and the file's position, for instance upload:2
    Column("in_flight", Text, nullable=False),
    Column("finish_unknown", Boolean, nullable=False),
    Column("lease_token", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("error_words", Text, nullable=False),
    # Reports that were begun and are never finished, and what the agency calls our exchanges: JSON
    Column("orphans", Text, nullable=False),
    Column("request_ids", Text, nullable=False),
    Column("finished_at", BigInteger),
    Column("retract_by", Text, nullable=False),
    Column("retract_reason", Text, nullable=False),
)
Index("ix_submissions_state_next", submissions.c.state, submissions.c.next_attempt_at)
Index("ix_submissions_case", submissions.c.case_id)

submission_files = Table(
    "submission_files",
    metadata,
    Column("submission_id", Text, ForeignKey("submissions.submission_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("md5", LargeBinary, nullable=False),
    Column("uploaded", Boolean, nullable=False),
    Column("described", Boolean, nullable=False),
)
