"""Decisions that another reviewer took back"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("decisions", sa.Column("overturned_at", sa.BigInteger(), nullable=True))
    op.add_column("decisions", sa.Column("overturned_by", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("overturn_reason", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("overturned_to", sa.Text(), nullable=True))
    op.create_index("ix_decisions_overturned_at", "decisions", ["overturned_at"], unique=False)
    op.create_index("ix_actions_target", "actions", ["target"], unique=False)
