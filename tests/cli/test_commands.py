"""The commands, as a stranger types them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.main import get_command

from nightlight.cli.main import app
from nightlight.settings import Settings
from tests.cli.conftest import Run

PASSWORD = "a long enough password"
COMMANDS = [
    "serve",
    "demo",
    "bench",
    "disclose",
    "settings",
    "version",
    "log verify",
    "log head",
    "reviewer add",
    "simulate cybertipline",
]


def test_commands_are_all_there() -> None:
    root = get_command(app)
    found = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {child}" for child in inner} if inner else {name}
    assert set(COMMANDS) <= found


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_worth_reading(run: Run, command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert len(done.stdout.split()) > 12


def test_settings_lists_every_setting_with_its_meaning(run: Run) -> None:
    shown = run("settings").stdout
    for name, field in Settings.model_fields.items():
        assert f"NIGHTLIGHT_{name.upper()}" in shown
        assert field.description


def test_log_verify_finds_every_kind_of_tampering(run: Run, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    for name in ("robin", "kim", "sam"):
        assert run("reviewer", "add", name, "--password-file", str(password)).returncode == 0
    assert run("reviewer", "list").stdout.split() == ["kim", "robin", "sam"]
    good = run("log", "verify")
    assert good.returncode == 0, good.stderr
    head = good.stdout.strip()
    assert head == run("log", "head").stdout.strip()
    database = tmp_path / "data" / "nightlight.sqlite3"
    original = database.read_bytes()
    for statement in (
        "UPDATE log_entries SET subject = 'nobody' WHERE number = 2",
        "DELETE FROM log_entries WHERE number = 2",
        "DELETE FROM log_entries WHERE number = 3",
        "UPDATE log_entries SET number = 9 WHERE number = 1",
        "UPDATE log_head SET number = 2",
    ):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute(statement)
        broken = run("log", "verify")
        assert broken.returncode == 1, statement
        assert "Traceback" not in broken.stderr
        database.write_bytes(original)
    assert run("log", "verify").returncode == 0


def test_truncation_and_rollback_show_against_a_head_noted_elsewhere(run: Run, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    run("reviewer", "add", "robin", "--password-file", str(password))
    database = tmp_path / "data" / "nightlight.sqlite3"
    earlier = database.read_bytes()
    run("reviewer", "add", "kim", "--password-file", str(password))
    head = run("log", "head").stdout.strip()
    assert run("log", "verify", "--expect", head).returncode == 0
    database.write_bytes(earlier)  # the whole database put back to an earlier day
    assert run("log", "verify").returncode == 0
    rolled_back = run("log", "verify", "--expect", head)
    assert rolled_back.returncode == 1
    assert "missing" in rolled_back.stderr


def test_reviewer_can_be_removed(run: Run, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    run("reviewer", "add", "robin", "--password-file", str(password))
    assert run("reviewer", "remove", "robin").returncode == 0
    assert run("reviewer", "list").stdout == ""
    gone = run("reviewer", "remove", "robin")
    assert (gone.returncode, "no reviewer" in gone.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (["serve"], {}, "Not set: NIGHTLIGHT_HOMESERVER_URL"),
        (["serve", "--workers", "2"], {}, "SQLite serves one process"),
        (["serve"], {"NIGHTLIGHT_PORT": "many"}, "NIGHTLIGHT_PORT"),
        (["log", "verify"], {"NIGHTLIGHT_DATA_DIR": "/proc/nowhere"}, "no data folder"),
        (["log", "verify"], {}, "no data folder"),
        (["log", "head", "--data-dir", "typo"], {}, "no data folder"),
        (["log", "key"], {"NIGHTLIGHT_DATA_DIR": "."}, "no database"),
        (["log", "verify", "--expect", "-1:" + "00" * 32], {}, "NUMBER:HASH"),
        (["log", "verify", "--expect", "1:" + "00" * 16], {}, "NUMBER:HASH"),
        (["log", "follow", "ftp://x"], {}, "https://"),
        (["log", "follow", "http://127.0.0.1:1", "--once"], {}, "does not answer"),
        (["log", "follow", "http://127.0.0.1:1", "--once", "--key", "x"], {}, "not a log's key"),
        (["reviewer", "list"], {}, "no data folder"),
        (["log", "verify", "--expect", "nonsense"], {}, "NUMBER:HASH"),
        (["reviewer", "add", "robin", "--password-file", "missing"], {}, "cannot be read"),
        (["reviewer", "add", "Robin Hood", "--password-file", "/dev/null"], {}, "small letters"),
        (["bench", "nonsense"], {}, "No such bench"),
        (["demo", "--keep", "/proc"], {}, "not an empty folder"),
        (
            ["serve"],
            {
                "NIGHTLIGHT_DATABASE_URL": "mysql://a/b",
                "NIGHTLIGHT_HOMESERVER_URL": "http://127.0.0.1:9",
                "NIGHTLIGHT_SERVER_NAME": "a",
                "NIGHTLIGHT_HOMESERVER_TOKEN": "t",
            },
            "No such kind of database",
        ),
        (
            ["serve"],
            {"NIGHTLIGHT_HOMESERVER_URL": "ftp://x", "NIGHTLIGHT_SERVER_NAME": "a", "NIGHTLIGHT_HOMESERVER_TOKEN": "t"},
            "http:// or https://",
        ),
        (["serve"], {"NIGHTLIGHT_HOMESERVER_TOKEN_FILE": "/missing"}, "cannot be read"),
        (["serve"], {"NIGHTLIGHT_HASH_LIST_FILE": "/missing"}, "cannot be read"),
        (["serve"], {"NIGHTLIGHT_HASH_LIST_FILE": "/proc/version"}, "Line 1 of the hash list is no digest"),
        (["serve"], {"NIGHTLIGHT_ATTACHMENTS": "show"}, "NIGHTLIGHT_ATTACHMENTS"),
    ],
)
def test_mistakes_end_in_a_sentence_not_in_a_traceback(
    run: Run, arguments: list[str], settings: dict[str, str], words: str
) -> None:
    done = run(*arguments, **settings)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert words in " ".join(done.stderr.split())
