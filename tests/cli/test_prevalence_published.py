"""`nightlight prevalence published`: what does not follow is named first, whatever else is in the table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

HEAD = "period,offence_group,total_recorded,platform_known,platform,count,published_share_pct,forces,source_url\n"


def test_the_table_that_comes_along_is_audited_and_what_does_not_follow_comes_first(run: Run) -> None:
    done = run("prevalence", "published")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert words.index("Do not follow") < words.index("Follow from their counts")
    assert words.index("9,477, another 9,360") < words.index("3,203 of 5,784 are 55.4 %; printed: 55 %")
    assert "482 of 877 are 55.0 %" in words
    assert run("prevalence", "published", "--strict").returncode == 1


def test_json_and_csv_say_the_same(run: Run, tmp_path: Path) -> None:
    said = json.loads(run("prevalence", "published", "--format", "json").stdout)
    assert said["format"] == "nightlight-published/1"
    assert run("prevalence", "published", "--format", "csv", "--out", "audit.csv").returncode == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "audit.csv").read_text(), newline="")))
    assert [(row["figure"], row["verdict"], int(row["line"])) for row in rows] == [
        (one["figure"], one["verdict"], one["line"]) for one in said["findings"]
    ]
    assert sum(said["counts"].values()) == len(rows)
    assert {one["verdict"] for one in said["findings"][: said["counts"]["does_not_follow"]]} == {"does_not_follow"}


def test_a_table_of_somebody_else_is_audited_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        "\ufeff" + HEAD + "2020,g,200,100,=SUM(A1),60,50,1,=cmd\n2020,g,200,100,kik,50,50,1,same\n"
    )
    done = run("prevalence", "published", "mine.csv", "--format", "csv", "--strict")
    assert done.returncode == 1
    rows = list(csv.reader(io.StringIO(done.stdout, newline="")))
    assert rows[1][1].startswith("'=SUM(A1)")
    assert rows[1][-1] == "'=cmd"
    assert [row[2] for row in rows[1:]] == ["does_not_follow", "follows"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD.encode(),
        b"%PDF-1.7\n\xff\xfe\x00",
        b"a,b\n1,2\n",
        (HEAD + "2020,g\n").encode(),
        (HEAD + f"2020,g,,,kik,{'9' * 200_000},,,\n").encode(),
        (HEAD + "2020,g,,,kik,-1,,,\n").encode(),
    ],
)
def test_a_table_that_is_none_is_refused(run: Run, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "wrong.csv").write_bytes(data)
    done = run("prevalence", "published", "wrong.csv")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("Refused:")
