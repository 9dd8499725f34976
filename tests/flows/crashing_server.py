"""Runs the whole application and kills it with SIGKILL at the n-th step of the database. Not a test: tests start it.

Steps are every statement before it runs, and every commit before and after it: the instants between which a crash
could lose or double something.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import event

from nightlight.cli.compose import House
from nightlight.cli.serve import app_for
from nightlight.settings import Settings


class Killer:
    """Counts steps once ``armed`` exists, and dies at step ``at``; writes how far it got."""

    def __init__(self, at: int, armed: Path, reached: Path) -> None:
        self._at = at
        self._armed = armed
        self._reached = reached
        self._count = 0

    def step(self, *_arguments: Any, **_more: Any) -> None:
        if not self._armed.exists():
            return
        self._count += 1
        self._reached.write_text(str(self._count))
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def serve(port: int, at: int, folder: Path) -> None:
    house = House(Settings())
    killer = Killer(at, folder / "armed", folder / "reached")
    engine = house.store.engine
    event.listen(engine, "before_cursor_execute", killer.step)
    event.listen(engine, "commit", killer.step)  # before the commit is sent
    event.listen(engine, "checkin", killer.step)  # after it: the connection goes back to the pool
    uvicorn.run(app_for(house), host="127.0.0.1", port=port, log_level="error")


def main() -> None:
    """Reads lines "port step" and forks a server for each, so that a start does not take a second of imports.

    Answers with the server's process id, and when that one has ended, on the line "ended", with its return code.
    """
    folder = Path(sys.argv[1])
    house = House(Settings())
    house.store.migrate()
    app_for(house)  # what is read and computed once for a process is there before any is forked
    house.close()  # no connection is shared with those that are forked
    gc.freeze()  # nor does each of them look through all of this for cycles
    process = 0
    for line in sys.stdin:
        if line.strip() == "ended":
            _, status = os.waitpid(process, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
            continue
        port, at = map(int, line.split())
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            try:
                serve(port, at, folder)
            finally:
                os._exit(1)
        print(process, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
