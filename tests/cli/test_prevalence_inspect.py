"""``nightlight prevalence inspect``: what was understood is shown, and the mapping it writes is a person's to keep."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from nightlight.cli.output import console
from nightlight.cli.prevalence_inspect import inspect_command
from nightlight.errors import RefusedError
from nightlight.insight.mapping import read_mapping

app = typer.Typer()
app.command()(inspect_command)

TABLE = """Online offences by platform,,,,
Force,Facebook,Snapcaht,Not known,Total
Northshire,"1,234*",3,10,1300
NORTHSHIRE EAST,6,0,4,10
Eastshire,Refused,,,
* provisional,,,,
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 200)
    monkeypatch.setattr(console, "_height", 50)


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    path = tmp_path / "answer.csv"
    path.write_text(TABLE)
    return path


def test_every_column_is_shown_with_its_cells_its_meaning_and_why(
    answer: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inspect_command([answer])
    said = capfd.readouterr().err
    assert "one column for each platform; the header is line 2" in said
    for words in ("Northshire · NORTHSHIRE EAST", "count, facebook", "the platform facebook", "counts under a name"):
        assert words in said
    for words in ("53 too many", "footnote marks taken off numbers", "snapchat", "* provisional"):
        assert words in said


def test_the_mapping_is_written_beside_the_data_and_can_be_read(answer: Path) -> None:
    assert run(answer).exit_code == 0
    beside = answer.with_name("answer.csv.mapping.yaml")
    mapping = read_mapping(beside.read_bytes())
    assert mapping.header == (2,)
    assert [column.role for column in mapping.columns] == ["force", "count", "count", "unknown", "sum"]
    assert "# suppressed_max: 4" in beside.read_text()


def test_what_a_person_wrote_is_not_overwritten_without_being_asked(answer: Path) -> None:
    beside = answer.with_name("answer.csv.mapping.yaml")
    mine = "format: nightlight-mapping/1\nperiod: 2019/20\n"
    beside.write_text(mine)
    assert run(answer).exit_code == 0
    assert beside.read_text() == mine
    assert run(answer, "--force").exit_code == 0
    assert beside.read_text() != mine


def test_stdout_prints_the_mapping_and_writes_nothing(answer: Path) -> None:
    result = run(answer, "--stdout")
    assert read_mapping(result.stdout.encode()).header == (2,)
    assert not answer.with_name("answer.csv.mapping.yaml").exists()


def test_a_file_that_cannot_be_read_yet_is_shown_and_gets_a_mapping_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("Force,Facebook,Kik\nN,*,2\n")
    result = run(path)
    assert isinstance(result.exception, RefusedError)
    assert "suppressed_max" in result.exception.hint
    beside = path.with_name("answer.csv.mapping.yaml")
    beside.write_text(beside.read_text().replace("# suppressed_max: 4", "suppressed_max: 4"))
    assert run(path).exit_code == 0


def test_a_file_whose_columns_say_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("Name,Age\nA,12\n")
    result = run(path)
    assert isinstance(result.exception, RefusedError)
    assert result.exception.code == "no_table"
    assert not path.with_name("answer.csv.mapping.yaml").exists()


def test_names_of_a_stranger_are_no_markup_and_no_control_characters(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("Force,Platform,[bold]x\x1b[31m\n[red]N,[link=file:///]FB\x1b]0;x\x07,1\n")
    inspect_command([path])
    said = capfd.readouterr().err
    assert "\x1b" not in said
    assert "[bold]x" in said
