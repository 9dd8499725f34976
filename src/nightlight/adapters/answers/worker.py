"""The process that opens a workbook: under limits of memory and time, with nothing to write to but a pipe.

Reads the workbook from its standard input; writes JSON, one value a line: facts, then each sheet and its rows; or why
not. Everything in here was written by a stranger: what the libraries do with it, ends with this process.
"""

from __future__ import annotations

import datetime
import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

_CHUNK = 65_536
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FORMULAS_SHOWN = 5


class NoWorkbookError(Exception):
    """``args``: a code, and what is wrong, for the parent to put into words."""


def main() -> None:
    limits = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        for value in _read(sys.stdin.buffer.read(limits["workbook_bytes"] + 1), limits):
            sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.write(json.dumps({"end": True}) + "\n")
    except NoWorkbookError as e:
        sys.stdout.write(json.dumps({"refused": e.args}) + "\n")
    except ModuleNotFoundError:
        sys.stdout.write(json.dumps({"missing": True}) + "\n")
    except MemoryError:
        sys.stdout.write(
            json.dumps({"refused": ["workbook_too_large", "it takes more memory than there may be"]}) + "\n"
        )


def _read(data: bytes, limits: dict[str, Any]) -> Iterator[Any]:
    import python_calamine as calamine

    if len(data) > limits["workbook_bytes"]:
        raise NoWorkbookError("workbook_too_large", f"it has more than {limits['workbook_bytes']:,} bytes")
    formulas: dict[str, list[str]] = {}
    links = False
    if data.startswith(b"PK"):
        formulas, links = _look_inside(data, limits)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
    except calamine.PasswordError:
        raise NoWorkbookError("file_is_encrypted", "") from None
    except calamine.CalamineError as e:
        raise NoWorkbookError("workbook_malformed", str(e)[:200]) from None
    if len(sheets) > limits["sheets"]:
        raise NoWorkbookError("workbook_too_large", f"it has more than {limits['sheets']:,} sheets")
    yield {"links": links}
    cells = 0
    for one in sheets:
        try:
            sheet = book.get_sheet_by_name(one.name)
        except calamine.CalamineError as e:
            raise NoWorkbookError("workbook_malformed", f'sheet "{one.name}": {e}'[:200]) from None
        start = sheet.start or (0, 0)
        if start[1] + sheet.width > limits["columns"]:
            raise NoWorkbookError("too_many_columns", f'sheet "{one.name}" reaches column {start[1] + sheet.width:,}')
        cells += sheet.height * sheet.width
        if cells > limits["cells"]:
            raise NoWorkbookError("workbook_too_large", f"its sheets reach over more than {limits['cells']:,} cells")
        yield {
            "sheet": one.name,
            "hidden": one.visible != calamine.SheetVisibleEnum.Visible,
            "merged": sheet.merged_cell_ranges,
            "unsaved": formulas.get(one.name, []),
            "first": start,
        }
        for row in sheet.to_python():
            yield [_cell(value) for value in row]


def _cell(value: Any) -> str | float:
    """As text, but for a fraction: what its point means is not for this process to say."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "seconds")
    if isinstance(value, int | float):
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else float(value)
    return str(value)


def _look_inside(data: bytes, limits: dict[str, Any]) -> tuple[dict[str, list[str]], bool]:
    """Unpacks every part once, piece by piece, before a library does: how large it really is, and what is in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as folder:
            parts = folder.infolist()
            _check_directory(parts, len(data), limits)
            left = limits["unpacked_bytes"]
            unsaved: dict[str, list[str]] = {}
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    look = _Look()
                    left = look.through(folder, part, left)
                    unsaved[part.filename] = look.unsaved
            names = [part.filename for part in parts]
            links = any(name.startswith("xl/externalLinks/") and name.endswith(".xml") for name in names)
            if "content.xml" in names:
                return _by_table(unsaved["content.xml"]), links
            return {name: unsaved.get(part, []) for name, part in _sheet_parts(folder).items()}, links
    except NotImplementedError as e:
        raise NoWorkbookError("workbook_malformed", str(e)[:200]) from None
    except RuntimeError:  # what zipfile says of an encrypted part
        raise NoWorkbookError("file_is_encrypted", "") from None
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, KeyError, ElementTree.ParseError) as e:
        raise NoWorkbookError("workbook_malformed", str(e)[:200]) from None


