"""``nightlight accounts`` and ``nightlight events``, as somebody types them."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TABLE = (
    "account,age_band,assurance,birth_month,created_at\n@kim:x,13_15,verified,,\n@sam:x,,,1980-05,5\n@jo:x,teen,,,\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_text(TABLE)
    return path


def test_import_reports_what_was_refused_and_runs_again(run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "refused.csv"
    done = run("accounts", "import", str(table), "--refused", str(out))
    assert done.returncode == 1
    assert "2 accounts changed" in done.stderr
    assert "age_unknown_word" in done.stderr
    with out.open() as file:
        assert list(csv.reader(file)) == [
            ["line", "code", "reason"],
            ["4", "age_unknown_word", "There is no such age band."],
        ]
    assert "0 accounts changed, 2 unchanged" in run("accounts", "import", str(table)).stderr
    for shown in (done.stdout, done.stderr, out.read_text()):
        for word in ("@kim", "13_15", "1980", "verified"):
            assert word not in shown
    assert run("log", "verify").returncode == 0
    assert run("events", "check").returncode == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_spreadsheets_write_is_read(run: Run, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes("Account,AGE_BAND\r\n@é:x,adult\r\n".encode(encoding))
    done = run("accounts", "import", str(path))
    assert done.returncode == 0, done.stderr
    assert "1 accounts changed" in done.stderr


@pytest.mark.parametrize("data", [TABLE.encode("utf-16"), "account,age_band\n@é:x,adult\n".encode("latin-1")])
def test_another_encoding_is_refused_with_what_to_do(run: Run, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(data)
    done = run("accounts", "import", str(path))
    assert done.returncode == 1
    assert "UTF-8" in done.stderr


def test_a_dry_run_leaves_no_account_behind(run: Run, table: Path) -> None:
    assert "Nothing was changed" in run("accounts", "import", "--dry-run", str(table)).stderr
    assert run("accounts", "show", "@kim:x").stdout == "age not known; 0 relations\n"


def test_an_age_is_shown_only_with_a_reason_that_is_logged(run: Run, table: Path) -> None:
    run("accounts", "import", str(table))
    assert run("accounts", "show", "@kim:x").stdout == "age known; 0 relations\n"
    denied = run("accounts", "show", "@kim:x", "--age")
    assert denied.returncode == 1
    assert "13_15" not in denied.stdout + denied.stderr
    shown = run("accounts", "show", "@kim:x", "--age", "--reason", "a parent asked in writing")
    assert shown.stdout == "13_15, verified\n"
    assert run("accounts", "show", "@sam:x", "--age", "--reason", "x").stdout == "adult, declared, born 1980-05\n"


def test_a_forgotten_account_is_forgotten(run: Run, table: Path) -> None:
    run("accounts", "import", str(table))
    assert "Forgotten: 3 records" in run("accounts", "forget", "@sam:x").stderr
    assert run("accounts", "show", "@sam:x").stdout == "age not known; 1 relations\n"
    assert run("accounts", "show", "@kim:x").stdout.startswith("age known")
    assert run("accounts", "forget", "@with space:x").returncode == 1


def test_events_check_finds_what_somebody_took_out(run: Run, table: Path, tmp_path: Path) -> None:
    run("accounts", "import", str(table))
    with sqlite3.connect(tmp_path / "data" / "nightlight.sqlite3") as connection:
        connection.execute("DELETE FROM relations")
    found = run("events", "check")
    assert found.returncode == 3
    assert "1 relations missing" in found.stderr
    assert run("events", "check", "--mend").returncode == 0
    assert run("events", "check").returncode == 0
    with sqlite3.connect(tmp_path / "data" / "nightlight.sqlite3") as connection:
        connection.execute("UPDATE ages SET sealed = x'00'")
    assert "2 ages that do not open" in run("events", "check").stderr
