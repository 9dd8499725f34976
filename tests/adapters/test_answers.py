"""Files of forces, told by their content: text in any encoding, refusals that say what it is, nothing taken twice."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from nightlight.adapters.answers.limits import Limits
from nightlight.adapters.answers.read import read_answers
from nightlight.errors import RefusedError
from nightlight.insight.period import UNSTATED
from nightlight.insight.reading import Answered
from nightlight.insight.shares import Shares, shares_of
from nightlight.insight.span import exactly
from tests.insight.answers import TABLE

OFFENCES = "Police force,Platform(s) used\nNorthshire,FB; Insta\nNorthshire,Café\nNorthshire,\n"


def take(*paths: Path, **more: object) -> tuple[Answered, list[str]]:
    said: list[str] = []
    return read_answers(paths, TABLE, tell=said.append, **more), said  # type: ignore[arg-type]


def shares(*paths: Path) -> Shares:
    return shares_of(take(*paths)[0].offences.tally(), TABLE)


def refused(*paths: Path, **more: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        take(*paths, **more)
    return caught.value


def written(folder: Path, content: str | bytes, name: str = "answer.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_is_read_in_every_encoding_and_with_every_end_of_line(tmp_path: Path, encoding: str, end: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    path = written(tmp_path, (mark + OFFENCES.replace("\n", end)).encode(encoding))
    found = shares(path)
    assert (found.offences, found.unknown) == (exactly(3), exactly(1))
    assert [one.text for one in found.unmatched] == ["Café"]


def test_lines_of_two_encodings_are_each_read_as_what_they_are_and_that_is_told(tmp_path: Path) -> None:
    text = OFFENCES.encode() + "Northshire,Müsli\n".encode("cp1252")
    answered, said = take(written(tmp_path, text))
    assert {"Café", "Müsli"} == set(answered.offences.tally().unmatched)
    assert any("1 lines were read as UTF-8 and 1 as Windows-1252" in line for line in said)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_mark_between_cells_is_found(tmp_path: Path, mark: str) -> None:
    rows = ["An answer, with a title", "", "Force|Platform|Count", "N|FB|3", 'N|"Blurb or so"|4', "S|Kik|1,234"]
    text = "\n".join(row.replace("|", mark) if mark != "," else row.replace("|", ",") for row in rows)
    text = text.replace("1,234", '"1,234"')
    assert shares(written(tmp_path, text)).offences.low >= 1234


def test_what_was_understood_is_told_and_kept(tmp_path: Path) -> None:
    path = written(tmp_path, OFFENCES)
    answered, said = take(path)
    (reading,) = answered.readings
    assert reading.name == "answer.csv"
    assert reading.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert reading.rows == 3
    assert [(one.header, one.role) for one in reading.columns] == [
        ("Police force", "force"),
        ("Platform(s) used", "platforms"),
    ]
    assert any('"Police force" is force' in line for line in said)
    assert {one.code for one in reading.caveats} == {"period_not_stated"}
    assert {place.period for place in answered.offences.places} == {UNSTATED}


PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as folder:
        for name, content in parts.items():
            folder.writestr(name.replace("__", "/"), content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b" \r\n\r\n", "file_empty"),
        (bytes(500), "file_empty"),
        (b"%PDF-1.7\n%\xe2\xe3", "file_is_pdf"),
        (b"\n\n%PDF-1.7\n", "file_is_pdf"),
        (PNG, "file_is_image"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "file_is_image"),
        (b"<!DOCTYPE html><html><table>", "file_is_page"),
        (b"\xef\xbb\xbf\n<HTML xmlns:x='y'>", "file_is_page"),
        ("<html>".encode("utf-16"), "file_is_page"),
        (b'<?xml version="1.0"?><Workbook>', "file_is_xml"),
        (b"{\\rtf1 Force,Platform}", "file_is_document"),
        (gzip.compress(OFFENCES.encode()), "file_is_packed"),
        (zipped(a=b"b"), "file_is_packed"),
        (zipped(**{"word__document.xml": b"x"}), "file_is_document"),
        (zipped(**{"xl__workbook.bin": b"x"}), "file_is_xlsb"),
        (b"SQLite format 3\x00" + bytes(50), "file_is_binary"),
        (b"Force,Platform\nN,\x00\x01\x02\n", "file_is_binary"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "file_is_document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "file_is_encrypted"),
        (b"\x81\x8d\x8f\nForce,Platform\n", "text_undecodable"),
        (b"To whom it may concern,\nwe hold nothing, sorry.\n", "no_table"),
        (b'Force,Platform\nN,"FB\nS,Kik\n', "text_malformed"),
        (b'Force,Platform\nN,"FB"x\n', "text_malformed"),
        (b"Force,Platform\nN," + b"x" * 2_000_000, "line_too_long"),
        (b"Force,Platform\nN,FB\nN," + b"\x00,\n", "file_is_binary"),
        (b"," * 1_000_000 + b"\nForce,Platform\n", "too_many_columns"),
        (b"Force,Platform\n" + b"," * 5_000 + b"\n", "too_many_columns"),
        ("\ufeffForce".encode("utf-16-le") + b"\x00", "text_undecodable"),
    ],
)
def test_what_is_no_table_says_what_it_is_and_what_to_do(tmp_path: Path, content: bytes, code: str) -> None:
    found = refused(written(tmp_path, content))
    assert found.code == code
    assert "answer.csv" in found.message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.csv").code == "file_unreadable"
    assert refused(tmp_path).code == "file_unreadable"


def test_the_same_file_under_two_names_is_refused_with_both(tmp_path: Path) -> None:
    one, other = written(tmp_path, OFFENCES), written(tmp_path, OFFENCES, "copy.csv")
    found = refused(one, other)
    assert found.code == "file_twice"
    assert "answer.csv" in found.message
    assert "copy.csv" in found.message
    assert refused(one, one).code == "file_twice"


def test_the_same_force_in_two_files_is_refused_with_both(tmp_path: Path) -> None:
    one = written(tmp_path, "Force,Year,Platform\nNORTHSHIRE,2019/20,FB\n", "one.csv")
    other = written(tmp_path, "Force,Year,Platform\nNorthshire Police,2019-20,Kik\n", "other.csv")
    found = refused(one, other)
    assert found.code == "force_twice"
    assert "one.csv" in found.message
    assert "other.csv" in found.message


def test_overlapping_periods_in_two_files_are_read_and_not_added_up(tmp_path: Path) -> None:
    one = written(tmp_path, "Force,Year,Platform\nNorthshire,2019/20,FB\n", "one.csv")
    other = written(tmp_path, "Force,Year,Platform\nNorthshire,2019,Kik\n", "other.csv")
    answered, _ = take(one, other)
    found = shares_of(answered.offences.tally(), TABLE)
    assert [one.code for one in found.refusals] == ["periods_overlap"]
    (year,) = {place.period for place in answered.offences.places if str(place.period) == "2019-01/2019-12"}
    assert shares_of(answered.offences.tally(year), TABLE).platforms[0].name == "kik"


def test_one_name_for_a_force_through_all_files(tmp_path: Path) -> None:
    one = written(tmp_path, "Force,Year,Platform\nNORTHSHIRE POLICE,2018/19,FB\n", "one.csv")
    other = written(tmp_path, "Force,Year,Platform\nNorthshire,2019/20,Kik\n", "other.csv")
    assert shares(one, other).forces == 1


def test_a_mapping_beside_the_data_is_taken_and_told(tmp_path: Path) -> None:
    path = written(tmp_path, "Platform\nFB\n")
    written(tmp_path, "format: nightlight-mapping/1\nforce: Southmere\nperiod: 2019/20\n", "answer.csv.mapping.yaml")
    answered, said = take(path)
    assert {str(place) for place in answered.offences.places} == {"Southmere, 2019-04/2020-03, all offences"}
    assert "answer.csv: read as answer.csv.mapping.yaml says." in said
    given, _ = take(path, mappings={path: b"format: nightlight-mapping/1\nforce: Westshire\n"})
    assert {place.force for place in given.offences.places} == {"Westshire"}


def test_a_mapping_that_is_malformed_is_refused_with_every_mistake(tmp_path: Path) -> None:
    path = written(tmp_path, OFFENCES)
    written(tmp_path, "format: nightlight-mapping/1\ndates: soon\nskip: x\n", "answer.csv.mapping.yaml")
    found = refused(path)
    assert found.code == "mapping_malformed"
    assert "line 2" in found.message
    assert "line 3" in found.message


def test_refusals_of_values_name_file_line_and_column(tmp_path: Path) -> None:
    found = refused(written(tmp_path, 'Force,Facebook,Insta\n"N\nN",1,2\nS,3,-4\n'))
    assert found.code == "count_malformed"
    assert 'answer.csv, line 4: "Insta"' in found.message


def test_a_name_that_looks_like_a_pattern_or_an_address_is_a_name(tmp_path: Path) -> None:
    limits = Limits(counted_bytes=1)
    for name in ("*.csv", "[a].csv", "it's.csv", "a?.csv"):
        written(tmp_path, OFFENCES + "Southmere,Kik\n", name)
    for name in ("*.csv", "[a].csv", "it's.csv", "a?.csv"):
        answered, _ = take(tmp_path / name, limits=limits)
        assert answered.readings[0].rows == 4


def test_tables_of_counts_are_bounded(tmp_path: Path) -> None:
    path = written(tmp_path, "Force,Platform,Count\n" + "".join(f"N,FB {n},1\n" for n in range(50)))
    assert refused(path, limits=Limits(count_lines=20)).code == "too_many_lines"
    assert refused(path, limits=Limits(lines=20)).code == "too_many_lines"
    assert refused(path, limits=Limits(text_bytes=20)).code == "file_too_large"
