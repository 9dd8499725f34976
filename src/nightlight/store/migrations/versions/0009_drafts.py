"""Referrals say what they tell, fact by fact; agencies have a kind"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("agencies") as agencies:
        agencies.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="police"))
    with op.batch_alter_table("referrals") as referrals:
        referrals.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="police"))
        referrals.add_column(sa.Column("draft", sa.Text()))
        referrals.add_column(sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()))
        referrals.add_column(sa.Column("reviewed_by", sa.Text(), nullable=False, server_default=""))
        referrals.add_column(sa.Column("reviewed_at", sa.BigInteger()))
        referrals.add_column(sa.Column("reference", sa.Text(), nullable=False, server_default=""))
    for table, names in (("agencies", ["kind"]), ("referrals", ["kind", "reviewed_by", "reference"])):
        with op.batch_alter_table(table) as altered:
            for name in names:
                altered.alter_column(name, server_default=None, existing_type=sa.Text(), existing_nullable=False)
    with op.batch_alter_table("referrals") as referrals:
        referrals.alter_column("urgent", server_default=None, existing_type=sa.Boolean(), existing_nullable=False)
        referrals.create_index("ix_referrals_urgent", ["urgent", "reviewed_by"])
