"""One table, read: its offences, how its columns were understood, and everything that was noticed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.columns import Understood
from nightlight.insight.count_rows import CountRows
from nightlight.insight.force_names import ForceNames
from nightlight.insight.headers import Role
from nightlight.insight.layout import Kind
from nightlight.insight.offence_rows import OffenceRows
from nightlight.insight.offences import Offences
from nightlight.insight.platforms import Platforms
from nightlight.insight.rows import Body, Line, LineKind, Noted
from nightlight.insight.spelling import shown
from nightlight.insight.survey import decide, survey_of


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """``role``: the word that a mapping uses. ``words``: why it was taken for that."""

    header: str
    role: str
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    """``name``: of the file, and of the sheet where there are several. ``rows``: lines of data that figures rest on."""

    name: str
    sha256: str
    rows: int
    columns: tuple[ReadColumn, ...]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True)
class Answered:
    """All files of one run."""

    offences: Offences
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class TableRead:
    offences: Offences
    rows: int
    caveats: tuple[Caveat, ...]


def read_table(body: Body, table: Platforms, names: ForceNames, where: str, file: str) -> TableRead:
    """Goes through all lines twice. ``where`` is what a person knows the table by; ``file`` stands for the force.

    ``RefusedError``: what ``survey`` and the rows refuse, and ``no_rows``.
    """
    understood, said = body.understood, body.said
    survey = survey_of(body)
    decided = decide(survey, understood, table, names, where, file, said)
    fill = frozenset(survey.blanks.keys() if said.fill_down else survey.mergeable)
    fill = fill & {column.index for column in understood.columns if column.role is not Role.DATE}
    body = replace(body, fill=fill)
    rows: OffenceRows | CountRows
    if understood.kind is Kind.OFFENCES:
        rows = OffenceRows(understood, decided, table, said.numbers)
    else:
        rows = CountRows(understood, decided, table, said)
    left = {kind: Noted() for kind in LineKind}
    for line in body.lines():
        if line.kind is LineKind.DATA:
            rows.add(line)
        elif line.kind is not LineKind.BLANK:
            left[line.kind].note(f'line {line.number:,}: "{_text(line)}"')
            if line.kind is LineKind.SUM:
                rows.add_sum(line)
    found = tuple(rows.finish())
    caveats = (*decided.caveats, *_about_fill(fill, understood, where), *_about_left(left, where), *found)
    if not rows.offences.places:
        raise RefusedError(
            "no_rows", f"{where}: below the header there is nothing that counts.", "Is it the right sheet?"
        )
    return TableRead(rows.offences, rows.read, caveats)


def read_columns(understood: Understood) -> tuple[ReadColumn, ...]:
    return tuple(
        ReadColumn(column.header, column.role.value, column.words)
        for column in understood.columns
        if column.header or column.role is not Role.IGNORE
    )


def _about_fill(fill: frozenset[int], understood: Understood, where: str) -> Iterator[Caveat]:
    names = [f'"{column.header}"' for column in understood.columns if column.index in fill]
    if names:
        words = f"{where}: empty cells of {', '.join(names)} were read as what stands above them."
        yield Caveat(CaveatCode.MERGED_CELLS, words)


def _about_left(left: Mapping[LineKind, Noted], where: str) -> Iterator[Caveat]:
    for kind, words in (
        (LineKind.SUM, "sums, checked and not counted"),
        (LineKind.NOTE, "notes"),
        (LineKind.HEADER, "the header again"),
        (LineKind.SKIPPED, "lines to be skipped, as the mapping says"),
    ):
        if left[kind].number:
            code = CaveatCode.FOOTNOTES if kind is LineKind.NOTE else CaveatCode.LINES_LEFT_OUT
            yield Caveat(code, f"{where}: left out, {words}: {left[kind]}.")


def _text(line: Line) -> str:
    return shown(", ".join(cell for cell in line.cells if cell))
