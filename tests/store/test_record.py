"""What the database counts in groups is what plain Python counts row by row, and no erasure takes anything from it."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from importlib import resources
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import insert, text

from nightlight.evidence.log import LogKind
from nightlight.insight.record_period import RecordPeriod
from nightlight.insight.record_rows import (
    ActionRow,
    CaseRow,
    Counted,
    DecisionRow,
    Other,
    ReferralRow,
    ReportRow,
    StoreRows,
    count_rows,
)
from nightlight.insight.waits import MINUTE_MS, step_of
from nightlight.model.retention import Record
from nightlight.store.database import Database
from nightlight.store.detection_schema import signals
from nightlight.store.retention_schema import erasures, holds
from nightlight.store.schema import actions, cases, decisions, referrals, reports
from tests.databases import LOG_KEY

DAY_MS = 86_400_000
PERIOD = RecordPeriod(20_000, 20_030)
#: Where steps begin and end, and a clock that was put back.
TOOK = [-5, 0, 1, *(minutes * MINUTE_MS + more for minutes in (1, 120, 1_440, 43_200, 50_000) for more in (-1, 0, 1))]


def made(dice: random.Random, many: int) -> StoreRows:
    """Rows in and around the period, at its first and last millisecond too."""

    def at() -> int:
        edges = (PERIOD.start - 1, PERIOD.start, PERIOD.end - 1, PERIOD.end)
        return dice.choice(edges) if dice.random() < 0.2 else dice.randrange(PERIOD.start - DAY_MS, PERIOD.end + DAY_MS)

    def after(since: int, share: float) -> int | None:
        took = dice.choice(TOOK) if dice.random() < 0.5 else int(dice.expovariate(1 / DAY_MS))
        return since + took if dice.random() < share else None

    opened = [at() for _ in range(many)]
    rows = [
        CaseRow(f"case_{n}", t, dice.randrange(5), dice.choice(["report", "detection"]), after(t, 0.9), after(t, 0.8))
        for n, t in enumerate(opened)
    ]
    decided = [row for row in rows if row.decided_at is not None]
    return StoreRows(
        reports=[
            ReportRow(
                at(), dice.choice(["grooming", "spam"]), dice.choice(["VERIFIED", ""]), dice.choice(["api", "own_page"])
            )
            for _ in range(many)
        ],
        cases=rows,
        decisions=[
            DecisionRow(
                row.decided_at or 0,
                *dice.choice([("violation", "platform.spam"), ("no_violation", "none")]),
                *((at(), "no_violation") if dice.random() < 0.3 else (None, None)),
            )
            for row in decided
        ],
        actions=[
            ActionRow(
                dice.choice([row.case_id, None]), dice.choice(["warn", "lock"]), dice.choice(["done", "failed"]), at()
            )
            for row in rows
        ],
        referrals=[
            ReferralRow(
                row.case_id,
                *dice.choice([("ncmec", "NCMEC"), ("police", "Northshire"), ("police", "")]),
                dice.choice(["draft", "filed"]),
                at(),
                after(row.opened_at, 0.6),
            )
            for row in rows
        ],
        others=[(dice.choice(list(Other)), at()) for _ in range(many)],
    )


def store_rows(store: Database, rows: StoreRows) -> None:
    values: dict[str, Any]
    more: dict[str, Any]
    blank: dict[str, Any] = {"attempts": 0, "next_attempt_at": 0}
    batches: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.cases:
        about = {"category": "other", "proven": 0, "messages": 0, "reports": 1, "erased": ""}
        values = {"case_id": row.case_id, "opened_at": row.opened_at, "state": "open", "severity": row.severity}
        more = {"source": row.source, "seen_at": row.seen_at, "decided_at": row.decided_at}
        batches[cases].append({**values, **about, **more})
    for n, one in enumerate(rows.reports):
        values = {
            "report_id": f"r{n}",
            "received_at": one.received_at,
            "category": one.category,
            "source": one.source,
        }
        more = {"claimant": f"c{n}", "digest": b"d", "note": "", "language": "en", "state": "checked"}
        batches[reports].append({**values, **more, **blank, "verdict": one.verdict, "case_id": f"case_{n}"})
    for n, (case, decision) in enumerate(
        zip([c for c in rows.cases if c.decided_at is not None], rows.decisions, strict=True)
    ):
        values = {
            "decision_id": f"d{n}",
            "case_id": case.case_id,
            "decided_at": decision.decided_at,
            "reviewer": "robin",
        }
        more = {"outcome": decision.outcome, "policy": decision.policy, "reason": "r"}
        after = {"overturned_at": decision.overturned_at, "overturned_to": decision.overturned_to}
        batches[decisions].append({**values, **more, **after})
    for n, action in enumerate(rows.actions):
        values = {
            "action_id": f"a{n}",
            "case_id": action.case_id,
            "position": n,
            "kind": action.kind,
            "target": "@m:t",
        }
        more = {"detail": "{}", "state": action.state, "updated_at": action.updated_at}
        batches[actions].append({**values, **more, **blank})
    for n, ref in enumerate(rows.referrals):
        values = {
            "referral_id": f"f{n}",
            "case_id": ref.case_id,
            "agency": ref.agency,
            "kind": ref.kind,
            "needed": 1,
        }
        more = {"recipient": "", "legal_basis": "b", "proposed_by": "robin", "messages": 0, "attestation": b""}
        rest = {"contents": b"", "urgent": False, "reviewed_by": "", "reference": "", "state": ref.state}
        times = {"proposed_at": ref.proposed_at, "finished_at": ref.finished_at}
        batches[referrals].append({**values, **more, **rest, **times})
    for n, (other, at) in enumerate(rows.others):
        table, values = _other(n, other, at)
        batches[table].append(values)
    with store.engine.begin() as connection:
        for table, many in batches.items():
            connection.execute(insert(table), many)


def _other(n: int, other: Other, at: int) -> tuple[Any, dict[str, Any]]:
    erased = {Other.EVIDENCE_ERASED: Record.CASE_EVIDENCE, Other.REPORTS_ERASED: Record.REPORT}
    if other in erased:
        values = {"case_id": f"case_{n}", "record": erased[other], "rule": "r", "rules": "r", "planned_at": 0}
        return erasures, {**values, "not_before": 0, "erased_at": at, "files": False}
    if other in (Other.HOLDS_PLACED, Other.HOLDS_RELEASED):
        placed = other is Other.HOLDS_PLACED
        words = dict.fromkeys(("why", "legal_basis", "agency", "reference", "placed_by", "reason", "target"), "x")
        times = {"placed_at": at if placed else 0, "released_at": None if placed else at}
        return holds, {"hold_id": f"h{n}", "kind": "legal", "scope": "account", **words, **times}
    names = ("rule", "account", "family", "severity", "pack", "reason", "values", "outcome")
    mode = "live" if other is Other.SIGNALS_LIVE else "shadow"
    return signals, {
        **dict.fromkeys(names, "x"),
        "number": n,
        "about": 1,
        "raised_at": at,
        "until": at,
        "mode": mode,
    }


def counted(store: Database) -> Counted:
    with store.snapshot() as tx:
        return tx.counted(PERIOD)


def plain(rows: StoreRows) -> Counted:
    found = count_rows(PERIOD, rows)
    return Counted(
        **{
            **{name: getattr(found, name) for name in found.__slots__},
            "others": dict.fromkeys(Other, 0) | dict(found.others),
        }
    )


def test_the_database_counts_what_plain_python_counts(database: Database) -> None:
    rows = made(random.Random(14), 200)
    store_rows(database, rows)
    found = counted(database)
    assert found == plain(rows)
    assert all(getattr(found, name) for name in found.__slots__)  # nothing was equal for being empty


def test_minutes_are_worked_out_alike_in_the_database_and_in_python(database: Database) -> None:
    rows = StoreRows(cases=[CaseRow(f"case_{n}", 7, 0, "report", 7 + took, None) for n, took in enumerate(TOOK)])
    store_rows(database, rows)
    with database.engine.connect() as connection:
        query = connection.execute(text("SELECT case_id, looked_after FROM cases"))
        found = {row.case_id: row.looked_after for row in query}
    assert found == {f"case_{n}": step_of(took) for n, took in enumerate(TOOK)}


def test_erasing_everything_that_can_be_erased_takes_nothing_from_the_record(database: Database) -> None:
    rows = made(random.Random(15), 30)
    store_rows(database, rows)
    before = counted(database)
    with database.write() as tx:
        for row in rows.cases:
            tx.erase_evidence(row.case_id)
            for record in list(Record)[1:]:
                tx.erase_record(row.case_id, record)
    after = counted(database)
    names = {name for name in before.__slots__ if name != "referrals"}
    assert {name: getattr(after, name) for name in names} == {name: getattr(before, name) for name in names}
    assert {agency for _, agency, _ in after.referrals} == {""}  # to whom goes; how many, of which kind, stays
    assert sum(after.referrals.values()) == sum(before.referrals.values())


def test_the_first_look_is_written_down_with_the_log_and_stays(database: Database) -> None:
    store_rows(database, StoreRows(cases=[CaseRow("case_0", PERIOD.start, 0, "report")]))
    for at, kind in ((5, LogKind.REFERRAL_PROPOSED), (60, LogKind.CASE_VIEWED), (90, LogKind.EVIDENCE_VIEWED)):
        with database.write() as tx:
            tx.log(PERIOD.start + at * MINUTE_MS, kind, "robin", "case_0", {})
    assert counted(database).looked == {(0, "report", 60): 1}
    with database.snapshot() as tx:
        assert tx.miscopied_case() is None
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE cases SET seen_at = seen_at - 3000000"))
    with database.snapshot() as tx:
        assert tx.miscopied_case() == "case_0"  # nobody makes the record better by writing an earlier look


def test_a_store_from_before_gets_looks_and_verdicts_from_what_is_written_down(database_url: str) -> None:
    store = Database(database_url, LOG_KEY)
    config = Config()
    config.set_main_option("script_location", str(resources.files("nightlight.store") / "migrations"))
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes.update(connection=connection, log_key=LOG_KEY)
        command.upgrade(config, "0013")
        for n in range(3):
            connection.execute(
                text(
                    "INSERT INTO cases (case_id, opened_at, state, category, severity, proven, messages, reports,"
                    " source) VALUES (:c, 0, 'open', 'spam', 4, 0, 1, 1, 'report')"
                ),
                {"c": f"case_{n}"},
            )
            connection.execute(
                text(
                    "INSERT INTO reports (report_id, received_at, claimant, digest, source, category, note, language,"
                    " state, case_id, attempts, next_attempt_at)"
                    " VALUES (:r, 5, :r, :d, 'api', 'spam', '', 'en', 'checked', :c, 0, 0)"
                ),
                {"r": f"r{n}", "c": f"case_{n}", "d": b"d"},
            )
        for place, (verdict, role) in enumerate(
            (("REFUSED", "reported"), ("UNVERIFIABLE", "reported"), ("VERIFIED", "context"))
        ):
            connection.execute(
                text(
                    "INSERT INTO reported_messages (report_id, position, event_id, verdict, code, role)"
                    " VALUES ('r0', :p, '$e', :v, 'ok', :role)"
                ),
                {"p": place, "v": verdict, "role": role},
            )
        connection.execute(
            text("INSERT INTO erasures VALUES ('case_1', 'report', 'a rule', 'rules', 0, 0, 9, :no)"),
            {"no": False},
        )
        messages = [{"verdict": "REFUSED", "role": "reported"}, {"verdict": "VERIFIED", "role": "reported"}]
        said: tuple[tuple[int, int, str, str, dict[str, Any]], ...] = (
            (1, 70, "case.viewed", "case_0", {}),
            (2, 40, "evidence.viewed", "case_0", {}),
            (3, 50, "report.received", "r1", {"messages": messages}),
        )
        for number, at, kind, subject, detail in said:
            connection.execute(
                text("INSERT INTO log_entries VALUES (:n, :at, :k, 'robin', :s, :d, :salt)"),
                {"n": number, "at": at, "k": kind, "s": subject, "d": json.dumps(detail), "salt": b"s" * 32},
            )
        connection.commit()
    store.migrate()
    with store.engine.connect() as connection:
        seen = connection.execute(text("SELECT seen_at FROM cases ORDER BY case_id")).scalars().all()
        verdicts = connection.execute(text("SELECT verdict FROM reports ORDER BY report_id")).scalars().all()
    store.close()
    assert seen == [70, None, None]
    assert verdicts == ["UNVERIFIABLE", "VERIFIED", ""]
