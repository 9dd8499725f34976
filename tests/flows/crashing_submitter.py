"""Submits what is due, each time in a process of its own, and kills it with SIGKILL at the n-th step. Not a test.

Steps are every commit, before and after it, and every call to the agency, before and after it. It reads lines
"step now" and answers each with "done", "killed" or "failed". A kill between two statements of a transaction is one
before its commit.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from nightlight.store.database import Database
from tests.databases import LOG_KEY, case_keys
from tests.flows.submitting import Submitting, connected
from tests.simulators.cybertipline import SimulatedTipline, TurnedClock


class Killer:
    """Counts, and kills its process at step ``at``."""

    def __init__(self, at: int) -> None:
        self._at, self._count = at, 0

    def step(self, *_arguments: Any, **_more: Any) -> None:
        self._count += 1
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """The client, with a step before and after each call."""

    def __init__(self, url: str, killer: Killer) -> None:
        self._client, self._killer = connected(url), killer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)

        def watched(*arguments: Any) -> Any:
            self._killer.step()
            answer = call(*arguments)
            self._killer.step()
            return answer

        return watched


class _Elsewhere(SimulatedTipline):
    """The agency as a child sees it: an address."""

    def __init__(self, url: str) -> None:
        self.url = url


def child(world: Submitting, step: int, now: int) -> int:
    try:
        killer = Killer(step)
        for moment in ("commit", "checkin"):
            event.listen(world.store.engine, moment, killer.step)
        world.clock.at = now
        world.submitter(Watched(world.agency.url, killer)).run_due()
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    database_url, agency_url, now = sys.argv[1:]
    world = Submitting(Database(database_url, LOG_KEY, case_keys()), _Elsewhere(agency_url), TurnedClock(int(now)))
    # A whole submission: what is read and put together once for a process is there before any is forked.
    world.submitter().run_due()
    world.store.close()  # no connection is shared with those that are forked
    gc.freeze()
    for line in sys.stdin:
        step, at = map(int, line.split())
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            os._exit(child(world, step, at))
        _, status = os.waitpid(process, 0)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if was_killed else "failed" if status else "done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
