"""`nightlight prevalence`: what was understood beside the results, every figure with what it rests on, or a refusal."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
from pathlib import Path

import pytest
from lxml import etree

from nightlight.cli.prevalence import Form, maker, show
from nightlight.cli.prevalence_data import HEAD, findings_csv
from nightlight.cli.prevalence_pictures import findings_picture
from nightlight.cli.results import print_picture, write_result
from nightlight.errors import RefusedError
from nightlight.insight.findings import By
from nightlight.insight.owner_groups import with_owners
from tests.cli.conftest import Run
from tests.cli.prevalence_answers import HOSTILE, OVERRIDE, OWNERS, YEARS, answered, findings
from tests.insight.answers import TABLE

pytest.importorskip("matplotlib")


def shown(capfd: pytest.CaptureFixture[str], form: Form, by: By | None = None, *owners: str) -> tuple[str, str]:
    show(answered(), with_owners(TABLE, owners), form, maker(form), None, by=by)
    said = capfd.readouterr()
    return said.out, said.err


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_results_go_to_standard_output_and_what_was_read_beside_them(capfd: pytest.CaptureFixture[str]) -> None:
    out, err = shown(capfd, Form.JSON, None, *OWNERS)
    said = json.loads(out)
    assert list(said)[:8] == ["offences", "known", "unknown", "forces", "platforms", "owners", "unmatched", "caveats"]
    assert [one["name"] for one in said["owners"]] == ["meta", "snap"]
    assert all(one["name"] == one["name"].lower() for one in said["platforms"])
    for told in ("northshire and southmere.csv: 1,234 rows, SHA-256 3f3f", "eastmoor.xlsx: 12 rows"):
        assert told in err
    assert "SHA-256" not in out


def test_the_table_says_every_figure_every_caveat_and_who_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(capfd, Form.TABLE)
    found = findings()
    words = " ".join(out.split())
    for caveat in (*found.whole.caveats, *(one for figure in found.whole.owners for one in figure.caveats)):
        assert " ".join(caveat.words.split()) in words
    for told in ("41.3 %", "39.7–43.0 %", "30.1 %", "Refused (1): Eastmoor", "Westvale", "Snapcaht", "6 apart"):
        assert told in words
    assert "\u202e" not in out
    assert "--by platform" in words


@pytest.mark.parametrize("by", list(By))
def test_parts_stand_beside_the_whole_in_the_table(by: By, capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(capfd, Form.TABLE, by)
    assert ("Changes, in percentage points" in out) == (by in (By.PERIOD, By.PLATFORM))
    for part in {By.PERIOD: map(str, YEARS), By.FORCE: ["Southmere", "Refused to answer"]}.get(by, ["snapchat"]):
        assert part in out


def test_every_figure_is_one_line_that_a_spreadsheet_reads_and_no_program_runs(
    capfd: pytest.CaptureFixture[str],
) -> None:
    out, _ = shown(capfd, Form.CSV, By.FORCE)
    rows = rows_of(out)
    assert tuple(rows[0]) == HEAD
    found = findings(By.FORCE)
    snapchat = next(one for one in found.whole.platforms if one.name == "snapchat")
    (row,) = (row for row in rows if row["name"] == "snapchat" and row["force"] == "all")
    assert float(row["share"]) == snapchat.share
    assert [float(row[name]) for name in ("low", "high", "least", "most")] == [
        snapchat.low, snapchat.high, snapchat.least, snapchat.most,
    ]  # fmt: skip
    assert (row["offences_low"], row["denominator_high"]) == ("1373", "3321")
    assert "unknown_platform" in row["caveats"].split(";")
    assert {row["kind"] for row in rows} == {"platform", "owner", "unknown", "refused"}
    assert "\u202e" not in out
    assert {row["force"] for row in rows} == {
        "all", "Northshire", "Southmere", "Eastmoor", "Westvale", "Kent⟦U+202E⟧txt.exe",
    }  # fmt: skip


def test_the_csv_of_every_part_adds_up_to_the_json() -> None:
    for by, column in ((By.PERIOD, "period"), (By.FORCE, "force")):
        rows = rows_of(findings_csv(findings(by)))
        unknown = {row[column]: int(row["offences_low"]) for row in rows if row["kind"] == "unknown"}
        assert unknown.pop("all") == sum(unknown.values()) == findings(by).as_json()["unknown"]


def test_by_platform_every_period_is_a_line() -> None:
    rows = [row for row in rows_of(findings_csv(findings(By.PLATFORM))) if row["name"] == "snapchat"]
    assert [row["period"] for row in rows] == ["all", *map(str, YEARS)]


def test_a_picture_is_a_file_that_stands_alone(capfd: pytest.CaptureFixture[str]) -> None:
    for by in (None, By.PLATFORM):
        out, _ = shown(capfd, Form.SVG, by)
        root = etree.fromstring(out.encode())
        title = root.findtext("{http://www.w3.org/2000/svg}title") or ""
        assert ("through the years" in title) == (by is By.PLATFORM)


def test_a_file_is_whole_or_not_there_and_a_folder_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")
    write_result(b"new", target)
    assert target.read_bytes() == b"new"
    for wrong in (tmp_path, tmp_path / "nowhere" / "out.csv", Path("/dev/null")):
        with pytest.raises(RefusedError) as caught:
            write_result(b"new", wrong)
        assert caught.value.code == "file_unwritable"
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]


def test_a_table_in_a_file_has_no_colours(tmp_path: Path) -> None:
    print_picture(findings_picture(findings()), tmp_path / "out.txt")
    assert "snapchat" in (tmp_path / "out.txt").read_text()
    assert "\x1b" not in (tmp_path / "out.txt").read_text()


def test_a_terminal_gets_no_bytes_that_it_cannot_show(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours):
        monkeypatch.setattr("sys.stdout", terminal)
        with pytest.raises(RefusedError, match="terminal"):
            write_result(b"%PDF-", None, for_people=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x.csv", "--owner", "meta=fqcebook"], "not in the table of platforms"),
        (["--owner", "meta", "x.csv"], "not an owner"),
        (["x.csv", "--period", "last year"], "not a period"),
        (["x.csv", "--platforms", "missing.yaml"], "cannot be read"),
        (["x.csv", "--mapping", "missing.yaml"], "cannot be read"),
        (["x.csv", "y.csv", "z.csv", "--mapping", "m.yaml", "--mapping", "m.yaml"], "2 files with --mapping"),
        (["published", "missing.csv"], "cannot be read"),
        (["published", "m.yaml"], "m.yaml"),
    ],
)
def test_a_call_that_cannot_work_is_refused_before_anything_is_read(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "m.yaml").write_text("")
    done = run("prevalence", *arguments)
    assert (done.returncode, words in " ".join(done.stderr.split())) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_of_platforms_with_a_mistake_is_refused_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "format: nightlight-platforms/1\nunknown: []\nunnamed: []\nplatforms: [{nam: x}]\n"
    )
    done = run("prevalence", "x.csv", "--platforms", "mine.yaml")
    assert done.returncode == 1
    assert "mine.yaml" in done.stderr
    assert "4" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["x.csv", "--help"], ["--by", "period", "--help"]])
def test_help_shows_the_options_of_files_and_the_commands_beside(run: Run, arguments: list[str]) -> None:
    done = run("prevalence", *arguments)
    words = " ".join((done.stdout + done.stderr).split())
    for told in ("--owner", "--by", "--format", "--mapping", "DATA"):
        assert told in words
    assert "prevalence files" not in words


def test_whatever_was_called_as_a_program_stays_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    assert HOSTILE.startswith("<script>")
    assert "\u202e" in OVERRIDE
    out, err = shown(capfd, Form.TABLE, By.FORCE)
    assert "<script>" in out
    assert "\u202e" not in out + err
