"""Holds, erasures, and what retention looks for in every case"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("proposed_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_target", "holds", ["target", "placed_at"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.Column("files", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_erasures_case_id")),
        sa.PrimaryKeyConstraint("case_id", "record", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_erased_at", "erasures", ["erased_at", "not_before"], unique=False)
    op.create_index("ix_erasures_files", "erasures", ["files"], unique=False)
    op.create_table(
        "held_events",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_held_events")),
    )
    op.create_index("ix_held_events_actor", "held_events", ["actor"], unique=False)
    op.create_index("ix_held_events_target", "held_events", ["target"], unique=False)
    op.add_column("cases", sa.Column("reported_at", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("decided_at", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("erased", sa.Text(), nullable=False, server_default=""))
    op.add_column("referrals", sa.Column("finished_at", sa.BigInteger(), nullable=True))
    _look_up_times()


def _look_up_times() -> None:
    """Fills in, for cases and referrals that there are, what is written down with every new one."""
    connection = op.get_bind()
    for column, source in (
        ("reported_at", "SELECT max(received_at) FROM reports WHERE reports.case_id = cases.case_id"),
        ("decided_at", "SELECT decided_at FROM decisions WHERE decisions.case_id = cases.case_id"),
        ("outcome", "SELECT outcome FROM decisions WHERE decisions.case_id = cases.case_id"),
    ):
        connection.execute(sa.text(f"UPDATE cases SET {column} = ({source})"))
    # When a referral was first handed over stands in the log alone.
    exported = connection.execute(
        sa.text("SELECT at, detail FROM log_entries WHERE kind = 'referral.exported' ORDER BY number")
    ).all()
    first: dict[str, int] = {}
    for at, detail in exported:
        first.setdefault(json.loads(detail)["referral"], at)
    for referral_id, at in first.items():
        connection.execute(
            sa.text("UPDATE referrals SET finished_at = :at WHERE referral_id = :id"), {"at": at, "id": referral_id}
        )