def _check_directory(parts: list[zipfile.ZipInfo], size: int, limits: dict[str, Any]) -> None:
    if len(parts) > limits["parts"]:
        raise NoWorkbookError("zip_bomb", f"it has {len(parts):,} parts")
    if sum(part.file_size for part in parts) > limits["unpacked_bytes"]:
        raise NoWorkbookError("zip_bomb", f"it unpacks to more than {limits['unpacked_bytes']:,} bytes")
    if sum(part.compress_size for part in parts) > size or len({part.filename for part in parts}) < len(parts):
        raise NoWorkbookError("zip_bomb", "its parts overlap")
    for part in parts:
        tight = part.file_size > limits["ratio_from_bytes"]
        if tight and part.file_size > limits["unpacked_ratio"] * max(1, part.compress_size):
            raise NoWorkbookError(
                "zip_bomb", f"{part.filename[:80]} unpacks to more than {limits['unpacked_ratio']} times its size"
            )


class _Look:
    """What one part of XML says; ends at a document type, which is where entities are declared."""

    def __init__(self) -> None:
        #: Cells with a formula and no result, or with an error as their result, which the library takes for empty:
        #: "C5"; in ODS the formula, with the table's name before it.
        self.unsaved: list[str] = []
        self._cell = self._table = ""
        self._kind = ""
        self._formula = self._result = self._value = False
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def through(self, folder: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> int:
        with folder.open(part) as file:
            while piece := file.read(_CHUNK):
                left -= len(piece)
                if left < 0:
                    raise NoWorkbookError("zip_bomb", "it unpacks to more than it says")
                try:
                    self._parser.Parse(piece, False)
                except expat.ExpatError as e:
                    raise NoWorkbookError("workbook_malformed", f"{part.filename[:80]}: {e}") from None
        return left

    def _doctype(self, *_: object) -> None:
        raise NoWorkbookError("xml_entities", "it declares a document type, which no spreadsheet program writes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            self._cell, self._kind = attributes.get("r", "?"), attributes.get("t", "")
            # A formula may come to an empty text.
            self._formula, self._result = False, self._kind == "str"
        elif local == "f":
            self._formula = True
        elif local in ("v", "is"):
            self._value = True
        elif local == "table" and "table:name" in attributes:
            self._table = attributes["table:name"]
        elif local == "table-cell" and "table:formula" in attributes and "office:value-type" not in attributes:
            self._note(f"{self._table}\0{attributes['table:formula']}")

    def _characters(self, _: str) -> None:
        self._result = self._result or self._value

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in ("v", "is"):
            self._value = False
        elif local == "c" and (self._kind == "e" or (self._formula and not self._result)):
            self._note(self._cell)

    def _note(self, cell: str) -> None:
        if len(self.unsaved) < 10_000:
            self.unsaved.append(cell)


def _by_table(unsaved: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in unsaved:
        table, _, formula = one.partition("\0")
        found.setdefault(table, []).append(formula[:80])
    return {table: cells[:_FORMULAS_SHOWN] for table, cells in found.items()}


def _sheet_parts(folder: zipfile.ZipFile) -> dict[str, str]:
    """By the sheet's name, the part in which it stands. Both files were looked through: no entities."""
    book = ElementTree.fromstring(folder.read("xl/workbook.xml"))  # noqa: S314 - see above
    related = ElementTree.fromstring(folder.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {one.get("Id"): one.get("Target", "") for one in related}
    return {
        sheet.get("name", ""): "xl/" + targets.get(sheet.get(_RELATED), "").removeprefix("/xl/").removeprefix("xl/")
        for sheet in book.iter(f"{_MAIN}sheet")
    }


if __name__ == "__main__":
    main()
