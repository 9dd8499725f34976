"""Prevention: events, relations, ages, contact decisions and requests, policies"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'


def upgrade() -> None:
    op.create_table('ages',
    sa.Column('one', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('change', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('one', name=op.f('pk_ages'))
    )
    with op.batch_alter_table('ages', schema=None) as batch_op:
        batch_op.create_index('ix_ages_change', ['change'], unique=False)

    op.create_table('changes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('event', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('settled', sa.BigInteger(), nullable=False),
    sa.Column('settling', sa.BigInteger(), nullable=False),
    sa.Column('settling_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_changes'))
    )
    op.create_table('counted_messages',
    sa.Column('message', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('message', name=op.f('pk_counted_messages'))
    )
    with op.batch_alter_table('counted_messages', schema=None) as batch_op:
        batch_op.create_index('ix_counted_messages_at', ['at'], unique=False)

    op.create_table('contact_decisions',
    sa.Column('decision_id', sa.Text(), nullable=False),
    sa.Column('decided_at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('room', sa.Text(), nullable=False),
    sa.Column('direction', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Integer(), nullable=False),
    sa.Column('hold_until', sa.BigInteger(), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('reasons', sa.Text(), nullable=False),
    sa.Column('notices', sa.Text(), nullable=False),
    sa.Column('facts', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('decision_id', name=op.f('pk_contact_decisions'))
    )
    with op.batch_alter_table('contact_decisions', schema=None) as batch_op:
        batch_op.create_index('ix_contact_decisions_decided_at', ['decided_at'], unique=False)
        batch_op.create_index('ix_contact_decisions_target', ['target', 'decided_at'], unique=False)

    op.create_table('contact_requests',
    sa.Column('request_id', sa.Text(), nullable=False),
    sa.Column('decision_id', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('room', sa.Text(), nullable=False),
    sa.Column('direction', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('answered_at', sa.BigInteger(), nullable=True),
    sa.Column('refused_by_others', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('request_id', name=op.f('pk_contact_requests'))
    )
    with op.batch_alter_table('contact_requests', schema=None) as batch_op:
        batch_op.create_index('ix_contact_requests_pair', ['target', 'actor', 'room'], unique=False)
        batch_op.create_index('ix_contact_requests_state_due', ['state', 'due_at'], unique=False)
        batch_op.create_index('ix_contact_requests_target', ['target', 'state'], unique=False)

    op.create_table('events',
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('event_id', sa.Text(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('room', sa.Text(), nullable=False),
    sa.Column('fields', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_events'))
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.create_index('uq_events_event_id', ['event_id'], unique=True)

    op.create_table('policies',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_policies'))
    )
    op.create_table('relations',
    sa.Column('one', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('tie', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('other', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('holds', sa.Boolean(), nullable=False),
    sa.Column('change', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('one', 'tie', 'other', name=op.f('pk_relations')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('relations', schema=None) as batch_op:
        batch_op.create_index('ix_relations_change', ['change'], unique=False)

    op.create_table('policy_changes',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('share', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('proposed_by', sa.Text(), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=True),
    sa.Column('decided_at', sa.BigInteger(), nullable=True),
    sa.Column('signature', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['digest'], ['policies.digest'], name=op.f('fk_policy_changes_digest')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_policy_changes'))
    )
    op.create_table('own_sessions',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('account', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_own_sessions'))
    )
    with op.batch_alter_table('own_sessions', schema=None) as batch_op:
        batch_op.create_index('ix_own_sessions_expires_at', ['expires_at'], unique=False)

    op.create_table('used_tokens',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_used_tokens'))
    )
    op.create_table('sign_in_links',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('account', sa.Text(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('used', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_sign_in_links'))
    )
    with op.batch_alter_table('sign_in_links', schema=None) as batch_op:
        batch_op.create_index('ix_sign_in_links_account', ['account', 'made_at'], unique=False)
        batch_op.create_index('ix_sign_in_links_made_at', ['made_at'], unique=False)

    op.create_table('preferences',
    sa.Column('one', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('one', name=op.f('pk_preferences'))
    )
    op.create_table('blocked_names',
    sa.Column('one', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('other', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('blocked_at', sa.BigInteger(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('one', 'other', name=op.f('pk_blocked_names'))
    )
    op.create_table('pending_notices',
    sa.Column('notice_id', sa.Text(), nullable=False),
    sa.Column('one', sa.BigInteger(), nullable=False),
    sa.Column('notice', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('told_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('notice_id', name=op.f('pk_pending_notices'))
    )
    with op.batch_alter_table('pending_notices', schema=None) as batch_op:
        batch_op.create_index('ix_pending_notices_one', ['one', 'told_at'], unique=False)

    op.create_table('asks',
    sa.Column('ask_id', sa.Text(), nullable=False),
    sa.Column('one', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('decided_at', sa.BigInteger(), nullable=True),
    sa.Column('decided_by', sa.Text(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('ask_id', name=op.f('pk_asks'))
    )
    with op.batch_alter_table('asks', schema=None) as batch_op:
        batch_op.create_index('ix_asks_one', ['one', 'asked_at'], unique=False)
        batch_op.create_index('ix_asks_state', ['state', 'asked_at'], unique=False)

    columns = "id, last, event, received_at, settled, settling, settling_at"
    op.execute(f"INSERT INTO changes ({columns}) VALUES (1, 0, 0, 0, 0, 0, 0)")
