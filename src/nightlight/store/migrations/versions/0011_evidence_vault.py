"""Data keys of cases, what is sealed under them, and the files kept for each"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "case_keys",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("shredded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_keys")),
    )
    op.create_index("ix_case_keys_key_name", "case_keys", ["key_name"], unique=False)
    op.create_table(
        "sealed_events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "case_id", name=op.f("pk_sealed_events")),
    )
    op.create_index("ix_sealed_events_case", "sealed_events", ["case_id"], unique=False)
    op.create_table(
        "kept_files",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("next_check_at", sa.BigInteger(), nullable=False),
        sa.Column("damage", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "sha256", name=op.f("pk_kept_files")),
    )
    op.create_index("ix_kept_files_next_check", "kept_files", ["next_check_at"], unique=False)
    # Rows of before stay as they are, in the clear: where the new column is empty, nothing is sealed.
    op.add_column("reports", sa.Column("sealed_note", sa.LargeBinary()))
    op.add_column("reported_messages", sa.Column("sealed_key", sa.LargeBinary()))
    op.add_column("evidence", sa.Column("sealed", sa.Boolean()))
    op.add_column("referrals", sa.Column("sealed_contents", sa.LargeBinary()))
    op.add_column("referrals", sa.Column("sealed_draft", sa.LargeBinary()))
