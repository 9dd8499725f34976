"""Workbooks of forces: XLSX, XLS and ODS with merged cells, dates and several sheets; and those made to do harm."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import xlwt
from lxml import etree

from nightlight.adapters.answers.limits import Limits
from nightlight.adapters.answers.read import read_answers
from nightlight.adapters.answers.workbook import read_workbook
from nightlight.errors import RefusedError
from nightlight.insight.reading import Answered
from nightlight.insight.span import exactly
from tests.insight.answers import TABLE

ROWS: list[list[object]] = [
    ["Online offences, by platform", None, None, None],
    [],
    ["Force", "Date recorded", "Platform", "Remarks"],
    ["Northshire", date(2019, 10, 3), "FB; Insta", None],
    ["Southmere", date(2020, 3, 31), "snap chat", "see below"],
    ["Southmere", date(2020, 4, 1), None, None],
    ["Note: provisional", None, None, None],
]


def take(path: Path, **more: object) -> tuple[Answered, list[str]]:
    said: list[str] = []
    return read_answers([path], TABLE, tell=said.append, **more), said  # type: ignore[arg-type]


def refused(path: Path, **more: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        take(path, **more)
    return caught.value


def xlsx(path: Path, rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def xls(path: Path, rows: list[list[object]]) -> Path:
    book = xlwt.Workbook()
    sheet, day = book.add_sheet("Data"), xlwt.easyxf(num_format_str="dd/mm/yyyy")
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(number, column, cell, *([day] if isinstance(cell, date) else []))
    book.save(str(path))
    return path


def ods(path: Path, rows: list[list[object]]) -> Path:
    """As OpenDocument 1.3 has it, part 3, 9.1: no more than a reader needs."""
    office, table, text = (f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0" for name in ("office", "table", "text"))
    root = etree.Element(f"{{{office}}}document-content", nsmap={"office": office, "table": table, "text": text})
    body = etree.SubElement(etree.SubElement(root, f"{{{office}}}body"), f"{{{office}}}spreadsheet")
    sheet = etree.SubElement(body, f"{{{table}}}table", {f"{{{table}}}name": "Data"})
    for row in rows:
        line = etree.SubElement(sheet, f"{{{table}}}table-row")
        for cell in row:
            made = etree.SubElement(line, f"{{{table}}}table-cell")
            if isinstance(cell, date):
                made.set(f"{{{office}}}value-type", "date")
                made.set(f"{{{office}}}date-value", cell.isoformat())
            elif isinstance(cell, int | float):
                made.set(f"{{{office}}}value-type", "float")
                made.set(f"{{{office}}}value", str(cell))
            elif cell:
                made.set(f"{{{office}}}value-type", "string")
                etree.SubElement(made, f"{{{text}}}p").text = str(cell)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr("META-INF/manifest.xml", "<manifest/>")
        file.writestr("content.xml", etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
    return path


Writer = Callable[[Path, list[list[object]]], Path]


@pytest.mark.parametrize("write", [xlsx, xls, ods])
def test_workbooks_of_three_kinds_say_the_same(tmp_path: Path, write: Writer) -> None:
    # The name says something else: the content counts.
    answered, said = take(write(tmp_path / "answer.csv", ROWS))
    tally = answered.offences.tally()
    assert (tally.offences, tally.unknown) == (exactly(3), exactly(1))
    assert {str(place.period) for place in answered.offences.places} == {"2019-04/2020-03", "2020-04/2021-03"}
    assert any("line 7" in line and "Note: provisional" in line for line in said)


@pytest.mark.parametrize("write", [xlsx, xls, ods])
@pytest.mark.parametrize(("cell", "said"), [(1.5, "a fraction"), (-5, "below zero"), ("n.k.?", "not a count")])
def test_counts_of_workbooks_are_refused_with_their_line(
    tmp_path: Path, write: Writer, cell: object, said: str
) -> None:
    rows: list[list[object]] = [["Force", "Facebook", "Kik"], ["Northshire", 1, 2], ["Southmere", cell, 3]]
    found = refused(write(tmp_path / "answer", rows))
    assert found.code == "count_malformed"
    assert 'line 3: "Facebook"' in found.message
    assert said in found.message


def test_a_fraction_is_none_even_where_a_point_parts_thousands(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", [["Force", "Facebook", "Kik"], ["N", "1.234", 2], ["S", 1.234, 3]])
    (tmp_path / "a.xlsx.mapping.yaml").write_text("format: nightlight-mapping/1\nthousands: point\n")
    found = refused(path)
    assert "line 3" in found.message
    assert "a fraction" in found.message


def test_a_number_of_a_spreadsheet_is_no_date(tmp_path: Path) -> None:
    found = refused(xlsx(tmp_path / "a.xlsx", [["Force", "Date", "Platform"], ["N", 43741, "FB"]]))
    assert found.code == "period_malformed"
    assert "lost its format" in found.hint


def test_merged_cells_of_a_header_and_of_lines(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Force", "Offence", "2018/19", None, "2019/20", None],
        [None, None, "Facebook", "Insta", "Facebook", "Insta"],
        ["Northshire", "images", 1, 2, 3, 4],
        [None, "contact", 5, 6, 7, 8],
        ["Southmere", "images", 9, 10, 11, 12],
        ["Eastshire", "Refused", None, None, None, None],
        ["Total", None, 15, 18, 21, 24],
    ):
        sheet.append(row)
    for cells in ("A1:A2", "B1:B2", "C1:D1", "E1:F1", "A3:A4", "B6:F6"):
        sheet.merge_cells(cells)
    book.save(tmp_path / "a.xlsx")
    answered, said = take(tmp_path / "a.xlsx")
    assert {str(place) for place in answered.offences.places} == {
        "Northshire, 2018-04/2019-03, images",
        "Northshire, 2019-04/2020-03, images",
        "Northshire, 2018-04/2019-03, contact",
        "Northshire, 2019-04/2020-03, contact",
        "Southmere, 2018-04/2019-03, images",
        "Southmere, 2019-04/2020-03, images",
        "Eastshire, period not stated, offence not stated",
    }
    assert not any("do not add up" in line for line in said)


def test_one_number_in_merged_cells_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Force", "Facebook", "Insta"], ["Northshire", 5, None]):
        sheet.append(row)
    sheet.merge_cells("B2:C2")
    book.save(tmp_path / "a.xlsx")
    assert refused(tmp_path / "a.xlsx").code == "merged_count"


def test_sheets_without_a_table_and_hidden_ones_are_left_out_and_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["To whom it may concern"])  # type: ignore[union-attr]
    for name, force in (("Data", "Northshire"), ("More", "Southmere"), ("Old", "Westshire")):
        sheet = book.create_sheet(name)
        sheet.append(["Force", "Platform"])
        sheet.append([force, "FB"])
    book["Old"].sheet_state = "hidden"
    path = tmp_path / "a.xlsx"
    book.save(path)
    answered, said = take(path)
    assert {place.force for place in answered.offences.places} == {"Northshire", "Southmere"}
    assert [one.name for one in answered.readings] == ['a.xlsx, sheet "Data"', 'a.xlsx, sheet "More"']
    assert any('"Sheet" (no table), "Old" (hidden)' in line for line in said)
    chosen = {path: b"format: nightlight-mapping/1\nsheets: Old\n"}
    assert {place.force for place in take(path, mappings=chosen)[0].offences.places} == {"Westshire"}
    missing = {path: b"format: nightlight-mapping/1\nsheets: Nix\n"}
    assert refused(path, mappings=missing).code == "mapping_unfit"


def test_the_same_force_in_two_sheets_is_refused_with_both(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name in ("One", "Two"):
        sheet = book.create_sheet(name)
        sheet.append(["Force", "Platform"])
        sheet.append(["Northshire", "FB"])
    book.save(tmp_path / "a.xlsx")
    found = refused(tmp_path / "a.xlsx")
    assert found.code == "force_twice"
    assert 'sheet "One"' in found.message
    assert 'sheet "Two"' in found.message


@pytest.mark.parametrize("cell", ["=1+1", "=[1]Other!A1", '=WEBSERVICE("http://127.0.0.1:1/")'])
def test_a_formula_without_a_saved_result_is_refused_and_never_computed(tmp_path: Path, cell: str) -> None:
    found = refused(xlsx(tmp_path / "a.xlsx", [["Force", "Facebook", "Kik"], ["N", cell, 2]]))
    assert found.code == "formula_without_value"
    assert "B2" in found.message


def test_an_error_in_a_cell_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    xlsx(path, [["Force", "Facebook", "Kik"], ["N", "#REF!", 2]])
    assert refused(path).code == "formula_without_value"


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A workbook whose parts somebody changed."""
    with zipfile.ZipFile(path) as folder:
        parts = {name: folder.read(name) for name in folder.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, content in parts.items():
            folder.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"
PLAIN: list[list[object]] = [["Force", "Facebook", "Kik"], ["Northshire", 1, 2]]


def test_links_to_other_files_are_told_and_never_followed(tmp_path: Path) -> None:
    def link(parts: dict[str, bytes]) -> None:
        parts["xl/externalLinks/externalLink1.xml"] = b'<externalLink xmlns="x"/>'
        parts["xl/externalLinks/_rels/externalLink1.xml.rels"] = (
            b'<Relationships xmlns="y"><Relationship Id="r" Target="http://127.0.0.1:1/a.xlsx" TargetMode="External"/>'
            b"</Relationships>"
        )

    answered, said = take(rewritten(xlsx(tmp_path / "a.xlsx", PLAIN), link))
    assert answered.offences.tally().offences.low == 2
    assert any("Nobody follows them" in line for line in said)


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/workbook.xml", "docProps/core.xml"])
def test_entities_that_multiply_are_refused_in_every_part(tmp_path: Path, part: str) -> None:
    laughs = b'<?xml version="1.0"?>' + b"<!-- -->" * 9_000
    laughs += b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
    path = rewritten(xlsx(tmp_path / "a.xlsx", PLAIN), lambda parts: parts.__setitem__(part, laughs))
    assert refused(path).code == "xml_entities"


def bomb(parts: dict[str, bytes]) -> None:
    parts["xl/media/image1.xml"] = bytes(30_000_000)


def wide(parts: dict[str, bytes]) -> None:
    parts[SHEET] = parts[SHEET].replace(b"</row></sheetData>", b'<c r="XFD2"><v>5</v></c></row></sheetData>')


def deep_and_wide(parts: dict[str, bytes]) -> None:
    last = b'<row r="1048576"><c r="XFD1048576"><v>5</v></c></row></sheetData>'
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", last)


def merged_all_over(parts: dict[str, bytes]) -> None:
    parts[SHEET] = parts[SHEET].replace(
        b"</sheetData>", b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    )


def cut_off(parts: dict[str, bytes]) -> None:
    parts[SHEET] = parts[SHEET][:-30]


def many(parts: dict[str, bytes]) -> None:
    parts.update({f"xl/{number}.xml": b"<x/>" for number in range(2_100)})


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (bomb, "zip_bomb"),
        (many, "zip_bomb"),
        (wide, "too_many_columns"),
        (deep_and_wide, "workbook_too_large"),
        (merged_all_over, "workbook_too_large"),
        (cut_off, "workbook_malformed"),
    ],
)
def test_a_workbook_made_to_do_harm_is_refused_soon(
    tmp_path: Path, harm: Callable[[dict[str, bytes]], None], code: str
) -> None:
    path = rewritten(xlsx(tmp_path / "a.xlsx", PLAIN), harm)
    began = time.monotonic()
    found = refused(path)
    assert found.code == code
    assert found.hint
    assert time.monotonic() - began < 10


