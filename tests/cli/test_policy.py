"""``nightlight policy``, as people and machines type it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from nightlight.model.account import AgeBand
from nightlight.model.contact import Direction
from tests.cli.conftest import Run
from tests.policies import Town
from tests.prevent.presets import POLICIES, text

COMMANDS = [
    *("check", "show", "facts", "preset", "explain", "diff", "replay"),
    *("propose", "approve", "reject", "roll-back", "changes", "in-force"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_worth_reading(run: Run, command: str) -> None:
    done = run("policy", command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.split()) > 25


def test_check_shows_every_mistake_where_it_is(run: Run, tmp_path: Path) -> None:
    policy = text("teen-default").decode().replace("to: minor", "to: minors", 1).replace("most: 5", "most: none")
    (tmp_path / "p.yaml").write_text(policy)
    done = run("policy", "check", "p.yaml", "strict")
    assert done.returncode == 1
    line = next(n for n, each in enumerate(policy.splitlines(), 1) if "minors" in each)
    assert f"p.yaml:{line}:9: mistake" in done.stdout
    source, caret = done.stdout.splitlines()[1:3]
    assert source.index("minors") == caret.index("^")
    assert 'Did you mean "minor"?' in done.stdout
    assert "most: a whole number" in done.stdout
    assert "strict: can be used" in done.stderr


def test_check_warns_of_rows_that_are_never_reached(run: Run, tmp_path: Path) -> None:
    row = "  - {id: extra, from: anyone, to: minor, relation: connected, direction: any, outcome: allow, source: F1}\n"
    whole = text("ofcom-f1").decode().replace("\nconditions:", f"{row}\nconditions:")
    (tmp_path / "p.yaml").write_text(whole)
    assert run("policy", "check", "p.yaml").returncode == 0
    done = run("policy", "check", "p.yaml", "--strict")
    assert done.returncode == 2
    assert "Row extra is never reached" in done.stdout
    (found,) = json.loads(run("policy", "check", "p.yaml", "--json").stdout)
    assert found["usable"]
    assert [problem["kind"] for problem in found["problems"]] == ["warning"]


def test_a_contradiction_is_refused(run: Run, tmp_path: Path) -> None:
    row = "  - {id: extra, from: anyone, to: minor, relation: connected, direction: any, outcome: deny, source: F1}\n"
    (tmp_path / "p.yaml").write_text(text("ofcom-f1").decode().replace("\nconditions:", f"{row}\nconditions:"))
    done = run("policy", "check", "p.yaml")
    assert done.returncode == 1
    assert "contradicts row connections" in done.stdout


def test_show_says_every_cell(run: Run) -> None:
    shown = run("policy", "show", "teen-default").stdout
    for word in ("anyone", "hold 1d", "only-people-i-know", "asks-many-children", "Snapchat"):
        assert word in shown
    value = json.loads(run("policy", "show", "strict", "--json").stdout)
    assert len(value["cells"]) == 500


def test_a_preset_is_printed_to_start_from(run: Run) -> None:
    assert run("policy", "preset", "strict").stdout.encode() == text("strict")
    assert run("policy", "preset", "none").returncode == 1


def test_explaining_what_is_supposed_needs_no_installation(run: Run, tmp_path: Path) -> None:
    where = ["--from", "adult", "--to", "16_17", "--relation", "mutual"]
    done = run("policy", "explain", *where, "--fact", "minor_refusals=5", "--fact", "account_age=2d")
    assert done.returncode == 0, done.stderr
    assert "refused-by-many" in done.stdout
    assert "Decision: deny" in done.stdout
    value = json.loads(run("policy", "explain", *where, "--fact", "watched", "--json").stdout)
    assert (value["decision"]["outcome"], value["facts"]["account_age"]) == ("hold", 365 * 24)
    blocked = run("policy", "explain", *where, "--fact", "blocked", "--policy", "open")
    assert "No policy overrules that" in blocked.stdout
    limited = json.loads(run("policy", "explain", *where, "--limit", "asks-many-children=5", "--json").stdout)
    assert limited["decision"]["reasons"][-1] == "asks-many-children"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "adult", "--to", "16_17", "--fact", "minor_refusal=5"], 'Did you mean "minor_refusals"?'),
        (["--from", "adult", "--to", "16_17", "--fact", "minor_refusals=many"], "a whole number"),
        (["--from", "adult", "--to", "16_17", "--fact", "account_age=old"], "a time belongs here"),
        (["--from", "adult", "--to", "@kim:home.test"], "two bands, or two account ids"),
        (["--from", "adult"], "Say --from and --to"),
    ],
)
def test_a_supposition_that_cannot_be_read_is_refused(run: Run, arguments: list[str], said: str) -> None:
    done = run("policy", "explain", *arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_diff_is_short_for_people_and_complete_for_machines(run: Run) -> None:
    done = run("policy", "diff", "open", "strict")
    assert "300 of 500 cells change: 0 become milder, 300 stricter" in done.stdout
    value = json.loads(run("policy", "diff", "open", "strict", "--json").stdout)
    assert len(value["cells"]) == 300
    assert sum(group["cells"] for group in value["groups"]) == 300
    assert value["denied_looks"] == ["unanswered", "invites_blocked"]
    assert run("policy", "diff", "open", "open", "--exit-code").returncode == 0
    assert run("policy", "diff", "open", "strict", "--exit-code").returncode == 2


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Twelve adults came towards a child each."""
    town = Town(tmp_path / "data")
    for number in range(12):
        adult, child = town.person(f"a{number}", AgeBand.ADULT), town.person(f"c{number}", AgeBand.AGE_13_15)
        town.approach(adult, child)
    town.approach(town.person("friend", AgeBand.AGE_13_15), town.person("c0", AgeBand.AGE_13_15), Direction.JOIN)
    town.close()
    return town


