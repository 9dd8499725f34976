"""``nightlight retention``, as people and machines type it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from nightlight.cli.data import retention_file
from nightlight.cli.main import app
from nightlight.cli.secrets import secret
from nightlight.evidence.log import LogKind
from nightlight.model.case import Case, CaseSource, CaseState, Decision, Outcome, Policy
from nightlight.model.report import Category
from nightlight.store.database import Database
from tests.cli.conftest import Run

DAY_MS = 86_400_000
COMMANDS = ["rules", "plan", "run", "hold", "preserve", "release", "holds", "events"]
HOLD = ["--why", "an appeal", "--legal-basis", "an example of a law", "--as", "robin"]


@pytest.fixture
def store(tmp_path: Path) -> Database:
    """Cases that detection brought up: one decided long ago, one lately, one open."""
    data = tmp_path / "data"
    data.mkdir()
    store = Database(f"sqlite:///{data / 'nightlight.sqlite3'}", secret(data, "log"))
    store.migrate()
    now = time.time_ns() // 1_000_000
    for name, days in (("case_old", 1_000), ("case_new", 10), ("case_open", None)):
        at = now - (days or 0) * DAY_MS
        state = CaseState.OPEN if days is None else CaseState.DECIDED
        case = Case(
            *(name, at, state, f"@{name}:town.example", None, Category.OTHER, 2, 0, 0, 0),
            CaseSource.DETECTION,
        )
        with store.write() as tx:
            tx.add_case(case)
            if days is not None:
                decision = Decision(f"d-{name}", name, at, "robin", Outcome.VIOLATION, Policy.CHILD_CONTACT, "found")
                tx.add_decision(decision)
                said = {key: asdict(decision)[key] for key in ("outcome", "policy", "reason")}
                tx.log(at, LogKind.CASE_DECIDED, "robin", name, said)
    store.close()
    return store


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_worth_reading(command: str) -> None:
    done = CliRunner().invoke(app, ["retention", command, "--help"])
    assert done.exit_code == 0
    assert len(done.stdout.split()) > 40


def test_rules_are_shown_with_what_they_rest_on(run: Run, tmp_path: Path) -> None:
    shown = run("retention", "rules").stdout
    for word in ("us-cybertipline", "at least 1 year", "2258A(h)", "2026/268", "referred to nca", "message keys"):
        assert word in shown
    values = json.loads(run("retention", "rules", "--json").stdout)
    assert {"id", "records", "where", "from", "why", "legal_basis"} < set(values["list"][0])
    assert not (tmp_path / "data").exists()  # reading rules needs no installation


def test_mistakes_in_rules_are_shown_where_they_are(run: Run, tmp_path: Path) -> None:
    rules = retention_file().decode().replace("at_least: 5 years", "at_least: 5 yeers")
    (tmp_path / "r.yaml").write_text(rules)
    done = run("retention", "rules", "r.yaml")
    assert done.returncode == 1
    line = next(number for number, each in enumerate(rules.splitlines(), 1) if "yeers" in each)
    assert f"r.yaml:{line}:15: mistake" in done.stderr
    assert "such as 30 days, 6 months or 1 year" in done.stderr
    missing = run("retention", "rules", "none.yaml")
    assert (missing.returncode, "cannot be read" in missing.stderr) == (1, True)
    settings = {"NIGHTLIGHT_RETENTION_RULES": "r.yaml"}
    (tmp_path / "data").mkdir()
    Database(f"sqlite:///{tmp_path / 'data' / 'nightlight.sqlite3'}", bytes(32)).migrate()
    refused = run("retention", "plan", **settings)
    assert refused.returncode == 1
    assert "NIGHTLIGHT_RETENTION_RULES" in refused.stderr
    assert "nightlight retention rules r.yaml" in refused.stderr


def test_plan_says_what_goes_when_and_why_and_changes_nothing(run: Run, store: Database) -> None:
    before = store.log_head()
    shown = run("retention", "plan").stdout
    for word in ("6 records of 3 cases; 2 of them go now", "violation-record", "case_old", "the case is not decided"):
        assert word in shown
    values = json.loads(run("retention", "plan", "--json", "--next", "1").stdout)
    assert (values["cases"], values["records"], values["going"]) == (3, 6, 2)
    assert values["stays"] == {"open": 2}
    assert [one["case"] for one in values["next"]] == ["case_old"]
    later = json.loads(run("retention", "plan", "--json", "--at", "2099-01-01").stdout)
    assert (later["at"], later["going"]) == ("2099-01-01", 4)
    one = json.loads(run("retention", "plan", "--json", "--case", "case_new").stdout)
    assert [(line["record"], line["fate"], line["rule"]) for line in one] == [
        ("report", "kept", "violation-record"),
        ("decision", "kept", "violation-record"),
    ]
    assert "Kept until then: violation-record" in run("retention", "plan", "--case", "case_new").stdout
    assert run("retention", "plan", "--case", "case_none").returncode == 1
    assert store.log_head() == before


def test_plan_with_other_rules_shows_what_a_change_would_do(run: Run, store: Database, tmp_path: Path) -> None:
    longer = retention_file().decode().replace("at_most: 2 years", "at_most: 20 years")
    (tmp_path / "longer.yaml").write_text(longer)
    values = json.loads(run("retention", "plan", "--json", "--rules", "longer.yaml").stdout)
    assert values["going"] == 0


def test_run_announces_first_and_a_hold_stops_it(run: Run, store: Database) -> None:
    assert "announced: 2, withdrawn: 0, erased: 0" in run("retention", "run").stderr
    assert "2 records are announced to go" in run("retention", "plan").stdout
    hold = run("retention", "hold", "case_old", *HOLD)
    assert hold.returncode == 0, hold.stderr
    assert "announced: 0, withdrawn: 2, erased: 0" in run("retention", "run").stderr
    assert "Held by hold_" in run("retention", "plan", "--case", "case_old").stdout
    assert run("log", "verify").returncode == 0


def test_what_was_announced_goes_and_the_log_proves_it(run: Run, store: Database) -> None:
    run("retention", "run")
    with store.engine.begin() as connection:  # as if the days of notice had gone by
        connection.execute(text("UPDATE erasures SET not_before = 0"))
    assert "erased: 2" in run("retention", "run").stderr
    assert "Erased by violation-record" in run("retention", "plan", "--case", "case_old").stdout
    assert run("log", "verify").returncode == 0
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE cases SET subject = '@put-back:town.example' WHERE case_id = 'case_old'"))
    tampered = run("log", "verify")
    assert (tampered.returncode, "case_old" in tampered.stderr) == (1, True)


def test_case_that_was_tampered_with_is_left_alone_and_said(run: Run, store: Database) -> None:
    run("retention", "hold", "case_old", *HOLD)
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM holds"))
    run("retention", "run")
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE erasures SET not_before = 0"))
    done = run("retention", "run")
    assert done.returncode == 3
    assert "NOT ERASED" in done.stderr
    assert "case_old" in done.stderr


def test_two_people_release_a_hold(run: Run, store: Database) -> None:
    placed = run("retention", "hold", "@case_old:town.example", "--account", *HOLD, "--until", "2090-01-31")
    hold = placed.stdout.strip()
    (listed,) = json.loads(run("retention", "holds", "--json").stdout)
    assert (listed["hold_id"], listed["scope"], listed["in_force"]) == (hold, "account", True)
    assert "an appeal" in run("retention", "holds").stdout
    assert run("retention", "events", "@case_old:town.example", "--as", "robin").stdout == ""
    assert run("retention", "events", "@nobody:town.example", "--as", "robin").returncode == 1
    assert run("retention", "release", hold, "--as", "robin").returncode == 1  # says neither
    assert run("retention", "release", hold, "--as", "robin", "--reason", "over").returncode == 0
    own = run("retention", "release", hold, "--as", "Robin", "--confirm")
    assert (own.returncode, "somebody else has to confirm" in own.stderr) == (1, True)
    assert run("retention", "release", hold, "--as", "kim", "--reject").returncode == 0
    assert run("retention", "release", hold, "--as", "robin", "--reason", "over").returncode == 0
    assert run("retention", "release", hold, "--as", "kim", "--confirm").returncode == 0
    assert run("retention", "holds").stdout.strip() == "There are no holds."
    assert "robin and kim" in run("retention", "holds", "--all").stdout
    assert run("log", "verify").returncode == 0


def test_agency_asks_to_preserve(run: Run, store: Database) -> None:
    asked = ["--agency", "Example Police", "--reference", "EX-1", "--as", "robin"]
    done = run("retention", "preserve", "case_new", *asked, "--until", "2090-01-31")
    assert done.returncode == 0, done.stderr
    (hold,) = json.loads(run("retention", "holds", "--json").stdout)
    assert (hold["kind"], hold["agency"], hold["reference"]) == ("preservation", "Example Police", "EX-1")
    assert run("retention", "preserve", "case_none", *asked).returncode == 1
    past = run("retention", "preserve", "case_new", *asked, "--until", "2001-01-01")
    assert (past.returncode, "in the future" in past.stderr) == (1, True)
