"""What the record that is published counts, and what counts it quickly"""

import json
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

#: From what proves most to what proves least.
_VERDICTS = ("VERIFIED", "VERIFIED_REDACTED", "HASH_ONLY", "UNVERIFIABLE", "REFUSED")
_BATCH = 5_000


def upgrade() -> None:
    op.add_column("cases", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    op.add_column("reports", sa.Column("verdict", sa.Text(), nullable=False, server_default=""))
    _look_up_views()
    _look_up_verdicts()
    # Only after the times are there: PostgreSQL works such columns out as rows are written.
    op.add_column("cases", sa.Column("looked_after", sa.BigInteger(), _took("opened_at", "seen_at")))
    op.add_column("cases", sa.Column("decided_after", sa.BigInteger(), _took("opened_at", "decided_at")))
    op.create_index("ix_cases_looked", "cases", ["severity", "source", "looked_after", "opened_at"])
    op.create_index("ix_cases_decided", "cases", ["severity", "decided_after", "opened_at"])
    op.create_index("ix_reports_record", "reports", ["category", "verdict", "source", "received_at"])
    op.create_index("ix_decisions_record", "decisions", ["outcome", "policy", "decided_at"])


def _took(since: str, until: str) -> sa.Computed:
    ms = f"({until} - {since})"
    return sa.Computed(
        f"CASE WHEN {ms} <= 0 THEN 0 WHEN {ms} <= 7200000 THEN ({ms} + 59999) / 60000 "
        f"WHEN {ms} <= 86400000 THEN ({ms} + 299999) / 300000 * 5 "
        f"WHEN {ms} <= 2592000000 THEN ({ms} + 3599999) / 3600000 * 60 "
        f"WHEN {ms} > 2592000000 THEN ({ms} + 86399999) / 86400000 * 1440 END",
        # SQLite adds no column that is stored, PostgreSQL had none that is not.
        persisted=op.get_context().dialect.name != "sqlite",
    )


def _look_up_views() -> None:
    """The first time that anybody opened a case, or a message of it, stands in the log."""
    first = (
        "SELECT at FROM log_entries WHERE log_entries.subject = cases.case_id "
        "AND kind IN ('case.viewed', 'evidence.viewed') ORDER BY number LIMIT 1"
    )
    op.get_bind().execute(sa.text(f"UPDATE cases SET seen_at = ({first})"))


def _look_up_verdicts() -> None:
    """From the messages; where those are erased, from what the log says of them."""
    connection = op.get_bind()
    rank = " ".join(f"WHEN '{verdict}' THEN {place}" for place, verdict in enumerate(_VERDICTS))
    name = " ".join(f"WHEN {place} THEN '{verdict}'" for place, verdict in enumerate(_VERDICTS))
    best = (
        f"SELECT CASE min(CASE verdict {rank} END) {name} ELSE '' END FROM reported_messages "
        "WHERE reported_messages.report_id = reports.report_id AND role = 'reported'"
    )
    connection.execute(sa.text(f"UPDATE reports SET verdict = ({best})"))
    erased = set(
        connection.scalars(
            sa.text(
                "SELECT report_id FROM reports JOIN erasures ON erasures.case_id = reports.case_id "
                "WHERE record = 'report' AND erased_at IS NOT NULL"
            )
        )
    )
    found: dict[str, str] = defaultdict(str)
    last = 0
    entries = sa.text(
        "SELECT number, subject, detail FROM log_entries WHERE kind IN ('report.received', 'report.checked') "
        "AND number > :last ORDER BY number LIMIT :many"
    )
    while erased and (rows := connection.execute(entries, {"last": last, "many": _BATCH}).all()):
        last = rows[-1].number
        for _, subject, detail in rows:
            if subject in erased:
                said = [m["verdict"] for m in json.loads(detail).get("messages", ()) if m.get("role") != "context"]
                found[subject] = min(said, key=_VERDICTS.index, default="")
    change = sa.text("UPDATE reports SET verdict = :verdict WHERE report_id = :id")
    for report_id, verdict in found.items():
        connection.execute(change, {"verdict": verdict, "id": report_id})
