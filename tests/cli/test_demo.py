"""The demo is the product's main job on a fresh machine: it plays, it can be driven, and it leaves nothing behind."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from nightlight.demo.cast import COMING, REACHED
from nightlight.demo.outcome import Outcome
from nightlight.demo.prevention_story import Told, Unseen
from nightlight.demo.reach import Reached
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.table import tables
from nightlight.model.contact import ContactOutcome, Relation
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "nightlight.cli.main", "demo"]


def test_the_whole_story_happens_by_the_readmes_command(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = ["make", "--silent", "demo", f"ARGS=--once --keep {kept}"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.split())
    for words in (
        "Encrypted messages sent 11",
        "Readable to the servers 0",
        "[abusive message 1]",
        "3 of 3 messages",
        "nobody has seen or kept it",
        "sealed for the Example Agency, after alex and billie had signed",
        "3 of 3 messages proven",
        "its first answer was lost, and still it is there once",
        "entries, nothing rewritten" if "nothing rewritten" in told else "entries, unchanged",
        "REFUSED (wrong_key)",
        "Mallory is suspended",
        "Mallory is blocked and reported, and Bob sees whom he can call",
        "Readable, in the end 0",
        "Birth months readable 0",
        "The log holds",
        "Leo's app shows nothing",
        "Paul's app shows an invitation",
        "Wanda, his mother finds Leo",
        "Victor finds nobody",
        "Kim's request waits for Alice",
    ):
        assert words in told, words
    steps = re.findall(r"^\[(\d+)/(\d+)\] ", done.stderr, re.MULTILINE)
    assert [int(at) for at, _ in steps] == list(range(1, int(steps[0][1]) + 1)), "every step is counted"
    assert_the_table_says_who_reaches_whom_and_why(done.stderr)
    verified = run("log", "verify", "--data-dir", str(kept))
    assert verified.returncode == 0, verified.stderr
    assert not list(kept.rglob("keys.txt")), "what people keep on their devices is not among the servers' data"


def assert_the_table_says_who_reaches_whom_and_why(printed: str) -> None:
    reasons = dict(re.findall(r"^ +([^\w\s] [a-z])  \S.*  (\S+) *$", printed, re.MULTILINE))
    rows = {}
    for line in printed[printed.index("who comes") :].splitlines():
        cells = re.findall(r"(?<= )(?:[^\w\s] [a-z]|-)(?= )", f"{line} ")
        if len(cells) == len(REACHED):
            rows[line.split()[0].lower()] = dict(zip(REACHED, cells, strict=True))
    assert set(rows) == set(COMING)

    def cell(one: str, other: str) -> tuple[str, str]:
        return rows[one][other][0], reasons[rows[one][other]]

    assert cell("helen", "mia") == cell("carl", "bob") == cell("kim", "bob") == ("✓", "connections")
    assert cell("victor", "leo") == cell("victor", "mia") == cell("finn", "bob") == ("✗", "adults-to-under-16")
    assert cell("victor", "nina") == ("…", "only-people-i-know")
    assert cell("finn", "nina") == ("…", "watched")
    assert cell("grace", "leo") == cell("kim", "alice") == ("?", "somebody-the-child-knows")
    assert cell("mallory", "bob") == ("✗", "blocked")
    assert cell("mallory", "nina") == ("✗", "reported-with-proof"), "what Bob proved protects others"
    assert cell("nina", "mia") == ("✗", "much-older-to-under-13")
    assert cell("victor", "paul") == ("✓", "everybody-else")
    assert "An approach that never arrived: Victor asked Leo, 12." in printed
    assert "An approach that never arrived: Victor asked Mia, 9." in printed


@pytest.mark.parametrize("colours", [True, False])
def test_the_table_fits_80_columns_and_tells_outcomes_apart_without_colour_and_without_unicode(colours: bool) -> None:
    reach = {
        (one, other): Reached(outcome, f"rule-{outcome.word}", Relation.STRANGER, 7_200_000)
        for one in COMING
        for other, outcome in zip(REACHED, itertools.cycle(ContactOutcome), strict=False)
    }
    told = [Told("A scene", (("Somebody", "sees [something] in brackets"),))]
    outcome = Outcome(told=told, never_arrived=[Unseen("Victor", "leo", "!room", "200 {}")], reach=reach)
    console = Console(file=io.StringIO(), width=80, force_terminal=colours, color_system="256" if colours else None)
    for part in tables(outcome, 12, unicode=False):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    assert max(map(len, plain.splitlines())) <= 80
    assert "sees [something] in brackets" in plain
    assert {line.split()[0] for line in plain.splitlines() if "rule-" in line} == {"+", "!", "?", "~", "x"}
    assert "waits unseen for 2 h" in plain
    assert ("\x1b[" in console.file.getvalue()) is colours


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_can_be_driven_and_stops_what_it_started_and_nothing_else(tmp_path: Path, number: signal.Signals) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    info_file = tmp_path / "info.json"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    demo = subprocess.Popen([*COMMAND, "--info", str(info_file)], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 90
        while not info_file.exists():
            assert demo.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        info = json.loads(info_file.read_text())
        assert set(info) == {
            *("homeserver_url", "server_name", "registration_shared_secret", "homeserver_admin"),
            *("nightlight_url", "reviewer", "data_dir"),
        }
        login = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": info["homeserver_admin"]["user"]},
            "password": info["homeserver_admin"]["password"],
        }
        assert httpx.post(f"{info['homeserver_url']}/_matrix/client/v3/login", json=login).status_code == 200
        with ReviewerSession(info["nightlight_url"]) as session:
            session.sign_in(**info["reviewer"])
            assert "cases" in session.queue()
        assert info_file.stat().st_mode & 0o077 == 0
        demo.send_signal(number)
        demo.wait(timeout=60)
        assert bystander.poll() is None
        for url in (info["homeserver_url"], info["nightlight_url"]):
            with pytest.raises(httpx.TransportError):
                httpx.get(url, timeout=2)
        assert not Path(info["data_dir"]).exists()
    finally:
        demo.kill()
        bystander.kill()
        demo.wait()
        bystander.wait()
        if demo.stderr:
            demo.stderr.close()
