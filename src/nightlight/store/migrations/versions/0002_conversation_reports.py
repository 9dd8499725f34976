"""Conversation reports: why a message is in a report, where it stood, what it answers"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    with op.batch_alter_table('reported_messages', schema=None) as batch_op:
        batch_op.add_column(sa.Column('role', sa.Text(), nullable=False, server_default='reported'))
        batch_op.add_column(sa.Column('depth', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('omitted', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('relation', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('relates_to', sa.Text(), nullable=True))
    with op.batch_alter_table('reported_messages', schema=None) as batch_op:
        batch_op.alter_column('role', server_default=None)
