"""Files of police forces, in: one offence by one or in counts; out: offences, and all that was noticed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from nightlight.adapters.answers.counted import CountedText, count_offences
from nightlight.adapters.answers.kind import FileKind, kind_of
from nightlight.adapters.answers.limits import LIMITS, Limits
from nightlight.adapters.answers.text import TextRows
from nightlight.adapters.answers.workbook import Sheet, extra_missing, read_workbook
from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import BYTES_MAX, MalformedError
from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.columns import HEAD_LINES, Head, Understood, understand
from nightlight.insight.force_names import ForceNames
from nightlight.insight.layout import Kind
from nightlight.insight.mapping import UNMAPPED, read_mapping
from nightlight.insight.mapping import Mapping as Said
from nightlight.insight.offences import Offences
from nightlight.insight.platforms import Platforms
from nightlight.insight.reading import Answered, Reading, TableRead, read_columns, read_table
from nightlight.insight.rows import Body
from nightlight.insight.sheet import Place

#: What the name of a mapping ends with; it lies beside the data.
MAPPING_ENDS = ".mapping.yaml"
_CHUNK = 2**20


@dataclass(frozen=True)
class Table:
    """One table of a file, understood and not yet read. ``where``: what a person knows it by."""

    where: str
    head: Head
    understood: Understood
    body: Body
    text: CountedText | None = None
    sheet: str = ""


@dataclass(frozen=True)
class File:
    """One file. ``caveats``: of the file as a whole."""

    path: Path
    sha256: str
    said: Said
    tables: tuple[Table, ...]
    caveats: tuple[Caveat, ...] = ()
    rows: TextRows | None = field(default=None, repr=False)


def read_answers(
    paths: Sequence[Path],
    table: Platforms,
    *,
    mappings: Mapping[Path, bytes] | None = None,
    tell: Callable[[str], None],
    limits: Limits = LIMITS,
) -> Answered:
    """Everything that the files say. ``mappings``: by the file they are about; one that lies beside it needs none.

    ``tell``: how it was understood, line by line. ``RefusedError`` says in which file, and where, what is wrong:
    ``file_twice``, ``force_twice``, and whatever the files and their tables are refused for.
    """
    offences, names = Offences(), ForceNames()
    readings: list[Reading] = []
    places: dict[Place, tuple[Path, str]] = {}
    digests: dict[str, Path] = {}
    for path in paths:
        opened = open_file(path, table, mapping=(mappings or {}).get(path), limits=limits)
        if (other := digests.get(opened.sha256)) is not None:
            raise RefusedError("file_twice", f"{other} and {path} are the same file, byte by byte.", "Name it once.")
        digests[opened.sha256] = path
        for line in told(opened):
            tell(line)
        for number, one in enumerate(opened.tables):
            read = read_one(opened, one, table, names)
            for place in sorted(read.offences.places):
                if (first := places.setdefault(place, (path, one.where))) != (path, one.where):
                    raise RefusedError(
                        "force_twice",
                        f"{place} is answered for in {_place_of(*first)} and in {_place_of(path, one.where)}.",
                        "Leave one of them out, or say in a mapping which sheet is meant: offences would count twice.",
                    )
            offences.take(read.offences)
            decoded = tuple(opened.rows.caveats()) if opened.rows is not None else ()
            caveats = (*(opened.caveats if number == 0 else ()), *decoded, *read.caveats)
            for caveat in (*decoded, *read.caveats):
                tell(caveat.words)
            readings.append(Reading(one.where, opened.sha256, read.rows, read_columns(one.understood), caveats))
    return Answered(offences, tuple(readings))


def _place_of(path: Path, where: str) -> str:
    """With its folder: two forces may send files of one name."""
    return f"{path.parent / where}"


def open_file(path: Path, table: Platforms, *, mapping: bytes | None = None, limits: Limits = LIMITS) -> File:
    """What tables a file has and what their columns are; no figure is read yet."""
    kind = kind_of(path)
    sha256, lines = _digest(path, limits)
    said, caveats = _said(path, mapping)
    if kind is FileKind.TEXT:
        return _open_text(path, table, said, caveats, sha256, lines, limits)
    return _open_workbook(path, table, said, caveats, sha256, limits)


def read_one(opened: File, one: Table, table: Platforms, names: ForceNames) -> TableRead:
    """The figures of one table."""
    file = " ".join(opened.path.stem.replace("_", " ").split())
    if one.text is not None:
        try:
            counted = count_offences(one.text, one.understood, table, names, one.where, file, opened.said)
        except ModuleNotFoundError:
            raise extra_missing("duckdb") from None
        if counted is not None:
            return counted
    try:
        return read_table(one.body, table, names, one.where, file)
    except RefusedError as e:
        # Below this, lines are known by their number only.
        if one.where in e.message or str(opened.path) in e.message:
            raise
        raise RefusedError(e.code, f"{one.where}: {e.message}", e.hint) from None


def told(opened: File) -> Iterator[str]:
    """How a file was understood, one line for each thing."""
    for caveat in opened.caveats:
        yield caveat.words
    for one in opened.tables:
        lines = " and ".join(str(line) for line in one.understood.header)
        yield f"{one.where}: {one.understood.kind.value}; the header is line {lines}."
        for column in read_columns(one.understood):
            header = f'"{column.header}"' if column.header else "a column without a header"
            yield f"{one.where}: {header} is {column.role} ({column.words})."


def _digest(path: Path, limits: Limits) -> tuple[str, int]:
    """SHA-256, and how many lines there are."""
    digest = hashlib.sha256()
    size = lines = 0
    last = b"\n"
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                size += len(piece)
                if size > limits.text_bytes:
                    raise RefusedError("file_too_large", f"{path} has more than {limits.text_bytes:,} bytes.")
                digest.update(piece)
                lines += count_lines(piece)
                last = piece[-1:]
    except OSError as e:
        raise RefusedError("file_unreadable", f"{path} cannot be read: {e.strerror}.") from None
    return digest.hexdigest(), lines + (last != b"\n")


def count_lines(piece: bytes) -> int:
    """Ends of lines. Where lines are short and many, numpy sees them five times as fast."""
    try:
        import numpy as np
    except ModuleNotFoundError:
        return piece.count(b"\n")
    return int(np.count_nonzero(np.frombuffer(piece, np.uint8) == 10))


def _said(path: Path, mapping: bytes | None) -> tuple[Said, tuple[Caveat, ...]]:
    beside = path.with_name(path.name + MAPPING_ENDS)
    name = "its mapping"
    if mapping is None and beside.is_file():
        name = beside.name
        with beside.open("rb") as file:
            mapping = file.read(BYTES_MAX + 1)
    if mapping is None:
        return UNMAPPED, ()
    try:
        said = read_mapping(mapping)
    except MalformedError as e:
        problems = "; ".join(map(str, e.problems[:20]))
        raise RefusedError(e.code, f"{path.name}, {name}: {problems}", e.hint) from None
    return said, (Caveat(CaveatCode.TAKEN_FROM_MAPPING, f"{path.name}: read as {name} says."),)


def _open_text(
    path: Path, table: Platforms, said: Said, caveats: tuple[Caveat, ...], sha256: str, lines: int, limits: Limits
) -> File:
    rows = TextRows(path, limits, said.delimiter)
    head = [(number, list(cells)) for number, cells in islice(rows, HEAD_LINES)]
    understood = _understand(path.name, head, table, said)
    large = path.stat().st_size >= limits.counted_bytes
    body = Body(_Bounded(rows, understood, path.name, limits), understood, said)
    text = CountedText(path, rows.delimiter, lines) if large else None
    return File(path, sha256, said, (Table(path.name, head, understood, body, text),), caveats, rows)


def _open_workbook(
    path: Path, table: Platforms, said: Said, caveats: tuple[Caveat, ...], sha256: str, limits: Limits
) -> File:
    book = read_workbook(path, limits, points=said.numbers.thousands == ".")
    if book.links:
        words = f"{path.name}: it has links to other files. Nobody follows them; what was saved last is read."
        caveats = (*caveats, Caveat(CaveatCode.EXTERNAL_LINKS, words))
    missing = [name for name in said.sheets if name not in {sheet.name for sheet in book.sheets}]
    if missing:
        there = ", ".join(f'"{sheet.name}"' for sheet in book.sheets[:20])
        raise RefusedError("mapping_unfit", f'{path.name}: there is no sheet "{missing[0]}".', f"There are: {there}.")
    tables: list[Table] = []
    left: list[str] = []
    refused: RefusedError | None = None
    for sheet in book.sheets:
        wanted = sheet.name in said.sheets if said.sheets else not sheet.hidden
        if not wanted or not sheet.rows:
            left.append(f'"{sheet.name}"' + (" (hidden)" if sheet.hidden else "" if sheet.rows else " (empty)"))
            continue
        where = path.name if len(book.sheets) == 1 else f'{path.name}, sheet "{sheet.name}"'
        try:
            tables.append(_sheet_table(sheet, where, table, said))
        except RefusedError as e:
            if e.code != "no_table" or said.sheets:
                raise
            refused = refused or e
            left.append(f'"{sheet.name}" (no table)')
    if not tables:
        raise refused or RefusedError("no_table", f"{path.name}: no sheet has a table.", "Is it the right file?")
    if left:
        words = f"{path.name}: sheets that were left out: {', '.join(left)}."
        caveats = (*caveats, Caveat(CaveatCode.SHEETS_LEFT_OUT, words))
    return File(path, sha256, said, tuple(tables), caveats)


def _sheet_table(sheet: Sheet, where: str, table: Platforms, said: Said) -> Table:
    head = sheet.rows[:HEAD_LINES]
    understood = _understand(where, head, table, said, sheet)
    if sheet.unsaved:
        raise RefusedError(
            "formula_without_value",
            f"{where}: there is a formula without a result, or with an error: {', '.join(sheet.unsaved[:5])}.",
            "Open it in a spreadsheet program and save it; where it shows an error, ask the force.",
        )
    return Table(
        where, head, understood, Body(sheet.rows, understood, said, sheet.merged, text=False), sheet=sheet.name
    )


def _understand(where: str, head: Head, table: Platforms, said: Said, sheet: Sheet | None = None) -> Understood:
    try:
        return understand(head, table, said, sheet.merged if sheet is not None else None)
    except RefusedError as e:
        raise RefusedError(e.code, f"{where}: {e.message}", e.hint) from None


@dataclass(frozen=True)
class _Bounded:
    """The lines of a text file; of a table of counts, no more than anybody would write."""

    rows: TextRows
    understood: Understood
    name: str
    limits: Limits

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        most = self.limits.lines if self.understood.kind is Kind.OFFENCES else self.limits.count_lines
        for number, cells in self.rows:
            if number > most:
                raise RefusedError("too_many_lines", f"{self.name} has more than {most:,} lines of counts.")
            yield number, cells