def test_a_part_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = rewritten(
        xlsx(tmp_path / "a.xlsx", PLAIN), lambda parts: parts.__setitem__("xl/media/x.xml", b"<x>" + bytes(5_000_000))
    )
    data = bytearray(path.read_bytes())
    at = data.rindex(b"xl/media/x.xml") - 46 + 24
    assert struct.unpack_from("<I", data, at)[0] == 5_000_003
    struct.pack_into("<I", data, at, 100)
    path.write_bytes(data)
    assert refused(path).code in ("workbook_malformed", "zip_bomb")


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr("xl/workbook.xml", b"<x>" + bytes(range(256)) * 400 + b"</x>")
        for number in range(50):
            info = zipfile.ZipInfo(f"{number}.xml")
            first = folder.filelist[0]
            for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(info, name, getattr(first, name))
            folder.filelist.append(info)
            folder.NameToInfo[info.filename] = info
    path = tmp_path / "a.xlsx"
    path.write_bytes(out.getvalue())
    assert refused(path).code in ("zip_bomb", "workbook_malformed")


@pytest.mark.parametrize(
    ("cells", "rows"),
    [(b'table:number-columns-repeated="1000000"', b""), (b"", b'table:number-rows-repeated="9000000"')],
)
def test_a_million_repeated_cells_or_rows_are_refused_soon(tmp_path: Path, cells: bytes, rows: bytes) -> None:
    def repeat(parts: dict[str, bytes]) -> None:
        content = parts["content.xml"]
        for name, more in ((b"<table:table-cell", cells), (b"<table:table-row", rows)):
            at = content.rindex(name) + len(name)
            content = content[:at] + b" " + more + content[at:]
        parts["content.xml"] = content

    path = rewritten(ods(tmp_path / "a.ods", PLAIN), repeat)
    began = time.monotonic()
    assert refused(path).code in ("too_many_columns", "workbook_too_large", "workbook_malformed")
    assert time.monotonic() - began < 10


