"""Submissions: referrals on their way to an agency's reporting service"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "submissions",
        sa.Column("submission_id", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.BigInteger()),
        sa.Column("opened_at", sa.BigInteger()),
        sa.Column("last_change_at", sa.BigInteger()),
        sa.Column("in_flight", sa.Text(), nullable=False),
        sa.Column("finish_unknown", sa.Boolean(), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("error_words", sa.Text(), nullable=False),
        sa.Column("orphans", sa.Text(), nullable=False),
        sa.Column("request_ids", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("retract_by", sa.Text(), nullable=False),
        sa.Column("retract_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_submissions")),
        sa.UniqueConstraint("referral_id", name=op.f("uq_submissions_referral_id")),
        sa.ForeignKeyConstraint(
            ["referral_id"], ["referrals.referral_id"], name=op.f("fk_submissions_referral_id")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_submissions_case_id")),
    )
    op.create_index("ix_submissions_state_next", "submissions", ["state", "next_attempt_at"])
    op.create_index("ix_submissions_case", "submissions", ["case_id"])
    op.create_table(
        "submission_files",
        sa.Column("submission_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("md5", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded", sa.Boolean(), nullable=False),
        sa.Column("described", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("submission_id", "position", name=op.f("pk_submission_files")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.submission_id"], name=op.f("fk_submission_files_submission_id")
        ),
    )
