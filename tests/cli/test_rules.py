"""``nightlight rules``, as people and machines type it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightlight.cli import output, policy_pictures
from nightlight.cli.main import main
from tests.detect.packs import starter_bytes
from tests.detect.streams import columns_of, random_events


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Here = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command in this very process, in an empty folder: what takes long is started once."""
    monkeypatch.chdir(tmp_path)
    for console in (policy_pictures.out, output.console):
        monkeypatch.setattr(console, "width", 200)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["nightlight", *arguments])
        code = 0
        try:
            main()
        except SystemExit as e:
            code = int(e.code or 0)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    columns = columns_of(random_events(5_000, seed=12, step_ms=20_000))
    pq.write_table(pa.table(columns), folder / "events-1.parquet")
    accounts = list(range(400))
    strategies = ["mass_asker" if account < 30 else "" for account in accounts]
    pq.write_table(pa.table({"account": accounts, "strategy": strategies}), folder / "labels.parquet")
    return folder


def test_check_shows_every_mistake_where_it_is(run: Here, tmp_path: Path) -> None:
    text = starter_bytes().decode().replace("minors_asked_1h >= 6", "minors_asked_1 >= 6")
    (tmp_path / "p.yaml").write_text(text)
    done = run("rules", "check", "p.yaml", "starter")
    assert done.returncode == 1
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "minors_asked_1 >=" in each)
    assert f"p.yaml:{line}:" in done.stdout
    shown = done.stdout.splitlines()
    place = next(n for n, each in enumerate(shown) if f"p.yaml:{line}:" in each)
    source, caret = shown[place + 1 : place + 3]
    assert source.index("minors_asked_1 ") == caret.index("^")
    assert 'Did you mean "minors_asked_1h"?' in done.stdout
    assert "starter: can be used: starter@" in done.stderr
    (bad, good) = json.loads(run("rules", "check", "p.yaml", "starter", "--json").stdout)
    assert (bad["usable"], good["usable"]) == (False, True)


def test_test_runs_the_examples_and_says_what_is_wrong(run: Here, tmp_path: Path) -> None:
    assert run("rules", "test").returncode == 0
    (tmp_path / "p.yaml").write_bytes(starter_bytes().replace(b"minors_asked_24h: 11", b"minors_asked_24h: 12"))
    done = run("rules", "test", "p.yaml")
    assert done.returncode == 1
    assert "minors_asked_24h is 11, expected 12" in done.stderr
    assert re.search(r"p\.yaml:\d+: An adult who asks eleven children", done.stderr)


def test_show_says_every_feature_and_rule(run: Here) -> None:
    shown = json.loads(run("rules", "show", "starter", "--json").stdout)
    text = run("rules", "show").stdout
    assert len(shown["features"]) >= 14
    assert all(one["id"] in text for one in [*shown["features"], *shown["rules"]])


def test_diff_is_about_meaning(run: Here, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(starter_bytes().replace(b"minors_asked_7d >= 30", b"minors_asked_7d >= 31"))
    done = run("rules", "diff", "starter", "p.yaml", "--exit-code")
    assert done.returncode == 2
    assert "many_minors_in_a_week" in done.stdout
    same = run("rules", "diff", "starter", "starter", "--json", "--exit-code")
    assert (same.returncode, json.loads(same.stdout)["changes"]) == (0, [])


def test_a_backtest_is_a_table_and_counts_nobody_out(run: Here, events: Path) -> None:
    done = run("rules", "backtest", str(events), "--examples", "1")
    assert done.returncode == 0, done.stderr
    assert "watch: 2 families" in done.stdout
    assert "Decisions are a biased sample" in done.stdout
    assert "5,000 events" in done.stderr


def test_json_keeps_small_numbers_back_unless_told(run: Here, events: Path, tmp_path: Path) -> None:
    command = (
        "rules",
        "backtest",
        str(events),
        "--json",
        "--against",
        "starter",
        "--labels",
        str(events / "labels.parquet"),
    )
    shown, exact = (json.loads(run(*command, *more).stdout) for more in ((), ("--exact",)))
    text = json.dumps(shown)
    counts = [count for rule in shown["a"]["rules"] for count in rule["age_bands"].values()]
    assert all(count is None or count == 0 or count >= 10 for count in counts)
    assert None in counts
    assert None not in [count for rule in exact["a"]["rules"] for count in rule["age_bands"].values()]
    assert '"about"' not in text
    assert '"about"' in json.dumps(exact)
    assert exact["accounts_signalled"]["jaccard"] == 1
    assert "SYNTHETIC" in shown["a"]["any_signal"]["synthetic_labels"]["note"]
    assert all(one["sql_agrees"] for rule in exact["a"]["rules"] for one in rule["examples"])


def test_the_page_stands_alone(run: Here, events: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    labels = str(events / "labels.parquet")
    done = run("rules", "backtest", str(events), "--html", "out.html", "--against", "starter", "--labels", labels)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!#)|url\((?!#)|@import|<script""", page)
    pictures = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    assert len(pictures) >= 6
    for picture in pictures:
        head = picture[: picture.index(">")]
        assert 'role="img"' in head
        named = re.search('aria-labelledby="([^"]+)"', head)
        assert named is not None
        # Its title, and its words.
        assert all(re.search(f'id="{part}"[^>]*>[^<]{{5,}}<', picture) for part in named[1].split())
    assert page.count("<figure>") == page.count("The numbers</summary>") == len(pictures)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "prefers-color-scheme: dark" in page
    assert "var(--one)" in page[page.index("<svg") :]
    assert not re.search(r"#0[0-9a-f]{5}", page[page.index("<svg") :])
    assert page.count("SYNTHETIC") >= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "There are no Parquet files in nowhere"),
        (("EVENTS", "--from", "2030-01-01"), "There are no events in this range"),
        (("EVENTS", "--from", "2026-06-02", "--to", "2026-06-01"), "--from is later than --to"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], said: str, run: Here, events: Path) -> None:
    done = run("rules", "backtest", *(str(events) if one == "EVENTS" else one for one in arguments))
    assert done.returncode == 1
    assert said in done.stderr


def test_without_the_extra_the_command_to_install_it_is_named(events: Path, tmp_path: Path) -> None:
    (tmp_path / "duckdb.py").write_text("raise ModuleNotFoundError('no duckdb', name='duckdb')")
    done = subprocess.run(
        [sys.executable, "-m", "nightlight.cli.main", "rules", "backtest", str(events)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs duckdb" in done.stderr
    assert "pip install 'nightlight[detect]'" in done.stderr
