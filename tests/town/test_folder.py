"""A town on disk: the same bytes from the same seed, labels apart, unfinished where it was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from nightlight.detect.columns import COLUMNS
from nightlight.errors import RefusedError
from nightlight.town import folder
from nightlight.town.keyed_numbers import What, keyed_numbers
from nightlight.town.life import Town
from tests.town.small_town import parameters

SMALL = parameters(events=12_000, people=200, days=30, harmful=0.05)


def written(where: Path, *, block_rows: int = 1_000) -> Path:
    folder.prepare(where, SMALL, force=False)
    folder.write_town(SMALL, where, lambda _rows: None, block_rows=block_rows)
    return where


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("town") / "one")


def test_same_seed_same_bytes(town: Path, tmp_path: Path) -> None:
    again = written(tmp_path / "again")
    names = sorted(path.name for path in town.iterdir())
    assert names == ["README.md", "events-00000.parquet", "events-00001.parquet", "labels.parquet", "town.json"]
    for name in names:
        assert (again / name).read_bytes() == (town / name).read_bytes(), name


def test_files_go_on_where_the_one_before_ended(town: Path) -> None:
    tables = [pq.read_table(path) for path in sorted(town.glob(folder.EVENTS))]
    assert [table.num_rows for table in tables] == [10_000, 2_000]
    for table in tables:
        assert table.schema.names == [column.name for column in COLUMNS]
        assert [str(field.type) for field in table.schema] == [column.dtype for column in COLUMNS]
    numbers = [number for table in tables for number in table["number"].to_pylist()]
    assert numbers == list(range(1, 12_001))
    assert pq.ParquetFile(town / "events-00000.parquet").num_row_groups == 10


def test_labels_name_every_account_and_events_hold_none_of_them(town: Path) -> None:
    labels = pq.read_table(town / folder.LABELS)
    accounts = labels["account"].to_pylist()
    assert len(accounts) == len(set(accounts))
    acting = set[int]()
    for path in town.glob(folder.EVENTS):
        table = pq.read_table(path)
        assert not {"role", "strategy", "ring"} & set(table.schema.names)
        acting |= {*table["actor"].to_pylist(), *table["target"].to_pylist()} - {0}
    assert acting <= set(accounts)
    assert set(labels["human"].to_pylist()) <= set(accounts)
    rows = labels.to_pylist()
    assert {row["strategy"] for row in rows if row["role"] == "harmful"} == {
        *("mass_asker", "slow_asker", "room_goer", "ban_evader", "ring", "false_age")
    }
    assert not any(row["strategy"] for row in rows if row["role"] != "harmful")
    assert all((row["ring"] > 0) == (row["strategy"] == "ring") for row in rows)
    assert "never for finding" in (town / folder.README).read_text()


def test_summary_says_seed_counts_and_limits(town: Path) -> None:
    summary = folder.read_summary(town)
    assert summary["parameters"]["seed"] == 1
    assert summary["events"] == sum(summary["by_kind"].values()) == sum(summary["by_actor_band"].values()) == 12_000
    assert "not measured" in summary["limits"]
    assert "strategy" not in json.dumps(summary["by_kind"])


def test_a_folder_with_something_in_it_is_refused_and_kept(town: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="not empty"):
        folder.prepare(town, SMALL, force=False)
    assert (town / folder.SUMMARY).exists()
    mine = tmp_path / "mine"
    shutil.copytree(town, mine)
    (mine / "letters.txt").write_text("mine")
    with pytest.raises(RefusedError, match=r"letters\.txt"):
        folder.prepare(mine, SMALL, force=True)
    assert (mine / folder.SUMMARY).exists()
    (mine / "letters.txt").unlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / "README.md").write_text("mine")
    with pytest.raises(RefusedError, match="no town"):
        folder.prepare(other, SMALL, force=True)
    assert (other / "README.md").read_text() == "mine"
    folder.prepare(mine, SMALL, force=True)
    assert list(mine.iterdir()) == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 1_000))
    with pytest.raises(RefusedError) as refused:
        folder.prepare(tmp_path / "new", SMALL, force=False)
    assert refused.value.code == "town_disk"
    assert list((tmp_path / "new").iterdir()) == []


def test_a_town_that_was_stopped_says_so(tmp_path: Path) -> None:
    def stop(rows: int) -> None:
        if rows > 3_000:
            raise KeyboardInterrupt

    folder.prepare(tmp_path, SMALL, force=False)
    with pytest.raises(KeyboardInterrupt):
        folder.write_town(SMALL, tmp_path, stop, block_rows=1_000)
    assert not (tmp_path / folder.SUMMARY).exists()
    assert (tmp_path / folder.UNFINISHED).exists()
    with pytest.raises(RefusedError) as refused:
        folder.read_summary(tmp_path)
    assert refused.value.code == "town_unfinished"
    assert "stopped" in refused.value.hint
    folder.prepare(tmp_path, SMALL, force=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "other"}'])
def test_a_summary_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / folder.SUMMARY).write_text(text)
    with pytest.raises(RefusedError) as refused:
        folder.read_summary(tmp_path)
    assert refused.value.code == "town_unreadable"


def test_labels_are_of_the_town_as_it_ended(town: Path) -> None:
    made = Town(SMALL)
    for _ in made.blocks():
        pass
    accounts = keyed_numbers(What.ACCOUNT, np.arange(len(made.world.people)), SMALL.seed).tolist()
    assert pq.read_table(town / folder.LABELS)["account"].to_pylist() == accounts
    assert sum(count for name, count in folder.read_roles(town).items() if name.startswith("role")) == len(accounts)
