"""Exported events come back in their order, each once, or are refused with what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightlight.adapters.parquet import event_files
from nightlight.adapters.parquet.event_files import EventFiles
from nightlight.adapters.parquet.labels import read_labels
from nightlight.adapters.parquet.row_groups import find_files
from nightlight.detect.batch import WindowsEngine
from nightlight.detect.windows import Windows
from nightlight.errors import RefusedError
from nightlight.flows.backtest import Replay
from tests.detect.packs import starter
from tests.detect.streams import START, columns_of, random_events

EVENTS = random_events(6_000, seed=11, step_ms=20_000)
ALL = columns_of(EVENTS)
Columns = dict[str, Any]


def part(first: int, last: int) -> Columns:
    return {name: column[first:last] for name, column in ALL.items()}


def written(folder: Path, *files: Columns, rows: int = 500) -> str:
    for place, columns in enumerate(files):
        pq.write_table(pa.table(columns), folder / f"part-{place}.parquet", row_group_size=rows)
    return str(folder)


def numbers(where: str, since: int = -(2**62), until: int = 2**62) -> list[int]:
    with EventFiles(where) as files:
        return [int(n) for batch in files.batches(since, until) for n in batch["number"]]


def test_row_groups_come_in_the_order_of_the_log_however_files_are_named(tmp_path: Path) -> None:
    where = written(tmp_path, part(3_000, 6_000), part(0, 3_000))
    assert numbers(where) == list(range(1, 6_001))


def test_a_range_is_cut_exactly(tmp_path: Path) -> None:
    where = written(tmp_path, ALL)
    since, until = EVENTS[1_111].t, EVENTS[4_321].t
    assert numbers(where, since, until) == [one.number for one in EVENTS if since <= one.t < until]
    with EventFiles(where) as files:
        assert files.accounts(since, until) == len({e.actor for e in EVENTS if since <= e.t < until} - {0})


def test_doubled_events_count_once_and_are_counted(tmp_path: Path) -> None:
    again = columns_of([])
    again = {name: np.concatenate([part(100, 150)[name], part(5_500, 5_600)[name]]) for name in again}
    again["number"] = again["number"] * 0 + np.arange(6_001, 6_151)
    again["t"] = np.full(150, EVENTS[-1].t)
    where = written(tmp_path, ALL, again)
    assert numbers(where) == list(range(1, 6_001))
    with EventFiles(where) as files:
        assert (files.span.events, files.span.doubled) == (6_000, 150)


def test_files_that_overlap_give_each_event_once(tmp_path: Path) -> None:
    where = written(tmp_path, part(0, 4_000), part(3_500, 6_000))
    assert numbers(where) == list(range(1, 6_001))
    with EventFiles(where) as files:
        assert (files.span.events, files.span.doubled) == (6_000, 500)


def test_an_event_doubled_from_before_the_range_stays_out(tmp_path: Path) -> None:
    again = part(10, 11)
    again = again | {"number": np.array([6_001]), "t": np.array([EVENTS[-1].t])}
    where = written(tmp_path, ALL, again)
    assert 6_001 not in numbers(where, EVENTS[3_000].t)


def test_a_backtest_of_doubled_events_is_that_of_the_events(tmp_path: Path) -> None:
    again = part(2_000, 2_600) | {"number": np.arange(6_001, 6_601), "t": np.full(600, EVENTS[-1].t)}
    clean, dirty = tmp_path / "clean", tmp_path / "dirty"
    for folder in (clean, dirty):
        folder.mkdir()
    results = []
    for where in (written(clean, ALL), written(dirty, ALL, again)):
        with EventFiles(where) as files:
            results.append(Replay(files, WindowsEngine).run([starter()]))
    assert results[0].a == results[1].a
    assert all(one.agreed for rule in results[1].a.rules for one in rule.examples)
    assert sum(len(rule.examples) for rule in results[1].a.rules) >= 20


def test_a_part_of_the_past_is_judged_with_full_windows(tmp_path: Path) -> None:
    """What came before --from is not counted, but still counts for features."""
    since, until = EVENTS[3_000].t, EVENTS[5_000].t
    windows, expected = Windows(starter()), 0
    for event in EVENTS:
        hits = windows.add(event)
        expected += len(hits) if since <= event.t < until else 0
    with EventFiles(written(tmp_path, ALL)) as files:
        result = Replay(files, WindowsEngine).run([starter()], since=since, until=until)
    assert sum(rule.hits for rule in result.a.rules) == expected > 0
    assert all(one.agreed for rule in result.a.rules for one in rule.examples)


def test_two_packs_side_by_side_are_each_what_they_are_alone(tmp_path: Path) -> None:
    with EventFiles(written(tmp_path, ALL)) as files:
        replay = Replay(files, WindowsEngine)
        both = replay.run([starter(), starter()])
        assert both.a == both.b == replay.run([starter()]).a
    assert both.signalled is not None
    assert (both.signalled.only_a, both.signalled.only_b, both.signalled.jaccard) == (0, 0, 1.0)


# Bad input


def without(name: str) -> Columns:
    return {key: column for key, column in ALL.items() if key != name}


def with_nulls(columns: Columns) -> Columns:
    return columns | {"actor": pa.array([None, *columns["actor"][1:].tolist()], pa.int64())}


def swapped(name: str) -> Columns:
    changed = ALL[name].copy()
    changed[[700, 701]] = changed[[701, 700]] if name == "number" else [changed[700], START - 5]
    return ALL | {name: changed}


@pytest.mark.parametrize(
    ("columns", "code", "said"),
    [
        (without("mutual"), "events_unfit", "no column mutual"),
        (ALL | {"kind": ALL["kind"].astype(np.int32)}, "events_unfit", "kind is int32, and has to be uint8"),
        (ALL | {"actor": np.array(["me"] * 6_000)}, "events_unfit", "actor is string"),
        (with_nulls(ALL), "events_unfit", "actor is empty in some rows"),
        (ALL | {"kind": np.full(6_000, 200, np.uint8)}, "events_unfit", "kind 200 means nothing"),
        (swapped("number"), "events_unsorted", "number 701 does not rise"),
        (swapped("t"), "events_unsorted", "at number 702 the time t falls"),
        ({name: column[:0] for name, column in ALL.items()}, "no_events", "no events"),
    ],
)
def test_what_is_no_export_is_refused_with_what_is_wrong(
    columns: Columns, code: str, said: str, tmp_path: Path
) -> None:
    where = written(tmp_path, columns)
    with pytest.raises(RefusedError, match=said) as refused:
        numbers(where)
    assert refused.value.code == code


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no, it is not")
    with pytest.raises(RefusedError, match="cannot be read as Parquet"):
        numbers(str(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no Parquet files"):
        find_files(str(tmp_path))


def test_labels_beside_the_events_are_not_read_as_events(tmp_path: Path) -> None:
    for name in ("events-1.parquet", "labels.parquet"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_files(str(tmp_path))] == ["events-1.parquet"]


def test_too_many_doubled_events_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_files, "DOUBLED_MAX", 99)
    where = written(tmp_path, part(0, 1_000), part(900, 2_000))
    with pytest.raises(RefusedError, match="stand there twice"):
        EventFiles(where)


@pytest.mark.parametrize(("since", "until"), [(START + 5, START + 5), (0, START), (START * 2, START * 3)])
def test_a_range_without_events_is_refused(since: int, until: int, tmp_path: Path) -> None:
    with EventFiles(written(tmp_path, part(0, 100))) as files, pytest.raises(RefusedError) as refused:
        Replay(files, WindowsEngine).run([starter()], since=since, until=until)
    assert refused.value.code == "time_range"


# Labels


def labels_of(tmp_path: Path, columns: dict[str, Sequence[Any]]) -> Path:
    pq.write_table(pa.table(columns), tmp_path / "labels.parquet")
    return tmp_path / "labels.parquet"


def test_labels_are_read(tmp_path: Path) -> None:
    found = read_labels(
        labels_of(tmp_path, {"account": [5, 6, 7], "strategy": ["", "ring", ""], "role": ["a", "b", "c"]})
    )
    assert found.judge({6, 7}).false_positives.whole == 2


@pytest.mark.parametrize("columns", [{"account": [1]}, {"account": ["x"], "strategy": [""]}])
def test_other_labels_are_refused(columns: dict[str, Sequence[Any]], tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        read_labels(labels_of(tmp_path, columns))
