"""Attachments of proven messages"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'


def upgrade() -> None:
    op.create_table('attachments',
    sa.Column('attachment_id', sa.Text(), nullable=False),
    sa.Column('event_id', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('size', sa.BigInteger(), nullable=True),
    sa.Column('sha256', sa.LargeBinary(), nullable=True),
    sa.Column('sha1', sa.LargeBinary(), nullable=True),
    sa.Column('md5', sa.LargeBinary(), nullable=True),
    sa.Column('blob', sa.LargeBinary(), nullable=True),
    sa.Column('kept_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('attachment_id', name=op.f('pk_attachments'))
    )
    with op.batch_alter_table('attachments', schema=None) as batch_op:
        batch_op.create_index('uq_attachments_event_reference', ['event_id', 'reference'], unique=True)
        batch_op.create_index('ix_attachments_state_next', ['state', 'next_attempt_at'], unique=False)
        batch_op.create_index('ix_attachments_sha256', ['sha256'], unique=False)
