from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``nightlight`` as a stranger would: as a process, in an empty folder, with only the settings named."""

    def run(*arguments: str, given: str | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NIGHTLIGHT_", "MATRIX_"))},
            "NIGHTLIGHT_DATA_DIR": str(tmp_path / "data"),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            **settings,
        }
        return subprocess.run(
            [sys.executable, "-m", "nightlight.cli.main", *arguments],
            env=environment,
            cwd=tmp_path,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
