"""A database from before retention gets what retention looks for, from what is written down elsewhere."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from nightlight.model.case import CaseSource, Outcome
from nightlight.model.retention import Phase, Record
from nightlight.respond.retention import Kept, Referred
from nightlight.store.database import Database
from tests.databases import LOG_KEY, database_url, postgres

__all__ = ["database_url", "postgres"]

ROWS = {
    "cases": [
        {"case_id": f"case_{n}", "opened_at": 100 + n, "state": state, "category": "grooming", "severity": 0}
        | {"proven": 1, "messages": 1, "reports": reports, "source": "report" if reports else "detection"}
        for n, state, reports in ((1, "decided", 2), (2, "open", 1), (3, "decided", 0))
    ],
    "reports": [
        {"report_id": f"r{n}", "received_at": 200 + n, "claimant": f"c{n}", "digest": b"d", "source": "api"}
        | {"category": "grooming", "note": "", "language": "en", "state": "checked", "case_id": case}
        | {"attempts": 0, "next_attempt_at": 0}
        for n, case in ((1, "case_1"), (2, "case_1"), (3, "case_2"))
    ],
    "decisions": [
        {"decision_id": f"d{n}", "case_id": f"case_{n}", "decided_at": 300 + n, "reviewer": "robin"}
        | {"outcome": outcome, "policy": "none", "reason": "r"}
        for n, outcome in ((1, "violation"), (3, "no_violation"))
    ],
    "referrals": [
        {"referral_id": f"f{n}", "case_id": "case_1", "agency": "NCMEC", "recipient": "age1", "legal_basis": "b"}
        | {"proposed_by": "robin", "proposed_at": 400, "needed": 1, "state": state, "messages": 1}
        | {"attestation": b"a", "contents": b"c", "kind": "ncmec", "urgent": False, "reviewed_by": "", "reference": ""}
        for n, state in ((1, "exported"), (2, "proposed"))
    ],
    "log_entries": [
        {"number": n, "at": 500 + n, "kind": kind, "actor": "robin", "subject": "case_1", "salt": b"s" * 32}
        | {"detail": json.dumps({"referral": "f1"})}
        for n, kind in ((1, "referral.approved"), (2, "referral.exported"), (3, "referral.exported"))
    ],
}


@pytest.fixture
def store(database_url: str) -> Database:
    store = Database(database_url, LOG_KEY)
    config = Config()
    config.set_main_option("script_location", str(resources.files("nightlight.store") / "migrations"))
    before = ScriptDirectory.from_config(config).get_revision("0012").down_revision
    assert isinstance(before, str)
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        config.attributes["log_key"] = LOG_KEY
        command.upgrade(config, before)
        for table, rows in ROWS.items():
            names = list(rows[0])
            values = ", ".join(f":{name}" for name in names)
            connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"), rows)
        connection.commit()
    return store


def test_what_there_was_is_found_by_the_plan(store: Database) -> None:
    store.migrate()
    of_report = (Record.CASE_EVIDENCE, Record.REPORT, Record.DECISION)
    referred = (Referred("ncmec", Phase.FINISHED, 502), Referred("ncmec", Phase.UNDER_WAY, None))
    expected = {
        Kept("case_1", 202, 301, Outcome.VIOLATION, CaseSource.REPORT, tuple(Record), referred),
        Kept("case_2", 203, None, None, CaseSource.REPORT, of_report),
        Kept("case_3", 103, 303, Outcome.NO_VIOLATION, CaseSource.DETECTION, of_report[1:]),
    }
    with store.snapshot() as tx:
        assert {kept._replace(referrals=tuple(sorted(kept.referrals))) for kept in tx.kept_cases(0)} == expected
        assert {tx.kept_case(kept.case_id, 0) for kept in expected} == expected
        assert tx.miscopied_case() is None
    store.close()
