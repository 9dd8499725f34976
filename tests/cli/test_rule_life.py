"""The life of a rule by command: shadow, export, backtest, two people, live, paused by itself, rolled back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nightlight.evidence.log import LogKind
from nightlight.model.event import EventKind
from tests.cli.test_rules import Here, run
from tests.detect.packs import starter_bytes
from tests.flows.test_detect import DetectionWorld, account
from tests.prevention_world import SAM

__all__ = ["run"]
RULE = "many_minors_in_an_hour"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which something has happened, with detection in shadow."""
    folder = tmp_path / "data"
    folder.mkdir()
    world = DetectionWorld(folder, "", detection="shadow").migrate()
    children = world.children(8)
    world.ask(SAM, *children[:6])
    for child in children[:2]:
        world.happen(EventKind.CONTACT_BLOCKED, child, SAM)
    world.detection.keep_up()
    world.close()
    return folder


def rules(run: Here, data: Path, *arguments: str, status: int = 0) -> str:
    done = run("rules", *arguments, "--data-dir", str(data))
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def mode(run: Here, data: Path) -> str:
    found = json.loads(rules(run, data, "in-force", "--json"))
    return str(next(one["mode"] for one in found["rules"] if one["id"] == RULE))


def test_the_life_of_a_rule(run: Here, data: Path, tmp_path: Path) -> None:
    assert mode(run, data) == "shadow"
    assert "NIGHTLIGHT_RULES" in rules(run, data, "changes")
    refused = rules(run, data, "propose", RULE, "--as", "kim", "--reason", "It looks right.", status=1)
    assert "nightlight events export" in refused
    exported = run("events", "export", "--out", "out", "--data-dir", str(data))
    assert exported.returncode == 0, exported.stderr
    done = run("rules", "backtest", "out", "--record", "--as", "kim", "--data-dir", str(data), "--exact", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = [one for one in json.loads(done.stdout)["a"]["rules"] if one["id"] == RULE]
    assert (found["signals"], found["accounts"]) == (1, 1)
    rules(run, data, "propose", RULE, "--as", "kim", "--reason", "It looks right.")
    assert f"nightlight rules approve {RULE}" in rules(run, data, "in-force")
    assert "second person" in rules(run, data, "approve", RULE, "--as", "kim", status=1)
    rules(run, data, "approve", RULE, "--as", "robin")
    assert mode(run, data) == "live"
    rules(run, data, "roll-back", "--as", "robin", "--reason", "Not meant so.")
    assert mode(run, data) == "shadow"
    rules(run, data, "pause", RULE, "--as", "robin", "--reason", "Too loud.")
    assert mode(run, data) == "paused"
    rules(run, data, "shadow", RULE, "--as", "robin", "--reason", "Looked at.")
    assert mode(run, data) == "shadow"
    kinds = [one["kind"] for one in json.loads(rules(run, data, "changes", "--json"))]
    assert kinds == ["to_shadow", "paused", "rolled_back", "went_live", "proposed_live"]


def test_an_event_is_explained_and_that_somebody_looked_is_logged(run: Here, data: Path) -> None:
    arguments = ("rules", "explain", "6", "--as", "kim", "--data-dir", str(data))
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (asked,) = [one for one in found["features"] if one["id"] == "minors_asked_1h"]
    assert (asked["value"], asked["read_by"], asked["complete"]) == (6, "actor", True)
    assert [one["number"] for one in asked["events"]] == [1, 2, 3, 4, 5, 6]
    by_id = {one["id"]: one for one in found["rules"]}
    assert by_id[RULE]["holds"]
    (short,) = [part for part in by_id["many_minors_in_a_day"]["parts"] if not part["holds"]]
    assert "at least 10" in short["says"]
    assert "blocked_by_minors" not in by_id  # it looks at other events
    assert [one["rule"] for one in found["raised"] if one["rule"] == RULE] == [RULE]
    shown = run(*arguments).stdout
    assert "1, 2, 3, 4, 5, 6" in shown
    assert "NO" in shown
    unknown = run("rules", "explain", "no-such-id", "--as", "kim", "--data-dir", str(data))
    assert unknown.returncode == 1
    assert "no such event" in unknown.stderr
    world = DetectionWorld(data, "", detection="shadow")
    with world.store.read() as tx:
        looks = [(one.actor, one.subject) for one in tx.log_entries() if one.kind == LogKind.SIGNALS_VIEWED]
    assert looks == [("kim", world.house.people.pseudonym(SAM))] * 2
    world.close()


def test_another_file_begins_in_shadow_and_its_bounds_are_kept(run: Here, data: Path, tmp_path: Path) -> None:
    line = f"  - id: {RULE}\n"
    text = starter_bytes().decode().replace(line, line + "    bounds: { per_day: 1 }\n", 1)
    (tmp_path / "own.yaml").write_text(text)
    assert "own.yaml" not in rules(run, data, "adopt", "own.yaml", "--as", "kim", "--reason", "A bound of our own.")
    assert "within its bounds" in rules(run, data, "guard")
    world = DetectionWorld(data, "", detection="shadow")
    world.clock.at = int(time.time() * 1000)  # as the command's
    world.detection.keep_up()
    for name in ("a", "b"):
        world.ask(account(name), *[account(f"child{number}") for number in range(6)])
    world.close()
    assert "2 signals within 24 hours; its bound is 1." in rules(run, data, "guard", "--pause", status=3)
    assert mode(run, data) == "paused"
    bad = text.replace("per_day: 1 }", "per_day: none }")
    (tmp_path / "bad.yaml").write_text(bad)
    wrong = run("rules", "check", "bad.yaml")
    assert wrong.returncode == 1
    assert f"bad.yaml:{text[: text.index('per_day')].count(chr(10)) + 1}:" in wrong.stdout


def test_an_export_holds_numbers_and_no_name(run: Here, data: Path, tmp_path: Path) -> None:
    assert run("events", "export", "--out", "out", "--data-dir", str(data)).returncode == 0
    (file,) = (tmp_path / "out").glob("*")
    table = pq.read_table(file)
    assert table.num_rows == 8
    assert {str(field.type) for field in table.schema} <= {"int64", "int32", "uint8"}
    assert b"sam" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    again = run("events", "export", "--out", "out", "--data-dir", str(data))
    assert again.returncode == 1
    assert "new or empty" in again.stderr
    nothing = run(
        "events", "export", "--out", "other", "--from", "2020-01-01", "--to", "2020-01-02", "--data-dir", str(data)
    )
    assert nothing.returncode == 0
    assert pq.read_table(next((tmp_path / "other").glob("*"))).num_rows == 0
