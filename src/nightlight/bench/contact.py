"""Decisions about contact in one process: how long one takes with ten million relations loaded, and their memory."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from nightlight.bench.contact_world import Pairs, build, house_in
from nightlight.bench.harness import Bench, Figure, Progress, alternate
from nightlight.cli.compose import House
from nightlight.model.contact import Approach
from nightlight.model.relation import Tie

RELATIONS = 10_000_000
ROUNDS, BATCH = 20, 1_000
_FORGOTTEN = 3

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        progress(f"contact, building a town with {RELATIONS:,} relations")
        start = time.perf_counter()
        # Processes of their own, so that nothing else's memory is counted, or hides what is needed.
        accounts = apart(build, folder, RELATIONS)
        built = time.perf_counter() - start
        progress("contact, deciding")
        return apart(_decide, folder, accounts, built, ROUNDS, BATCH)


def apart(call: Callable[Arguments, Result], *arguments: Arguments.args, **further: Arguments.kwargs) -> Result:
    """The result of a call in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *arguments, **further).result()


def _decide(folder: str, accounts: int, built: float, rounds: int, batch: int) -> list[Figure]:
    house = house_in(Path(folder))
    desk, view = house.contact_desk, house.relations
    policy = house.policy_book.in_force().newest
    before = resident()
    start = time.perf_counter()
    view.follow()
    loaded = time.perf_counter() - start
    grown = resident() - before
    count, columns = view.counts()
    now = house.clock.now()
    pairs = Pairs(accounts)
    drawn = rounds * batch + batch
    mixed, askers, close = ([draw() for _ in range(drawn)] for draw in (pairs.mixed, pairs.asker, pairs.close))

    def deciding(approaches: Sequence[Approach]) -> Callable[[int], object]:
        return lambda number: policy.decide(desk.facts_of(approaches[number], policy, now))

    times = alternate(
        {
            "mixed": deciding(mixed),
            "askers": deciding(askers),
            "close": deciding(close),
            "lookup": _lookup(house, mixed),
        },
        rounds,
        batch,
        time.thread_time,
    )
    by_the_wall = alternate({"mixed": deciding(mixed)}, rounds, batch)["mixed"]
    beside = {
        "median_us": times["mixed"].median * 1e6,
        "asked_thousands_p99_us": times["askers"].p99 * 1e6,
        "300_rooms_or_1000_friends_p99_us": times["close"].p99 * 1e6,
        "by_the_wall_median_us": by_the_wall.median * 1e6,
        "by_the_wall_p99_us": by_the_wall.p99 * 1e6,
        "one_lookup_in_sqlite_median_us": times["lookup"].median * 1e6,
        "one_lookup_in_sqlite_p99_us": times["lookup"].p99 * 1e6,
        "relations": float(count),
    }
    memory = {
        "columns_bytes": columns / count,
        "resident_megabytes": grown / 1e6,
        "accounts": float(accounts),
        "loaded_in_s": loaded,
        "built_in_s": built,
        "database_bytes": Path(str(house.store.engine.url.database)).stat().st_size / count,
        "one_forgotten_ms": _forget(house, pairs),
    }
    house.close()
    return [
        Figure("contact_decision", times["mixed"].p99 * 1e6, "µs of a processor, 99th percentile", 50, "lower", beside),
        Figure("contact_memory", grown / count, "bytes a relation", 40, "lower", memory),
    ]


def _lookup(house: House, approaches: Sequence[Approach]) -> Callable[[int], object]:
    """The primitive: one look at one row of the same relations, in the database that they were loaded from."""
    connection = sqlite3.connect(str(house.store.engine.url.database))
    number = house.people.number
    query = "SELECT at FROM relations WHERE one = ? AND tie = ? AND other = ?"

    def look(turn: int) -> object:
        approach = approaches[turn]
        key = (number(approach.actor), int(Tie.CONNECTED), number(approach.target))
        return connection.execute(query, key).fetchone()

    return look


def _forget(house: House, pairs: Pairs) -> float:
    """How long an account that is forgotten keeps decisions waiting, milliseconds."""
    times = []
    for _ in range(_FORGOTTEN):
        one = house.people.number(pairs.anybody().actor)
        with house.store.write() as tx:
            tx.remove_relations(one, tx.relations_naming(one), tx.last_change(), tx.next_change(), house.clock.now())
        start = time.perf_counter()
        house.relations.follow()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1e3


def resident() -> int:
    """This process's memory, bytes (proc_pid_statm(5))."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


BENCH = Bench("contact", "Contact decisions in one process with ten million relations, and their memory.", _measure)
