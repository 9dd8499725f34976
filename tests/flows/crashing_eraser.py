"""Sweeps a database in processes of their own, each killed with SIGKILL at its n-th step. Not a test: tests start it.

It is given the database, the log's key, the folder of the vault, the time and the notice. Then it reads steps, a
line each, and answers with "done", "killed" or "failed". Steps are those of ``crashing_deeds``, and the instants before
and after a file is removed. Step 0 is done in the first process and kills nothing: what is compiled once for a process
is there before any is forked.
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

from nightlight.adapters.objects import FolderObjects
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.cli.data import retention_file
from nightlight.flows.erase import Eraser
from nightlight.flows.file_identity import FileIdentity
from nightlight.flows.shred_case import CaseShredder
from nightlight.respond.retention_rules import read_retention_rules
from nightlight.store.database import Database
from tests.databases import case_keys


class KillingObjects(FolderObjects):
    def __init__(self, folder: Path, count: Callable[..., None]) -> None:
        super().__init__(folder)
        self._count = count

    def remove(self, folder: str) -> None:
        self._count()
        super().remove(folder)
        self._count()


class Standing:
    """A clock that stands still."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        return self._at


class Steps:
    def __init__(self) -> None:
        self.reached = 0
        self.last = 0

    def count(self, *_arguments: Any, **_more: Any) -> None:
        self.reached += 1
        if self.reached == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    url, key, folder = sys.argv[1], bytes.fromhex(sys.argv[2]), Path(sys.argv[3])
    at, notice_ms = map(int, sys.argv[4:])
    seal, steps = case_keys(), Steps()
    store = Database(url, key, seal)
    for moment in ("before_cursor_execute", "commit", "checkin"):
        event.listen(store.engine, moment, steps.count)
    objects = KillingObjects(folder, steps.count)
    vault = CaseVault(objects, FileIdentity(store, seal), FlatFolder(folder / "none"))
    shredder = CaseShredder(store, vault, seal)
    rules = read_retention_rules(retention_file())
    eraser = Eraser(store, Standing(at), rules, shredder, notice_ms, lambda: None)
    for line in sys.stdin:
        step = int(line)
        if step == 0:
            eraser.sweep()
            store.close()  # no connection is shared with those that are forked
            gc.freeze()
            print("done", flush=True)  # noqa: T201
            continue
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            steps.reached, steps.last = 0, step
            try:
                eraser.sweep()
            except BaseException:  # noqa: BLE001 - the end of a process
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "failed" if status else "done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
