"""Where the header of a table stands, and what each column is: understood, said in words, or refused; never guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.insight.headers import ABOUT, FIGURES, Column, Role, phrase_of, read_header
from nightlight.insight.layout import Kind, layout_of, once_each, quoted
from nightlight.insight.mapping import UNMAPPED, ColumnMapping
from nightlight.insight.mapping import Mapping as Said
from nightlight.insight.platforms import UNKNOWN, UNMATCHED, Platforms
from nightlight.insight.spelling import key_of, shown

#: In so many lines the header is looked for.
HEAD_LINES = 60

Head = Sequence[tuple[int, Sequence[str]]]
#: Cells that were merged, by line and column, with the cell that holds their text.
Merged = Mapping[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Understood:
    """``header``: the lines of it. ``headings``: its cells, so that it is known again further down."""

    kind: Kind
    columns: tuple[Column, ...]
    header: tuple[int, ...]
    headings: tuple[tuple[str, ...], ...]

    def of(self, *roles: Role) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role in roles)

    def one(self, role: Role) -> Column | None:
        return next((column for column in self.columns if column.role is role), None)

    @property
    def figures(self) -> tuple[Column, ...]:
        return self.of(*FIGURES)


def understand(head: Head, table: Platforms, said: Said = UNMAPPED, merged: Merged | None = None) -> Understood:
    """``head``: the first lines, with their numbers. ``merged``: None where the file does not say what was merged.

    ``RefusedError``: ``no_table``, ``columns_unclear`` or ``mapping_unfit``.
    """
    at = _header_at(head, table, said)
    columns = _columns(head, at, table, merged)
    columns = [_as_said(column, table, said) for column in columns]
    _check_fits(columns, said)
    headings = tuple(tuple(cell.strip() for cell in head[one][1]) for one in at)
    rows = [cells for _, cells in head[at[-1] + 1 :]]
    kind, columns = layout_of(columns, rows, said)
    return Understood(kind, tuple(once_each(columns)), tuple(head[one][0] for one in at), headings)


def _header_at(head: Head, table: Platforms, said: Said) -> list[int]:
    if said.header:
        at = [place for place, (line, _) in enumerate(head) if line in said.header]
        if len(at) != len(set(said.header)) or at != list(range(at[0], at[-1] + 1)):
            raise RefusedError(
                "mapping_unfit",
                f"The mapping says that the header stands in line {_listed(said.header)}; it does not.",
                f"Name lines among the first {HEAD_LINES} that follow each other.",
            )
        return at
    # With columns that a person describes by their headers, the line in which these stand is the header.
    wanted = {phrase_of(one.header) for one in said.columns if one.header}
    for place, (_, cells) in enumerate(head):
        if wanted and wanted <= {phrase_of(text) for text in cells}:
            return [place]
    width = max((sum(bool(text.strip()) for text in cells) for _, cells in head), default=0)
    for place, (_, cells) in enumerate(head):
        columns = [read_header(index, text, table) for index, text in enumerate(cells)]
        if _is_header(columns) and (width == 1 or sum(bool(text.strip()) for text in cells) > 1):
            return _with_neighbour(head, place, columns, table)
    seen = next((cells for _, cells in head if sum(map(bool, cells)) > 1), head[0][1] if head else ())
    raise RefusedError(
        "no_table",
        f"No line reads like a header with a platform in it. The first one says: {quoted(seen)}.",
        'A table needs a column "Platform", or one for each platform. Name yours in a mapping.',
    )


def _is_header(columns: Collection[Column]) -> bool:
    roles = {column.role for column in columns}
    platforms = sum(bool(column.platform) or column.role is Role.UNKNOWN for column in columns)
    if roles & {Role.PLATFORM, Role.PLATFORMS}:
        return True
    bare = any(column.role is Role.COUNT and not column.platform and column.period is None for column in columns)
    return platforms > 1 or (platforms == 1 and (bare or bool(roles & {Role.FORCE, Role.SUM, Role.OFFENCE})))


def _with_neighbour(head: Head, place: int, columns: Sequence[Column], table: Platforms) -> list[int]:
    """A header of two lines: the other one says something above or below it that no data would say."""
    if place and head[place - 1][0] == head[place][0] - 1:
        above = [read_header(index, text, table) for index, text in enumerate(head[place - 1][1])]
        named = [column for column in above if column.header]
        if any(column.role is not Role.IGNORE for column in named) or (
            len({column.header for column in named}) > 1 and _repeats(columns)
        ):
            return [place - 1, place]
    if place + 1 < len(head):
        below = [read_header(index, text, table) for index, text in enumerate(head[place + 1][1])]
        named = [column for column in below if column.header]
        # "Financial year" may stand over the years themselves.
        about = {column.index for column in columns if column.role in ABOUT and column.role is not Role.PERIOD}
        under_nothing = any(not _padded(head[place][1], one.index + 1)[one.index].strip() for one in named)
        if under_nothing and all(one.role in FIGURES and one.index not in about for one in named):
            return [place, place + 1]
    return [place]


def _repeats(columns: Collection[Column]) -> bool:
    names = [column.platform for column in columns if column.platform]
    return len(names) > len(set(names))


def _columns(head: Head, at: Sequence[int], table: Platforms, merged: Merged | None) -> list[Column]:
    width = max(len(cells) for _, cells in head)
    if len(at) == 1:
        cells = head[at[0]][1]
        return [read_header(index, cells[index] if index < len(cells) else "", table) for index in range(width)]
    upper, lower = _filled(head, at[0], width, merged), _padded(head[at[-1]][1], width)
    apart = {text for index, text in enumerate(upper) if text and lower[index]}
    return [_joined(index, upper[index], lower[index], table, groups=len(apart) > 1) for index in range(width)]


def _filled(head: Head, place: int, width: int, merged: Merged | None) -> list[str]:
    """The upper line of a header: what was merged across stands in its first cell."""
    line, cells = head[place]
    texts = _padded(cells, width)
    for index in range(1, width):
        if texts[index]:
            continue
        if merged is None:
            texts[index] = texts[index - 1]
        elif (anchor := merged.get((line, index))) is not None and anchor[0] == line:
            texts[index] = texts[anchor[1]]
    return texts


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]


def _joined(index: int, upper: str, lower: str, table: Platforms, *, groups: bool) -> Column:
    above, below = read_header(index, upper, table), read_header(index, lower, table)
    header = shown(" / ".join(text for text in dict.fromkeys((upper, lower)) if text))
    if not lower.strip():
        return above
    if below.role in FIGURES:
        found = below
        if above.period is not None and below.period is None:
            found = replace(found, period=above.period, words=f"{found.words}, of {above.period}")
        if above.platform and not below.platform and below.role is Role.COUNT:
            words = above.words if found.period is None else f"{above.words}, of {found.period}"
            found = replace(found, platform=above.platform, spelling=above.spelling, words=words)
        elif above.role is Role.UNKNOWN and below.role is Role.COUNT and not below.platform:
            found = replace(found, role=Role.UNKNOWN, words=above.words)
        elif above.role is Role.SUM and below.role is Role.COUNT and not below.platform:
            found = replace(found, role=Role.SUM, words=above.words)
        if above.role is Role.IGNORE and upper and groups:
            words = f'{found.words}; what stands above it, "{above.header}", is taken for the group of offences'
            found = replace(found, group=above.header, words=words)
        return replace(found, header=header)
    return replace(below, header=header)


def _as_said(column: Column, table: Platforms, said: Said) -> Column:
    for one in said.columns:
        if _is_meant(one, column):
            column = _changed(column, one, table)
    return column


def _is_meant(one: ColumnMapping, column: Column) -> bool:
    if one.column is not None:
        return one.column == column.index + 1
    return phrase_of(one.header) == phrase_of(column.header) or shown(one.header) == column.header


def _changed(column: Column, one: ColumnMapping, table: Platforms) -> Column:
    role, platform, spelling = one.role or column.role, column.platform, column.spelling
    if one.platform:
        platform, spelling = table.spellings.get(key_of(one.platform), UNMATCHED), one.platform
        role = Role.UNKNOWN if platform == UNKNOWN else one.role or Role.COUNT
    if role is not Role.COUNT:
        platform = spelling = ""
    elif one.role is None and role not in FIGURES:
        role = Role.COUNT
    return replace(
        column,
        role=role,
        platform=platform,
        spelling=spelling,
        period=one.period or column.period,
        group=one.group or column.group,
        force=one.force or column.force,
        words="the mapping says so",
    )


def _check_fits(columns: Sequence[Column], said: Said) -> None:
    for one in said.columns:
        meant = sum(_is_meant(one, column) for column in columns)
        if meant == 0:
            name = f"number {one.column}" if one.column is not None else f'"{shown(one.header)}"'
            raise RefusedError(
                "mapping_unfit",
                f"The mapping, line {one.line}: there is no column {name}.",
                f"There are: {quoted([column.header for column in columns])}.",
            )
        if meant > 1:
            raise RefusedError(
                "mapping_unfit",
                f'The mapping, line {one.line}: {meant} columns have the header "{shown(one.header)}".',
                'Name them by their numbers: "column: 4".',
            )


def _listed(lines: Collection[int]) -> str:
    return ", ".join(str(line) for line in sorted(lines))