def test_memory_and_time_of_the_reading_process_end(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", PLAIN)
    for limits in (Limits(memory_bytes=60_000_000), Limits(seconds=0), Limits(workbook_bytes=100), Limits(cells=3)):
        with pytest.raises(RefusedError) as caught:
            read_workbook(path, limits)
        assert caught.value.code == "workbook_too_large"


def test_a_workbook_with_a_password_is_refused(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", PLAIN)
    data = bytearray(path.read_bytes())
    for beginning, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(beginning)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(beginning, at + 4)
    path.write_bytes(data)
    assert refused(path).code == "file_is_encrypted"


def test_empty_cells_and_rows_to_the_end_of_the_sheet_do_no_harm(tmp_path: Path) -> None:
    """LibreOffice writes them behind every table, and Excel wherever somebody coloured a whole row."""

    def repeat(parts: dict[str, bytes]) -> None:
        content = parts["content.xml"].replace(
            b"</table:table-row>",
            b'<table:table-cell table:number-columns-repeated="16380"/></table:table-row>',
        )
        more = b'<table:table-row table:number-rows-repeated="1048500"><table:table-cell'
        more += b' table:number-columns-repeated="16384"/></table:table-row></table:table>'
        parts["content.xml"] = content.replace(b"</table:table>", more)

    def colour(parts: dict[str, bytes]) -> None:
        last = b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
        parts[SHEET] = parts[SHEET].replace(b"</sheetData>", last)

    for path in (
        rewritten(ods(tmp_path / "a.ods", PLAIN), repeat),
        rewritten(xlsx(tmp_path / "a.xlsx", PLAIN), colour),
    ):
        assert take(path)[0].readings[0].rows == 1
