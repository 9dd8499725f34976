"""The retention plan over a million records in SQLite, beside the plain query for what could be deleted."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.cli.data import retention_file
from nightlight.flows.retention_plan import retention_plan
from nightlight.respond.retention_rules import read_retention_rules
from nightlight.store.database import Database

#: Each has three to five records.
CASES = 300_000
ROUNDS = 3
_DAY_MS = 86_400_000
_NOW = 1_790_000_000_000
#: Cases are spread over this time before now, so that about half of them are past some period.
_SPREAD_MS = 800 * _DAY_MS
_OUTCOMES = ("violation", "no_violation", "insufficient_evidence")


def _measure(progress: Progress) -> Sequence[Figure]:
    rules = read_retention_rules(retention_file())
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        path = Path(folder) / "retention.sqlite3"
        store = Database(f"sqlite:///{path}", bytes(32))
        store.migrate()
        progress(f"retention, {CASES:,} cases")
        _fill(path)
        times, plain, records, going = [], [], 0, 0
        for _ in range(ROUNDS):
            progress("retention, planning")
            start = time.perf_counter()
            totals = retention_plan(store, rules, _NOW)
            times.append(time.perf_counter() - start)
            records, going = totals.records, totals.going
            start = time.perf_counter()
            _plain(path)
            plain.append(time.perf_counter() - start)
        store.close()
    beside = {
        "plain_sql_candidates_s": sorted(plain)[ROUNDS // 2],
        "cases": float(CASES),
        "records": float(records),
        "records_that_go": float(going),
        "records_per_s": records / sorted(times)[ROUNDS // 2],
    }
    return [
        Figure(
            "retention_plan", sorted(times)[ROUNDS // 2], "s for the plan over a million records", 10, "lower", beside
        )
    ]


def _plain(path: Path) -> int:
    """One period for everything and no reason given: decided long ago, and not under a hold."""
    connection = sqlite3.connect(path)
    (found,) = connection.execute(
        "SELECT count(*) FROM cases WHERE decided_at < ? AND NOT EXISTS"
        " (SELECT 1 FROM holds WHERE holds.target = cases.case_id AND released_at IS NULL)",
        (_NOW - 365 * _DAY_MS,),
    ).fetchone()
    connection.close()
    return int(found)


def _fill(path: Path) -> None:
    """Rows as the store writes them: every twentieth case open, every fifth referred, every thousandth under hold."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO cases VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL)", _cases())
    columns = (
        "referral_id, case_id, agency, recipient, kind, legal_basis, proposed_by, proposed_at, needed, state, "
        "messages, attestation, contents, urgent, reviewed_by, reference, finished_at"
    )
    marks = ",".join("?" * len(columns.split(",")))
    connection.executemany(f"INSERT INTO referrals ({columns}) VALUES ({marks})", _referrals())  # noqa: S608 - our words
    connection.executemany("INSERT INTO holds VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", _holds())
    connection.execute("COMMIT")
    connection.close()


def _name(number: int) -> str:
    """As random as real ids are, and the same every time."""
    return f"case_{number * 0x9E3779B97F4A7C15 % 2**96:024x}"


def _opened(number: int) -> int:
    return _NOW - _SPREAD_MS + number * _SPREAD_MS // CASES


def _cases() -> Iterator[tuple[object, ...]]:
    for number in range(CASES):
        at, is_open = _opened(number), number % 20 == 0
        state, decided_at = ("open", None) if is_open else ("decided", at + 3_600_000)
        outcome = None if is_open else _OUTCOMES[number % 3]
        account = f"@mallory{number % 50_000}:bench.example"
        about = (account, "!room:bench.example", "grooming", 0, 1, 2, 1, "report")
        yield (_name(number), at, state, *about, at, decided_at, outcome, "")


def _referrals() -> Iterator[tuple[object, ...]]:
    for number in range(1, CASES, 5):
        at = _opened(number) + 7_200_000
        agency = "NCMEC" if number % 2 else "NCA"
        yield (
            *(f"referral_{number:024x}", _name(number), agency, "age1bench", agency.lower(), "an example", "robin", at),
            *(2, "exported", 2, b"attested", b"contents", False, "", "", at),
        )


def _holds() -> Iterator[tuple[object, ...]]:
    for number in range(0, CASES, 1_000):
        placed = ("robin", _opened(number), None, None, None, "", None, None)
        yield (f"hold_{number:024x}", "legal", "case", _name(number), "an appeal", "an example", "", "", *placed)


BENCH = Bench("retention", "The retention plan over a million records, beside a plain query for old cases.", _measure)
