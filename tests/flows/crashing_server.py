"""Runs the whole application and kills it with SIGKILL at the n-th step of the database. Not a test: tests start it.

Steps are every statement before it runs, and every commit before and after it: the instants between which a crash
could lose or double something.
"""

from __future__ import annotations

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


def main() -> None:
    port, at, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    house = House(Settings())
    house.store.migrate()
    killer = Killer(at, folder / "armed", folder / "reached")
    engine = house.store.engine
    event.listen(engine, "before_cursor_execute", killer.step)
    event.listen(engine, "commit", killer.step)  # before the commit is sent
    event.listen(engine, "checkin", killer.step)  # after it: the connection goes back to the pool
    uvicorn.run(app_for(house), host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main()
