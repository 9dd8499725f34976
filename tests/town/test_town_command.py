"""``nightlight town`` as a stranger types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightlight.cli import town as command
from nightlight.errors import RefusedError

SMALL = ("--events", "10k", "--people", "200", "--days", "30")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nightlight.cli.main", "town", *arguments],
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_generate_and_show(tmp_path: Path) -> None:
    out = str(tmp_path / "town")
    done = run("generate", "--out", out, *SMALL, "--doubled", "0.01", "--start", "2024-02-29")
    assert done.returncode == 0, done.stderr
    assert "10,000 events" in done.stderr
    assert "not measured" in done.stderr
    shown = run("show", out)
    assert shown.returncode == 0
    assert "conversation.volume" in shown.stderr
    assert "2024-02-29" in shown.stderr
    assert "spammer" not in shown.stderr
    assert "mass_asker" not in shown.stderr
    labelled = run("show", out, "--labels").stderr
    assert "role child" in labelled
    assert "strategy mass_asker" in labelled
    refused = run("generate", "--out", out, *SMALL)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert json.loads((tmp_path / "town" / "town.json").read_text())["events"] == 10_000


def test_help_says_what_it_makes_and_what_it_may_not_be_used_for() -> None:
    shown = run("generate", "--help").stdout
    assert "No figure from it" in shown
    assert "100M" in shown


def test_interrupted_it_leaves_an_unfinished_folder(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "nightlight.cli.main", "town", "generate", "--out", str(tmp_path), "--events", "50M"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(600):
            if (tmp_path / "UNFINISHED").exists():
                break
            time.sleep(0.05)
        time.sleep(0.3)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=30)
    finally:
        started.kill()
    assert started.returncode == command.EXIT_STOPPED, said
    assert "unfinished" in said
    assert not (tmp_path / "town.json").exists()
    assert run("show", str(tmp_path)).returncode == 1


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("500", 500), ("100k", 100_000), ("1M", 10**6), ("1.5M", 1_500_000), ("0.001k", 1)]
)
def test_sizes(text: str, size: int) -> None:
    assert command._size("events", text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "1G", "1 M", "1e6", "0.0001k", "1.5", "1.2345k", "１M", "9" * 10])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="--events"):
        command._size("events", text)


@pytest.mark.parametrize("text", ["", "2025", "2025-02-30", "01.02.2025", "2025-01-01T00:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="--start"):
        command._midnight(text)


@pytest.mark.parametrize("missing", ["numpy", "pyarrow"])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, missing: str) -> None:
    hidden = f"import sys; sys.modules[{missing!r}] = None; from nightlight.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "town", "generate", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'nightlight[detect]'" in done.stderr
    assert list(tmp_path.iterdir()) == []
