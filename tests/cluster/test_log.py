"""The log on a real NATS server: each group once and in its place, no gap is ever read over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("nats")

import pyarrow as pa
from nats.js.api import Header
from typer.testing import CliRunner

from nightlight.adapters.jetstream import server
from nightlight.adapters.jetstream.groups import GROUP, groups_of, read_group, write_group
from nightlight.adapters.jetstream.log import Reach, publish, put_group, reach, read_groups
from nightlight.adapters.jetstream.server import LogPlace
from nightlight.cli.main import app
from nightlight.errors import RefusedError, UnavailableError
from tests.cluster.nats_server import serving
from tests.cluster.traffic import traffic


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("nats")) as address:
        yield address


def whole(place: LogPlace) -> pa.Table:
    return pa.Table.from_batches([events for _, events in read_groups(place, range(reach(place).groups))])


def test_what_is_published_is_read_in_its_order(url: str) -> None:
    place, events = LogPlace(url, "order", 3), traffic(7_300, seed=1)
    done = publish(place, iter([events.slice(0, 1_234), events.slice(1_234)]))
    assert (done.groups, done.events, done.again) == (8, 7_300, 0)
    assert reach(place) == Reach(8, events.column("number")[-1].as_py())
    assert whole(place) == pa.Table.from_batches([events])


def test_publishing_goes_on_where_the_log_ends(url: str) -> None:
    place, events = LogPlace(url, "resumed", 2), traffic(5_000, seed=2)
    publish(place, iter([events.slice(0, 2_500)]))
    assert publish(place, iter([events])).events == 2_500
    assert publish(place, iter([events])).events == 0
    assert whole(place) == pa.Table.from_batches([events])


def test_a_group_published_twice_is_flagged_and_stands_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, events = LogPlace(url, "twice", 2), traffic(4 * GROUP, seed=3)
    publish(place, iter([events]))
    assert put_group(place, 3, events.slice(3 * GROUP)) is True
    # Also where JetStream has forgotten the message's id long ago.
    monkeypatch.setattr(Header.MSG_ID, "_value_", "Other-Id")
    assert put_group(place, 1, events.slice(GROUP, GROUP)) is True
    assert whole(place) == pa.Table.from_batches([events])


def test_two_publishers_cannot_put_different_events_in_one_place(url: str) -> None:
    place, events = LogPlace(url, "conflict", 2), traffic(3 * GROUP, seed=4)
    publish(place, iter([events.slice(0, GROUP)]))
    with pytest.raises(RefusedError) as refused:
        put_group(place, 0, events.slice(5, GROUP))
    assert refused.value.code == "log_conflict"


def test_a_gap_ends_what_is_read_until_it_is_filled(url: str) -> None:
    """A publisher that died between two partitions: later groups are there, and wait."""
    place, events = LogPlace(url, "gap", 3), traffic(4 * GROUP, seed=5)
    publish(place, iter([events.slice(0, GROUP)]))
    put_group(place, 2, events.slice(2 * GROUP, GROUP))
    assert reach(place).groups == 1
    again = publish(place, iter([events]))
    assert (again.groups, again.again) == (3, 1)
    assert whole(place) == pa.Table.from_batches([events])


def test_fewer_partitions_than_the_log_was_made_with_are_refused(url: str) -> None:
    publish(LogPlace(url, "shape", 3), iter([traffic(10, seed=6)]))
    with pytest.raises(RefusedError, match="more than 2 partitions"):
        publish(LogPlace(url, "shape", 2), iter([traffic(10, seed=6)]))
    with pytest.raises(UnavailableError, match="no log shape with 4"):
        reach(LogPlace(url, "shape", 4))


def test_a_server_that_is_away_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"NATS does not answer at 127\.0\.0\.1:9 ") as away:
        reach(LogPlace("nats://user:secret@127.0.0.1:9"))
    assert "secret" not in away.value.message
    assert away.value.retry


@pytest.mark.parametrize("change", ["number", "t"])
def test_events_out_of_order_are_not_published(change: str) -> None:
    events = traffic(20, seed=7)
    values = events.column(change).to_pylist()
    values[10] = values[9] - 1
    table = events.set_column(events.schema.get_field_index(change), change, pa.array(values))
    with pytest.raises(RefusedError, match=f'"{change}"'):
        list(groups_of(iter([table]), -1))


def test_a_message_that_is_no_group_is_refused() -> None:
    data = write_group(traffic(20, seed=8))
    assert read_group(data).num_rows == 20
    for broken in (b"", b"{}", data[: len(data) // 2]):
        with pytest.raises(RefusedError, match="group"):
            read_group(broken)
    with pytest.raises(RefusedError, match="no column"):
        list(groups_of(iter([pa.RecordBatch.from_pydict({"number": [1]})]), -1))


@pytest.mark.parametrize("wrong", [{"url": "http://x"}, {"partitions": 0}, {"name": "a b"}])
def test_a_place_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        server.LogPlace(**{"url": "nats://localhost", **wrong})  # type: ignore[arg-type]


def test_a_towns_folder_is_published_by_the_command_without_its_labels(url: str, tmp_path: Path) -> None:
    commands, town = CliRunner(), tmp_path / "town"
    made = commands.invoke(app, ["town", "generate", "--events", "5000", "--days", "10", "--out", str(town)])
    assert made.exit_code == 0, made.output
    assert (town / "labels.parquet").exists()
    words = ["stream", "publish", str(town), "--nats", url, "--log", "town", "--partitions", "2"]
    done = commands.invoke(app, words)
    assert done.exit_code == 0, done.output
    assert reach(LogPlace(url, "town", 2)).number == 5_000
    again = commands.invoke(app, words)
    assert again.exit_code == 0, again.output
    assert "0 events in 0 groups published" in " ".join(again.output.split())


def test_what_is_no_events_file_is_refused_by_the_command(url: str, tmp_path: Path) -> None:
    (tmp_path / "events-0.parquet").write_bytes(b"PAR1 and then nothing")
    refused = CliRunner().invoke(app, ["stream", "publish", str(tmp_path), "--nats", url, "--log", "none"])
    assert isinstance(refused.exception, RefusedError)
    assert refused.exception.code == "events_unreadable"
