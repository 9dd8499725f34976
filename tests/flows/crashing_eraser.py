"""Sweeps a database in processes of their own, each killed with SIGKILL at its n-th step. Not a test: tests start it.

It reads lines "url folder time step" and answers each with "done", "killed" or "failed". Steps are those of
``crashing_deeds``, and every file before and after it is removed from the vault.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from nightlight.adapters.vault import FileVault
from nightlight.cli.data import retention_file
from nightlight.flows.erase import Eraser
from nightlight.flows.shred_rows import RowShredder
from nightlight.respond.retention_rules import RetentionRules, read_retention_rules
from nightlight.store.database import Database
from tests.databases import LOG_KEY
from tests.world import NOTICE_MS, SetClock


class KillingVault(FileVault):
    def __init__(self, folder: Path, count: Callable[..., None]) -> None:
        super().__init__(folder)
        self._count = count

    def remove(self, sha256: bytes) -> None:
        self._count()
        super().remove(sha256)
        self._count()


def sweep(url: str, folder: Path, at: int, step: int, rules: RetentionRules) -> None:
    reached = 0

    def count(*_arguments: Any, **_more: Any) -> None:
        nonlocal reached
        reached += 1
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    store = Database(url, LOG_KEY)
    for moment in ("before_cursor_execute", "commit", "checkin"):
        event.listen(store.engine, moment, count)
    shredder = RowShredder(store, KillingVault(folder, count))
    Eraser(store, SetClock(at), rules, shredder, NOTICE_MS, lambda: None).sweep()


def main() -> None:
    rules = read_retention_rules(retention_file())
    gc.freeze()
    for line in sys.stdin:
        url, folder, at, step = line.split()
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            try:
                sweep(url, Path(folder), int(at), int(step), rules)
            except BaseException:  # noqa: BLE001 - the end of a process
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "failed" if status else "done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
