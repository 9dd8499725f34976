"""Does deeds of prevention, each in a process of its own, and kills it with SIGKILL at the n-th step of the database.

Not a test: tests start it. It reads lines "deed number step" and answers each with "done", "killed" or
"failed". Steps are those of ``crashing_server``: every statement before it runs, and every commit before and after it.
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

from nightlight.flows.accounts import AccountLine
from nightlight.flows.answer_request import RequestAnswer
from nightlight.model.contact import Direction, RequestState
from nightlight.model.event import EventKind
from tests.adapters.test_history import entry, member
from tests.prevention_world import DAY_MS, JO, KIM, SAM, PreventionWorld

#: New messages in every transaction of the history.
MESSAGES = 4


def asker(number: int) -> str:
    return f"@asker{number}:home.test"


def send_events(world: PreventionWorld, number: int) -> None:
    child = f"@child{number}:home.test"
    world.take(
        world.event(EventKind.CONTACT_ACCEPTED, child, JO, event_id=f"e{number}-a"),
        world.event(EventKind.CONTACT_BLOCKED, child, SAM, event_id=f"e{number}-b"),
        world.event(EventKind.ROOM_JOINED, child, room="!class", event_id=f"e{number}-c"),
    )


def send_history(world: PreventionWorld, number: int) -> None:
    """As Synapse does after a crash: what was sent before comes again, in another grouping."""
    messages = [
        entry("m.room.encrypted", SAM, {"ciphertext": "x"}, event_id=f"$m{one}", room_id="!dm")
        for one in range(max(0, (number - 1) * MESSAGES - 2), number * MESSAGES)
    ]
    joined = member(asker(number), asker(number), "join", room_id="!dm", event_id=f"$j{number}")
    world.house.history.take([joined, *messages])


def adult(number: int) -> str:
    return f"@adult{number}:home.test"


def detect(world: PreventionWorld, number: int) -> None:
    """Six children are asked and two of them block: two families of signals, an alert, a case."""
    detection = world.house.detection
    assert detection is not None
    detection.keep_up()
    children = [f"@child{one}:home.test" for one in range(6)]
    who = adult(number)
    asked = [world.event(EventKind.CONTACT_REQUESTED, who, child, event_id=f"e{number}-{child}") for child in children]
    blocked = [
        world.event(EventKind.CONTACT_BLOCKED, child, who, event_id=f"e{number}-b{child}") for child in children[:2]
    ]
    world.take(*asked, *blocked)
    detection.keep_up()


def import_accounts(world: PreventionWorld, number: int) -> None:
    lines = [AccountLine(f"@a{number}-{one}:home.test", "13_15", None, None, 1_000 + one) for one in range(3)]
    world.house.account_book.put_all(list(enumerate(lines)), "test")


def decide(world: PreventionWorld, number: int) -> None:
    world.decide(asker(number), KIM, "!class", Direction.DIRECT)


def answer(world: PreventionWorld, number: int) -> None:
    with world.store.read() as tx:
        asked = tx.requests_to(KIM, list(RequestState))
    (mine,) = [one for one in asked if one.approach.actor == asker(number)]
    choice = (RequestAnswer.ACCEPT, RequestAnswer.BLOCK, RequestAnswer.DECLINE)[number % 3]
    world.house.request_desk.answer(KIM, mine.request_id, choice)


def forget(world: PreventionWorld, number: int) -> None:
    world.house.account_book.forget([asker(number)])


def days(number: int) -> int:
    """How long after the beginning a sweep runs."""
    return 40 + number


def sweep(world: PreventionWorld, number: int) -> None:
    world.clock.at += days(number) * DAY_MS
    world.house.retention.sweep()


DEEDS: dict[str, Callable[[PreventionWorld, int], None]] = {
    "events": send_events,
    "detect": detect,
    "history": send_history,
    "import": import_accounts,
    "decide": decide,
    "answer": answer,
    "forget": forget,
    "sweep": sweep,
}


def kill_at(world: PreventionWorld, step: int) -> None:
    reached = 0

    def count(*_arguments: Any, **_more: Any) -> None:
        nonlocal reached
        reached += 1
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "commit", "checkin"):
        event.listen(world.store.engine, moment, count)


def child(folder: Path, database_url: str, deed: str, number: int, step: int) -> int:
    try:
        world = PreventionWorld(folder, database_url, detection="live")
        world.house.relations.follow()
        kill_at(world, step)
        DEEDS[deed](world, number)
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
        return 1
    return 0


def _warm(folder: Path, database_url: str) -> None:
    """What is read and compiled once for a process is there before any is forked; no connection is."""
    world = PreventionWorld(folder, database_url, detection="live")
    world.house.relations.follow()
    assert world.house.detection is not None
    world.house.detection.keep_up()
    # Who is forgotten is forgotten in rings as well, which are read in only then.
    assert world.house.ring_watch is not None
    world.close()
    gc.freeze()


def main() -> None:
    folder, database_url = Path(sys.argv[1]), sys.argv[2]
    _warm(folder, database_url)
    for line in sys.stdin:
        deed, number, step = line.split()
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            os._exit(child(folder, database_url, deed, int(number), int(step)))
        _, status = os.waitpid(process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "failed" if status else "done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
