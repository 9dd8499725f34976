"""A year's record over five million cases in SQLite, beside a bare count by one column of the same table."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.flows.record import RecordKeeper
from nightlight.insight.record import RecordTargets
from nightlight.insight.record_period import RecordPeriod
from nightlight.insight.record_values import record_values
from nightlight.insight.waits import read_targets
from nightlight.store.database import Database

#: Each with one report; nineteen of twenty decided, a third of them with an action, a fifteenth referred.
CASES = 5_000_000
ROUNDS = 3
_YEAR = RecordPeriod(20_454, 20_818)  # 2026
_NOW = _YEAR.end


class _Clock:
    def now(self) -> int:
        return _NOW


def _measure(progress: Progress) -> Sequence[Figure]:
    targets = RecordTargets(*(read_targets("1,4,24,72,168", "bench") for _ in range(3)))
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        path = Path(folder) / "record.sqlite3"
        store = Database(f"sqlite:///{path}", bytes(32))
        store.migrate()
        store.close()  # whoever fills it has it alone
        _fill(path, progress)
        keeper = RecordKeeper(store, _Clock(), targets, 90)
        times, peers, cases = [], [], 0
        for _ in range(ROUNDS):
            progress("transparency, counting")
            start = time.perf_counter()
            values = record_values(keeper.record(_YEAR).shown(whole=False))
            times.append(time.perf_counter() - start)
            cases = values["cases"]["total"] or 0
            progress("transparency, a bare count")
            start = time.perf_counter()
            _bare(path)
            peers.append(time.perf_counter() - start)
        store.close()
    middle = ROUNDS // 2
    beside = {
        "bare_count_by_category_s": sorted(peers)[middle],
        "cases": float(cases),
        "times_the_bare_count": sorted(times)[middle] / sorted(peers)[middle],
        "worst_s": max(times),
    }
    return [Figure("transparency, a year", sorted(times)[middle], "s for the whole record", 20, "lower", beside)]


def _bare(path: Path) -> object:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT category, count(*) FROM cases GROUP BY category").fetchall()
    connection.close()
    return found


#: A number for each case that looks random and is the same every time; a place in the year; how long things took.
_ROWS = f"""WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :cases - 1),
r AS (SELECT i, (i * 2654435761 + 12345) % 4294967296 AS h, {_YEAR.start} + i * {_YEAR.end - _YEAR.start} / :cases AS at
FROM n), rows AS (SELECT i, h, at, h % 1009 * (h % 97) * (h % 8009 + 1) / 3 AS took, h / 65536 % 7 AS kind FROM r) """  # noqa: S608 - our words
_CATEGORY = (
    "CASE kind WHEN 0 THEN 'grooming' WHEN 1 THEN 'sextortion' WHEN 2 THEN 'abuse_imagery' WHEN 3 THEN 'threat' "
    "WHEN 4 THEN 'harassment' WHEN 5 THEN 'spam' ELSE 'other' END"
)
_OUTCOME = "CASE h % 3 WHEN 0 THEN 'violation' WHEN 1 THEN 'no_violation' ELSE 'insufficient_evidence' END"
_CASE = "printf('case_%024x', i)"
_ACCOUNT = "'@mallory' || h % 50000 || ':bench.example'"
_TABLES = {
    "cases": (
        "case_id, opened_at, state, subject, room_id, category, severity, proven, messages, reports, source, "
        "reported_at, decided_at, outcome, erased, seen_at",
        f"{_CASE}, at, CASE WHEN h % 20 = 0 THEN 'open' ELSE 'decided' END, {_ACCOUNT}, '!room:bench.example', "
        f"{_CATEGORY}, CASE WHEN kind < 3 THEN 0 ELSE kind - 2 END, 1, 2, 1, 'report', at, "
        f"CASE WHEN h % 20 > 0 THEN at + 3 * took END, CASE WHEN h % 20 > 0 THEN {_OUTCOME} END, '', "
        "CASE WHEN h % 50 > 0 THEN at + took END FROM rows",
    ),
    "reports": (
        "report_id, received_at, claimant, digest, source, reporter, room_id, category, note, sealed_note, language, "
        "state, case_id, attempts, next_attempt_at, verdict",
        f"printf('report_%024x', i), at, '@bob' || i || ':bench.example', CAST(i AS BLOB), CASE h % 10 WHEN 0 THEN "
        "'own_page' WHEN 1 THEN 'synapse_user_report' WHEN 2 THEN 'synapse_event_report' ELSE 'api' END, "
        f"'@bob' || i || ':bench.example', '!room:bench.example', {_CATEGORY}, '', zeroblob(120), 'en', 'checked', "
        f"{_CASE}, 0, 0, CASE h % 7 WHEN 0 THEN 'UNVERIFIABLE' WHEN 1 THEN 'REFUSED' ELSE 'VERIFIED' END FROM rows",
    ),
    "decisions": (
        "decision_id, case_id, decided_at, reviewer, outcome, policy, reason",
        f"printf('decision_%024x', i), {_CASE}, at + 3 * took, 'robin', {_OUTCOME}, CASE WHEN h % 3 = 0 THEN "
        "'child_safety.grooming' ELSE 'none' END, 'as the policy says' FROM rows WHERE h % 20 > 0",
    ),
    "actions": (
        "action_id, case_id, position, kind, target, detail, state, attempts, next_attempt_at, updated_at",
        f"printf('action_%024x', i), {_CASE}, 0, CASE h % 2 WHEN 0 THEN 'suspend' ELSE 'warn' END, {_ACCOUNT}, '{{}}', "
        "'done', 1, at, at + 3 * took FROM rows WHERE h % 20 > 0 AND h % 3 = 0",
    ),
    "referrals": (
        "referral_id, case_id, agency, recipient, kind, legal_basis, proposed_by, proposed_at, needed, state, "
        "messages, attestation, contents, urgent, reviewed_by, reference, finished_at",
        f"printf('referral_%024x', i), {_CASE}, CASE h % 2 WHEN 0 THEN 'NCMEC' ELSE 'NCA' END, 'age1bench', "
        "CASE h % 2 WHEN 0 THEN 'ncmec' ELSE 'nca' END, 'an example', 'robin', at + 3 * took, 2, 'exported', 2, "
        "zeroblob(200), zeroblob(200), FALSE, '', '', at + 4 * took FROM rows WHERE h % 15 = 3",
    ),
}


def _fill(path: Path, progress: Progress) -> None:
    """Rows as the store writes them, made inside of the database; indexes are made after."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-200000"):
        connection.execute(f"PRAGMA {pragma}")
    every = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index'").fetchall()
    indexes = [(name, sql) for name, table, sql in every if sql and table in _TABLES]
    connection.execute("BEGIN")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for table, (columns, values) in _TABLES.items():
        progress(f"transparency, filling {table}")
        connection.execute(f"INSERT INTO {table} ({columns}) {_ROWS} SELECT {values}", {"cases": CASES})
    for name, sql in indexes:
        progress(f"transparency, making {name}")
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


BENCH = Bench(
    "transparency", "The record of a year over five million cases, beside a bare count by one column.", _measure
)
