"""Nightlight itself as a process of its own, the way an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from nightlight.demo.loopback import free_port
from nightlight.demo.synapse import Synapse
from nightlight.errors import UnavailableError


class Service:
    """``nightlight serve`` with SQLite in ``folder``, in front of a running Synapse."""

    def __init__(self, folder: Path, synapse: Synapse, module_secret_file: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "nightlight.log"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        token_file = folder / "homeserver-token"
        token_file.touch(mode=0o600)
        token_file.write_text(synapse.admin_token)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NIGHTLIGHT_")},
            "NIGHTLIGHT_DATA_DIR": str(folder),
            "NIGHTLIGHT_PORT": str(self.port),
            "NIGHTLIGHT_HOMESERVER_URL": synapse.base_url,
            "NIGHTLIGHT_SERVER_NAME": synapse.server_name,
            "NIGHTLIGHT_HOMESERVER_TOKEN_FILE": str(token_file),
            "NIGHTLIGHT_MODULE_SECRET_FILE": str(module_secret_file),
            # Plain HTTP on loopback: a secure cookie would never come back.
            "NIGHTLIGHT_COOKIE_SECURE": "false",
            # People are watching.
            "NIGHTLIGHT_POLL_SECONDS": "1",
            "NIGHTLIGHT_OUTBOX_SECONDS": "0.3",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs another ``nightlight`` command with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "nightlight.cli.main", *arguments],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def add_reviewer(self, username: str, password: str) -> None:
        file = self.folder / "reviewer-password"
        file.touch(mode=0o600)
        file.write_text(password)
        done = self.run("reviewer", "add", username, "--password-file", str(file))
        file.unlink()
        if done.returncode != 0:
            raise UnavailableError("reviewer", f"The reviewer could not be added: {done.stderr.strip()}", retry=False)

    def start(self) -> None:
        """Starts the service in a session of its own, so that Ctrl-C reaches it only through us."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nightlight.cli.main", "serve"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_up(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        tail = self.log_path.read_text(errors="replace")[-2000:]
        raise UnavailableError("service_down", f"Nightlight did not come up. The end of its log:\n{tail}", retry=False)

    def stop(self) -> None:
        """Ends the process we started: asked first, then made to."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Ends it the hard way, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
