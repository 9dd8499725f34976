"""``nightlight`` commands as processes of their own, each forked from one that has imported everything already.

Most of a short command is Python finding its modules; a story with twenty of them need not wait for that twenty times.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["nightlight.cli.main", "nightlight.cli.compose"])


def run(*arguments: str, environment: Mapping[str, str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs ``nightlight`` with exactly this environment; ``TimeoutError``."""
    with TemporaryDirectory(prefix="nightlight-command-") as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = _FORKS.Process(target=_become, args=(arguments, dict(environment), str(output), str(errors)))
        process.start()
        try:
            process.join(seconds)
            status = process.exitcode
            if status is None:
                raise TimeoutError(f"nightlight {' '.join(arguments[:2])} took more than {seconds:.0f} s")
        finally:
            process.kill()
            process.join()
        return subprocess.CompletedProcess(["nightlight", *arguments], status, output.read_text(), errors.read_text())


def _become(arguments: tuple[str, ...], environment: dict[str, str], output: str, errors: str) -> None:
    """In the new process: what a shell does before a command starts."""
    for descriptor, path in ((1, output), (2, errors)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["nightlight", *arguments]

    from nightlight.cli.main import main

    main()