def replayed(run: Run, *arguments: str) -> dict[str, Any]:
    done = run("policy", "replay", *arguments, "--from", "2026-01-01", "--to", "2027-01-01", "--json", **HOME)
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


HOME = {"NIGHTLIGHT_SERVER_NAME": "home.test"}


def test_a_replay_says_who_would_notice_and_keeps_few_people_back(run: Run, town: Town, tmp_path: Path) -> None:
    milder = (
        text("teen-default")
        .decode()
        .replace("outcome: deny\n    source: meta\n", "outcome: request\n    source: meta\n", 1)
    )
    (tmp_path / "p.yaml").write_text(milder)
    value = replayed(run, "p.yaml")
    assert (value["decisions"], value["changed"], value["stricter"], value["milder"]) == (13, 12, 0, 12)
    (move,) = value["moves"]
    assert (move["before"], move["after"], move["decisions"]) == ("deny", "hold", 12)
    assert move["examples"][0].keys() == {"decision"}
    assert {(one["side"], one["band"]): one["accounts"] for one in value["people"]} == {
        ("from", "adult"): 12,
        ("to", "13_15"): 12,
    }
    both = replayed(run, "open")  # one decision goes from notice to allow: neither it nor the others are told apart
    assert [move["decisions"] for move in both["moves"]] == [None, None]
    few = replayed(run, "strict")
    assert (few["changed"], few["stricter"]) == (None, None)
    assert [move["decisions"] for move in few["moves"]] == [None]
    inside = replayed(run, "strict", "--names")
    assert inside["publishable"] is False
    assert inside["moves"][0]["decisions"] == 1
    assert inside["moves"][0]["examples"][0]["from"] == "@friend:home.test"
    assert replayed(run, "teen-default")["changed"] == 0
    shown = run("policy", "replay", "open", "--against", "recorded", **HOME)
    assert "Facts are as they were" in shown.stdout
    assert "@" not in shown.stdout.replace("open@1", "")


def test_decisions_of_the_past_and_of_now_are_explained(run: Run, town: Town) -> None:
    example = replayed(run, "open")["moves"][0]["examples"][0]["decision"]
    done = run("policy", "explain", "--decision", example, "--json", **HOME)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["same"] is True
    now = run("policy", "explain", "--from", "@a0:home.test", "--to", "@c1:home.test", **HOME)
    assert "adults-to-under-16" in now.stdout
    assert run("policy", "explain", "--decision", "cd_nothing", **HOME).returncode == 1


def test_two_people_change_the_policy_and_tampering_ends_with_status_three(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(text("strict"))
    assert run("policy", "propose", "p.yaml", "--share", "20", "--note", "try", "--as", "robin").returncode == 0
    own = run("policy", "approve", "1", "--as", "robin")
    assert own.returncode == 1
    assert "another person" in own.stderr
    assert "teen-default" in run("policy", "in-force").stdout
    assert run("policy", "approve", "1", "--as", "kim").returncode == 0
    value = json.loads(run("policy", "in-force", "--json").stdout)
    assert (value["policy"], value["share"], value["problems"]) == (POLICIES["strict"].reference, 20, [])
    with sqlite3.connect(tmp_path / "data" / "nightlight.sqlite3") as connection:
        connection.execute("UPDATE policy_changes SET share = 100")
    tampered = run("policy", "in-force", "--json")
    assert tampered.returncode == 3
    assert json.loads(tampered.stdout)["share"] == 20
    assert "NOT AS IT WAS LEFT" in tampered.stderr
    assert run("log", "verify").returncode == 1
    with sqlite3.connect(tmp_path / "data" / "nightlight.sqlite3") as connection:
        connection.execute("UPDATE policy_changes SET share = 20")
    assert run("policy", "roll-back", "1", "--as", "robin").returncode == 0
    assert "teen-default" in run("policy", "in-force").stdout
    assert run("log", "verify").returncode == 0
    listed = json.loads(run("policy", "changes", "--json").stdout)
    assert [(one["number"], one["state"], one["decided_by"]) for one in listed] == [(1, "rolled_back", "robin")]


def test_a_policy_with_mistakes_is_not_proposed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("format: nothing\n")
    done = run("policy", "propose", "p.yaml", "--note", "n", "--as", "robin")
    assert done.returncode == 1
    assert "p.yaml:1:" in done.stderr
