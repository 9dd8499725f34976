from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_SECONDS_MAX = 60


class Shell:
    """Starts commands; see ``warm.py``."""

    def __init__(self) -> None:
        asked, self._ask = os.pipe()
        self._told, told = os.pipe()
        command = [sys.executable, "-m", "tests.cli.warm", str(asked), str(told)]
        fixed = {"COLUMNS": "200", "NO_COLOR": "1"}  # read when modules are
        self._process = subprocess.Popen(
            command,
            pass_fds=(asked, told),
            stdin=subprocess.DEVNULL,
            env=os.environ | fixed,
            cwd=Path(__file__).parents[2],
        )
        os.close(asked)
        os.close(told)

    def run(
        self, arguments: tuple[str, ...], environment: dict[str, str], folder: Path, files: Path, given: str | None
    ) -> subprocess.CompletedProcess[str]:
        streams = {name: files / f"std{name}" for name in ("in", "out", "err")}
        for name, path in streams.items():
            path.write_text(given or "" if name == "in" else "")
        request = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(folder),
            **{name: str(path) for name, path in streams.items()},
        }
        os.write(self._ask, json.dumps(request).encode() + b"\n")
        process = self._answer()
        try:
            ended = self._answer()
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            self._answer()
            raise
        return subprocess.CompletedProcess(arguments, ended, streams["out"].read_text(), streams["err"].read_text())

    def _answer(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._told], [], [], _SECONDS_MAX)[0]:
                raise TimeoutError
            more = os.read(self._told, 1)
            assert more, "the process that starts commands has ended"
            line += more
        return int(line)

    def close(self) -> None:
        os.close(self._ask)
        self._process.wait(10)
        os.close(self._told)


@pytest.fixture(scope="session")
def shell() -> Iterator[Shell]:
    shell = Shell()
    yield shell
    shell.close()


@pytest.fixture
def run(shell: Shell, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs ``nightlight`` as a stranger would: as a process, in an empty folder, with only the settings named."""
    files = tmp_path_factory.mktemp("streams")

    def run(*arguments: str, given: str | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NIGHTLIGHT_", "MATRIX_"))},
            "NIGHTLIGHT_DATA_DIR": str(tmp_path / "data"),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            **settings,
        }
        return shell.run(arguments, environment, tmp_path, files, given)

    return run
