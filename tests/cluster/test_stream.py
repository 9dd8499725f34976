"""Spark says what plain windows say, event by event, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nats")
pytest.importorskip("pyspark")

from pyarrow import RecordBatch, Table
from pyspark.sql import SparkSession

from nightlight.adapters.jetstream.log import publish
from nightlight.adapters.jetstream.server import LogPlace
from nightlight.adapters.spark.job import OpenTable, Stream, require_java, session, start, wait
from nightlight.adapters.spark.position import done_groups
from nightlight.adapters.spark.signals import HitTable
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Function
from nightlight.detect.windows import Hit, Windows
from nightlight.errors import RefusedError, UnavailableError
from tests.cluster.nats_server import serving
from tests.cluster.spark_workers import ROOT, find_the_tests
from tests.cluster.traffic import events_of, traffic
from tests.cluster.values import ValueFile
from tests.detect.packs import starter_bytes

EVENTS = 20_000
#: Reads by actor and by room: no part of the state can decide it alone.
MIXED = b"""
  - id: mixed
    title: Reads by two keys
    family: network
    severity: low
    when: kind == "conversation.volume" and minors_asked_7d >= 1 and sent_in_room_24h >= 500
    reason: For a test.
    expires: 1d
    source: unvalidated

examples:"""


@dataclass(frozen=True)
class World:
    """One server, one log of it, and what plain windows say of that."""

    url: str
    events: RecordBatch
    definitions: bytes
    hits: list[Hit]
    values: dict[int, dict[str, Any]]

    @property
    def place(self) -> LogPlace:
        return LogPlace(self.url, "stream", 3)

    def stream(self, folder: Path, **changed: Any) -> tuple[Stream, HitTable]:
        url = f"sqlite:///{folder}/hits.sqlite3"
        table = HitTable(url)
        table.make()
        given = {
            "parts": 3,
            "batch": 4_000,
            "master": "local[2,4]",
            "memory": "700m",
            "plain": True,
            "snapshot": 1_500,
            **changed,
        }
        return Stream(self.place, self.definitions, folder / "checkpoint", OpenTable(url), **given), table


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    definitions = starter_bytes().replace(b"\nexamples:", MIXED, 1)
    pack = read_definitions(definitions).pack
    events = traffic(EVENTS, seed=11)
    windows = Windows(pack)
    kept = [feature.id for feature in pack.features if feature.function is not Function.VALUE]
    hits: list[Hit] = []
    values = {}
    for event in events_of(events):
        hits += windows.add(event)
        if event.number < 8_000:
            values[event.number] = {name: windows.read(name, event) for name in kept}
    with serving(tmp_path_factory.mktemp("nats")) as url:
        made = World(url, events, definitions, in_order(hits), values)
        publish(made.place, iter([events]))
        yield made


@pytest.fixture(scope="module")
def spark(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    try:
        require_java()
    except RefusedError as e:
        pytest.skip(e.message)
    quick = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"}
    with pytest.MonkeyPatch.context() as patch:
        find_the_tests(patch)
        made = session(world.stream(tmp_path_factory.mktemp("first"), settings=quick)[0])
        yield made
        made.stop()


def in_order(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (hit.number, hit.rule, hit.about))


def test_every_hit_is_that_of_plain_windows(world: World, spark: SparkSession, tmp_path: Path) -> None:
    """Through five batches, so that state goes from one to the next; with a worker killed in the middle."""
    stream, table = world.stream(tmp_path)
    killed = threading.Event()
    query = start(spark, stream, once=True)

    def kill() -> None:
        while query.isActive and not killed.is_set():
            if done_groups(stream.checkpoint) >= 4 and (workers := worker_processes()):
                for worker in workers:
                    os.kill(worker, signal.SIGKILL)
                killed.set()
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    wait(query)
    killer.join()
    assert killed.is_set()
    assert len({hit.rule for hit in world.hits}) > 12
    assert "mixed" in {hit.rule for hit in world.hits}
    assert in_order(list(table.read())) == world.hits


def test_every_value_of_every_event_is_that_of_plain_windows(world: World, spark: SparkSession, tmp_path: Path) -> None:
    file = ValueFile(tmp_path / "values.sqlite3")
    place = LogPlace(world.url, "values", 2)
    few = world.events.filter(Table.from_batches([world.events]).column("number").to_numpy() < 8_000)
    publish(place, iter([few]))
    stream, _ = world.stream(tmp_path, values=file, parts=2)
    wait(start(spark, Stream(**{**fields_of(stream), "place": place}), once=True))
    found = file.read()
    assert len(found) == few.num_rows
    assert dict(found) == world.values


def test_a_checkpoint_of_other_definitions_is_refused(world: World, spark: SparkSession, tmp_path: Path) -> None:
    stream, _ = world.stream(tmp_path)
    wait(start(spark, Stream(**{**fields_of(stream), "batch": 100_000}), once=True))
    for change in ({"parts": 5}, {"definitions": starter_bytes()}):
        with pytest.raises(RefusedError, match="another stream"):
            start(spark, Stream(**{**fields_of(stream), **change}), once=True)


def test_a_log_that_is_away_is_said_before_anything_starts(world: World, tmp_path: Path) -> None:
    stream, _ = world.stream(tmp_path)
    with pytest.raises(UnavailableError, match="does not answer"):
        start(None, Stream(**{**fields_of(stream), "place": LogPlace("nats://127.0.0.1:9")}), once=True)


def test_killed_in_mid_batch_and_started_again_it_loses_and_doubles_nothing(world: World, tmp_path: Path) -> None:
    """The driver and all its workers at once, by SIGKILL, through the command that people use."""
    events = world.events.slice(0, 6_000)
    publish(LogPlace(world.url, "killed", 2), iter([events]))
    expected = [hit for hit in world.hits if hit.number <= events.column("number")[-1].as_py()]
    (tmp_path / "rules.yaml").write_bytes(world.definitions)
    table = HitTable(f"sqlite:///{tmp_path}/hits.sqlite3")
    table.make()
    arguments = [
        "run",
        "--nats",
        world.url,
        "--log",
        "killed",
        "--partitions",
        "2",
        "--parts",
        "2",
        "--once",
        "--plain",
    ]
    arguments += ["--rules", str(tmp_path / "rules.yaml"), "--checkpoint", str(tmp_path / "checkpoint")]
    arguments += ["--signals", f"sqlite:///{tmp_path}/hits.sqlite3", "--batch", "2000", "--memory", "700m"]
    # For a short life nothing is worth compiling twice.
    arguments += ["--spark", "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1"]
    process = command(arguments)
    until = time.monotonic() + 120
    while table.count() == 0:  # the first batch delivers: it is not over yet, and the second is to come
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    assert table.count() < len(expected)
    assert command(arguments).wait(120) == 0
    assert in_order(list(table.read())) == expected
    assert done_groups(tmp_path / "checkpoint") == 6


def command(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-m", "nightlight.cli.main", "stream", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def fields_of(stream: Stream) -> dict[str, Any]:
    return {name: getattr(stream, name) for name in Stream.__dataclass_fields__}


def worker_processes() -> list[int]:
    """Spark's Python workers below this process: children of the daemon that forks them."""
    parents: dict[int, int] = {}
    daemons = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if b"nightlight.adapters.spark.daemon" in (path / "cmdline").read_bytes():
                daemons.add(int(path.name))
        except (OSError, ValueError):
            continue

    def mine(process: int) -> bool:
        while process in parents:
            if process == os.getpid():
                return True
            process = parents[process]
        return False

    return [one for one in daemons if parents.get(one) in daemons and mine(one)]
