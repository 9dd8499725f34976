"""Spark says what the live engine says, about every one of a million events: late, doubled, tied, on edges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from nightlight.adapters.jetstream.groups import SCHEMA
from nightlight.adapters.jetstream.log import publish
from nightlight.adapters.jetstream.server import LogPlace
from nightlight.adapters.parquet.event_files import EventFiles
from nightlight.adapters.spark.job import OpenTable, Stream, session, start, wait
from nightlight.adapters.spark.signals import HitTable
from nightlight.detect.compiled import Engine
from nightlight.detect.windows import Hit
from tests.cluster.nats_server import serving
from tests.cluster.spark_workers import find_the_tests
from tests.detect.million import million, written
from tests.detect.packs import starter, starter_bytes


def key(hit: Hit) -> tuple[int, str, int]:
    return hit.number, hit.rule, hit.about


def test_spark_is_the_live_engine_at_every_one_of_a_million_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_the_tests(monkeypatch)
    url_of_hits = f"sqlite:///{tmp_path}/hits.sqlite3"
    table = HitTable(url_of_hits)
    table.make()
    engine = Engine.new(starter(), salt=11)
    expected: list[Hit] = []
    with EventFiles(str(written(million(), tmp_path / "events"))) as files, serving(tmp_path / "nats") as url:
        place = LogPlace(url, "million", 2)

        def batches() -> Iterator[pa.RecordBatch]:
            for columns in files.batches(0, 2**62):
                expected.extend(engine.add_batch(columns))
                yield pa.RecordBatch.from_pydict(dict(columns), schema=SCHEMA)

        published = publish(place, batches())
        assert published.events == files.span.events
        sink = OpenTable(url_of_hits)
        stream = Stream(place, starter_bytes(), tmp_path / "checkpoint", sink, parts=2, batch=250_000)
        spark = session(stream)
        try:
            wait(start(spark, stream, once=True))
        finally:
            spark.stop()
    found = sorted(table.read(), key=key)
    assert len(expected) > 10_000
    assert len({hit.rule for hit in expected}) == len(starter().rules)
    assert found == sorted(expected, key=key)  # values of the features among it
