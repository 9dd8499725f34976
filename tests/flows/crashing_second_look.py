"""Overturns a decision, or undoes what it ordered, in processes that are each killed with SIGKILL at their n-th step.

Not a test: tests start it. It is given the database, the homeserver, the log's key and the time. Then it reads lines
"deed step case" and answers each with "done", "killed" or "failed". Steps are every statement that writes before it
runs, and every commit before and after it: between two of them nothing changes that lasts.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from typing import Any

from sqlalchemy import event

from nightlight.model.case import Outcome
from nightlight.store.database import Database
from tests.databases import LOG_KEY, case_keys
from tests.simulators.homeserver import SimulatedHomeserver
from tests.world import SetClock, World


def kill_at(store: Database, step: int) -> None:
    reached = 0

    def count(*_arguments: Any, **_more: Any) -> None:
        nonlocal reached
        reached += 1
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def count_write(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith(("SELECT", "PRAGMA")):
            count()

    event.listen(store.engine, "before_cursor_execute", count_write)
    for moment in ("commit", "checkin"):
        event.listen(store.engine, moment, count)


def child(url: str, homeserver: str, at: int, deed: str, step: int, case_id: str) -> int:
    try:
        store = Database(url, LOG_KEY, case_keys())
        # The accounts of this homeserver are never looked at: it is the one at the address that is asked.
        world = World(SimulatedHomeserver(), store, homeserver, SetClock(at))
        world.new_id = lambda prefix: f"{prefix}_{os.urandom(6).hex()}"  # type: ignore[method-assign]
        kill_at(store, step)
        if deed == "overturn":
            world.second_look.overturn(case_id, "kim", Outcome.NO_VIOLATION, "somebody else's account")
        else:
            world.enforcer.run_due()
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    url, homeserver, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
    store = Database(url, LOG_KEY, case_keys())
    with store.read() as tx:
        tx.pending_count()
    store.close()  # no connection is shared with those that are forked
    gc.freeze()
    for line in sys.stdin:
        deed, step, case_id = line.split()
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            os._exit(child(url, homeserver, at, deed, int(step), case_id))
        _, status = os.waitpid(process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "failed" if status else "done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
