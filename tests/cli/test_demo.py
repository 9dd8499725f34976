"""The demo is the product's main job on a fresh machine: it plays, it can be driven, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from nightlight.demo.reviewer import ReviewerSession
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "nightlight.cli.main", "demo"]


def test_the_whole_story_happens_by_the_readmes_command(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = ["make", "--silent", "demo", f"ARGS=--once --keep {kept}"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.replace("│", " ").split())
    for words in (
        "Encrypted messages that crossed the server 9",
        "Of these, readable to the servers 0",
        "[abusive message 1]",
        "3 of 3 messages",
        "nobody has seen or kept it",
        "sealed for the Example Agency, after alex and billie had signed",
        "3 of 3 messages proven",
        "entries, nothing rewritten" if "nothing rewritten" in told else "entries, unchanged",
        "REFUSED (wrong_key)",
        "Mallory is suspended",
        "Readable beyond the reported ones, in the end 0",
        "The log holds",
    ):
        assert words in told, words
    verified = run("log", "verify", "--data-dir", str(kept))
    assert verified.returncode == 0, verified.stderr
    assert not list(kept.rglob("keys.txt")), "what people keep on their devices is not among the servers' data"


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
