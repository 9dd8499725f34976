"""The stream: log, parts of the state, meeting, table of hits."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from pyspark.errors.exceptions.base import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from nightlight.adapters.jetstream.log import reach
from nightlight.adapters.jetstream.server import LogPlace
from nightlight.adapters.spark.signals import HitTable
from nightlight.adapters.spark.source import NAME, LogSource, SourceOptions
from nightlight.adapters.spark.state import DEFINITIONS, OUTPUT, SNAPSHOT_EVENTS, PartProcessor, compiled
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.fields import Seen
from nightlight.detect.part import Meeting
from nightlight.detect.windows import Hit
from nightlight.errors import RefusedError, UnavailableError

JAVA_HINT = "apt-get install openjdk-17-jre-headless"
_STORE = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


class Sink(Protocol):
    """Gets hits, possibly the same ones again; values only where ``every_value`` was asked for. Made in each worker."""

    def add(self, hits: Sequence[Hit]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stream:
    """``definitions``: the file. ``checkpoint``: a folder that all machines see. ``parts``: of the state; fixed with
    the checkpoint. ``master``: Spark's, empty for what spark-submit says. ``batch``: the most events of one batch.
    ``values``: for comparing engines; gets every value of every event. ``plain``: without
    compiling, for a few events. ``snapshot``: of a part, after how many events. ``settings``: Spark's own."""

    place: LogPlace
    definitions: bytes
    checkpoint: Path
    sink: Callable[[], Sink]
    parts: int = 4
    tasks: int = 2
    batch: int = 200_000
    master: str = "local[2,4]"
    memory: str = "1g"
    values: Callable[[Seen, dict[str, Any]], None] | None = None
    plain: bool = False
    snapshot: int = SNAPSHOT_EVENTS
    settings: dict[str, str] = field(default_factory=dict)


def require_java() -> None:
    """``RefusedError('java_missing')``."""
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").exists())):
        raise RefusedError("java_missing", "Spark needs Java 17 or newer, and there is none.", f"Type: {JAVA_HINT}")


def session(stream: Stream) -> SparkSession:
    """Takes some ten seconds. Workers run the Python that runs here."""
    require_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": stream.memory,
        "spark.sql.shuffle.partitions": str(stream.parts),
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.streaming.stateStore.providerClass": _STORE,
        # A batch writes what it changed, not all of the state.
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.pollingDelay": "100ms",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
        "spark.log.level": "ERROR",
        "spark.python.daemon.module": "nightlight.adapters.spark.daemon",
        **stream.settings,
    }
    if not stream.plain:
        stream.checkpoint.mkdir(parents=True, exist_ok=True)
        definitions = stream.checkpoint / "definitions.yaml"
        definitions.write_bytes(stream.definitions)
        os.environ[DEFINITIONS] = str(definitions.resolve())
        settings[f"spark.executorEnv.{DEFINITIONS}"] = os.environ[DEFINITIONS]
    builder = SparkSession.builder.appName("nightlight")
    if stream.master:
        builder = builder.master(stream.master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.dataSource.register(LogSource)
    return made


def start(spark: SparkSession, stream: Stream, *, once: bool) -> StreamingQuery:
    """``once``: ends where the log ends now; otherwise it goes on for ever.

    ``RefusedError``: the checkpoint is one of other definitions or of another shape. ``UnavailableError``: the log does
    not answer.
    """
    read_definitions(stream.definitions)
    reach(stream.place)
    run = _claim(stream)
    every = stream.values is not None
    options = SourceOptions(stream.place, stream.definitions, stream.parts, stream.tasks, stream.batch, every)
    visits = spark.readStream.format(NAME).option("source", options.to_text()).load()
    processor = PartProcessor(
        stream.definitions, stream.parts, run, every_value=every, plain=stream.plain, snapshot=stream.snapshot
    )
    told = visits.groupBy("part").transformWithState(processor, OUTPUT, "Append", "None")
    meets = every or bool(compiled(stream.definitions, every)[1].meeting)
    deliver = _Deliver(stream.definitions, stream.sink, stream.values)

    def each(batch: DataFrame, _number: int) -> None:
        (batch.repartition("number") if meets else batch).foreachPartition(deliver)

    writer = told.writeStream.foreachBatch(each).option("checkpointLocation", str(stream.checkpoint / "spark"))
    return (writer.trigger(availableNow=True) if once else writer.trigger(processingTime="0 seconds")).start()


def wait(query: StreamingQuery) -> None:
    """Until it ends. ``UnavailableError('stream_failed')`` with what Spark says of it, without anybody's data."""
    try:
        query.awaitTermination()
    except PySparkException as e:
        text = str(e)
        lines = [line for line in text.splitlines() if "nightlight.errors." in line]
        said = lines[-1].partition("nightlight.errors.")[2] if lines else type(e).__name__
        raise UnavailableError("stream_failed", f"The stream ended: {said}") from None


class _Deliver:
    """One partition's worth of what the parts told: decides what has to meet, and hands over the hits."""

    def __init__(
        self,
        definitions: bytes,
        sink: Callable[[], Sink],
        values: Callable[[Seen, dict[str, Any]], None] | None,
    ) -> None:
        self._definitions, self._sink, self._values = definitions, sink, values

    def __call__(self, rows: Iterable[Row]) -> None:
        found = list(rows)
        hits = [Hit(one.rule, one.about, one.number, one.t, json.loads(one.told)) for one in found if one.rule]
        meeting = Meeting(*compiled(self._definitions, self._values is not None))
        partial = sorted((one for one in found if not one.rule), key=lambda one: one.number)
        for _, some in groupby(partial, key=lambda one: one.number):
            together = list(some)
            seen = Seen(*json.loads(together[0].event))
            told = [json.loads(one.told) for one in together]
            hits += meeting.decide(seen, told)
            if self._values is not None:
                self._values(seen, {name: value for one in told for name, value in one.items()})
        if hits:
            sink = self._sink()
            try:
                sink.add(hits)
            finally:
                sink.close()


class OpenTable:
    """Makes the sink in a worker."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> HitTable:
        return HitTable(self._url)


def _claim(stream: Stream) -> str:
    """Writes down what the checkpoint is of, or checks it. Returns a name for the run."""
    pack = read_definitions(stream.definitions).pack
    shape = {
        "log": stream.place.name,
        "partitions": stream.place.partitions,
        "parts": stream.parts,
        "definitions": pack.reference,
        "digest": pack.digest,
    }
    path = stream.checkpoint / "nightlight.json"
    stream.checkpoint.mkdir(parents=True, exist_ok=True)
    if path.exists():
        there = json.loads(path.read_text())
        if there != shape:
            differs = ", ".join(name for name in shape if there.get(name) != shape[name])
            raise RefusedError(
                "checkpoint_differs",
                f"The checkpoint is of another stream: {differs}.",
                "Changed definitions get a checkpoint folder of their own and read the log from its beginning.",
            )
    else:
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(shape, indent=1))
        beside.replace(path)
    return f"{stream.checkpoint.resolve()}#{pack.digest}"
