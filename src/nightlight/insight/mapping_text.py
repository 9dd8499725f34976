"""A mapping to begin with: what was understood, written down so that somebody who has never seen YAML can mend it."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from nightlight.insight.columns import Head, Understood
from nightlight.insight.headers import Column, Role
from nightlight.insight.layout import Kind
from nightlight.insight.mapping import DELIMITERS, FORMAT
from nightlight.insight.spelling import shown

#: Of a column, so many different cells are shown.
_EXAMPLES = 3
_WORDS = {
    Role.FORCE: "the police force",
    Role.PERIOD: "the years or months",
    Role.DATE: "the day of an offence",
    Role.OFFENCE: "what kind of offence it is",
    Role.PLATFORMS: "all platforms that an offence names",
    Role.PLATFORM: "the platform",
    Role.COUNT: "how many offences; of one platform, if one stands beside it here",
    Role.TOTAL: "all offences, whatever their platform",
    Role.KNOWN: "offences whose platform is known",
    Role.UNKNOWN: "offences whose platform nobody knows",
    Role.SUM: "a sum of the cells beside it: checked, never used",
    Role.ANSWER: "how the force answered: refused, or nothing held",
    Role.IGNORE: "not used",
}


def mapping_text(
    name: str, understood: Understood, head: Head, *, delimiter: str = "", sheets: tuple[str, ...] = ()
) -> str:
    """YAML that ``read_mapping`` reads, and that says what the table means just as it was understood."""
    return "\n".join(_lines(name, understood, head, delimiter, sheets)) + "\n"


def examples(column: Column, head: Head, understood: Understood) -> tuple[str, ...]:
    """Some of the different cells of a column, below the header."""
    last = understood.header[-1]
    cells = [cells[column.index] for number, cells in head if number > last and column.index < len(cells)]
    return tuple(dict.fromkeys(shown(cell)[:40] for cell in cells if cell.strip()))[:_EXAMPLES]


def _lines(name: str, understood: Understood, head: Head, delimiter: str, sheets: tuple[str, ...]) -> Iterator[str]:
    yield f"# How {shown(name)} is read: {understood.kind.value}."
    yield "# Keep this file beside the data. Text behind a # is for you: to use a line, take its # away."
    yield f"format: {FORMAT}"
    if sheets:
        yield f"sheets: [{', '.join(map(_quoted, sheets))}]"
    if len(sheets) > 1:
        yield "# Each sheet has columns of its own. To say what they are, name one sheet only."
    else:
        yield from _header(understood, delimiter)
    yield from _general(understood)
    if len(sheets) > 1:
        return
    yield f"# What each column is: {', '.join(role.value for role in Role)}."
    yield "columns:"
    for column in understood.columns:
        if column.header or column.role is not Role.IGNORE:
            yield from _column(column, head, understood)


def _header(understood: Understood, delimiter: str) -> Iterator[str]:
    yield "# The line in which the headers of the columns stand; two lines where two belong together."
    yield f"header: [{', '.join(map(str, understood.header))}]"
    words = {mark: word for word, mark in DELIMITERS.items()}
    if delimiter in words:
        yield "# What parts the cells of a line: comma, semicolon, tab or bar."
        yield f"delimiter: {words[delimiter]}"


def _general(understood: Understood) -> Iterator[str]:
    if not understood.of(Role.FORCE):
        yield "# No column names the force. Without this line, the name of the file stands for it."
        yield "# force: Northshire"
    if not understood.of(Role.PERIOD, Role.DATE) and not all(column.period for column in understood.figures):
        yield "# No column says when. 2019/20, 2019, Q1 2019/20 or 2019-10/2020-09."
        yield "# period: 2019/20"
    if not understood.of(Role.OFFENCE):
        yield "# group: Sexual communication with a child"
    yield from _choices(understood)


def _choices(understood: Understood) -> Iterator[str]:
    if understood.of(Role.DATE, Role.PERIOD):
        yield "# Whether 03/04/2019 is in April (day_first) or in March (month_first), if no date shows it."
        yield "# dates: day_first"
    if understood.of(Role.DATE):
        yield "# Offences are put into years from april, or from january."
        yield "# year_starts: april"
    if understood.kind is not Kind.OFFENCES:
        yield "# The most that a * or a c stands for: 4 if numbers under 5 are hidden."
        yield "# suppressed_max: 4"
        yield "# What parts thousands, if it is the point: 1.234."
        yield "# thousands: point"
        yield "# No offence stands in two lines or columns of platforms."
        yield "# each_once: true"
        yield "# Lines about the same force, period and platform are parts of one figure."
        yield "# add_up: true"
    yield '# What other cells stand for: a number, "1-4", refused, no data or blank.'
    yield '# values: {"-": "0", "tbc": no data}'
    yield "# An empty cell means what stands above it."
    yield "# fill_down: true"
    yield "# Lines to be left out, by their numbers."
    yield "# skip: [12, 13]"


def _column(column: Column, head: Head, understood: Understood) -> Iterator[str]:
    said = [f"column: {column.index + 1}", f"role: {column.role.value}"]
    if column.platform:
        said.append(f"platform: {_quoted(column.spelling)}")
    if column.period is not None:
        said.append(f"period: {_quoted(str(column.period))}")
    for name, text in (("group", column.group), ("force", column.force)):
        if text:
            said.append(f"{name}: {_quoted(text)}")
    cells = ", ".join(examples(column, head, understood))
    yield f"  # {column.header or 'without a header'}: {_WORDS[column.role]}." + (f" Cells: {cells}" if cells else "")
    yield f"  - {{{', '.join(said)}}}"


def _quoted(text: str) -> str:
    """A scalar in quotation marks, on one line; what YAML does not print is escaped."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()
