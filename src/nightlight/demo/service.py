"""Nightlight itself as a process of its own, the way an operator runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from nightlight.demo.child import ChildServer
from nightlight.demo.commands import run
from nightlight.demo.loopback import free_port
from nightlight.demo.synapse import Synapse, write_private
from nightlight.errors import UnavailableError


class Service:
    """``nightlight serve`` with SQLite in ``folder``, in front of a Synapse that runs before this one starts."""

    def __init__(
        self, folder: Path, synapse: Synapse, module_secret_file: Path, port: int = 0, **settings: str
    ) -> None:
        """``settings``: further ones, by their names without ``NIGHTLIGHT_``, in small letters."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._synapse = synapse
        self._token_file = folder / "homeserver-token"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NIGHTLIGHT_")},
            "NIGHTLIGHT_DATA_DIR": str(folder),
            "NIGHTLIGHT_PORT": str(self.port),
            "NIGHTLIGHT_HOMESERVER_URL": synapse.base_url,
            "NIGHTLIGHT_SERVER_NAME": synapse.server_name,
            "NIGHTLIGHT_HOMESERVER_TOKEN_FILE": str(self._token_file),
            "NIGHTLIGHT_MODULE_SECRET_FILE": str(module_secret_file),
            # Plain HTTP on loopback: a secure cookie would never come back.
            "NIGHTLIGHT_COOKIE_SECURE": "false",
            # People are watching.
            "NIGHTLIGHT_POLL_SECONDS": "1",
            "NIGHTLIGHT_OUTBOX_SECONDS": "0.3",
            **{f"NIGHTLIGHT_{name.upper()}": value for name, value in settings.items()},
        }
        arguments = ["nightlight.cli.main", "serve"]
        self._server = ChildServer("Nightlight", arguments, f"{self.url}/health", folder / "nightlight.log")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another ``nightlight`` command with the same settings."""
        return run(*arguments, environment=self.environment)

    def add_reviewer(self, username: str, password: str) -> None:
        file = self.folder / "reviewer-password"
        file.touch(mode=0o600)
        file.write_text(password)
        done = self.run("reviewer", "add", username, "--password-file", str(file))
        file.unlink()
        if done.returncode != 0:
            raise UnavailableError("reviewer", f"The reviewer could not be added: {done.stderr.strip()}", retry=False)

    def start(self) -> None:
        """Starts and waits until it answers; ``UnavailableError`` with the end of its log if it does not."""
        write_private(self._token_file, self._synapse.admin_token)
        self._server.start(self.environment)

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._server.kill()
