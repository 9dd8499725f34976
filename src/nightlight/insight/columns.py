"""Where the header of a table stands, and what each column is: understood, said in words, or refused; never guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.insight.cells import Numbers, read_number
from nightlight.insight.headers import ABOUT, FIGURES, Column, Role, phrase_of, read_header
from nightlight.insight.mapping import UNMAPPED, ColumnMapping
from nightlight.insight.mapping import Mapping as Said
from nightlight.insight.platforms import OTHER, UNKNOWN, UNMATCHED, Platforms
from nightlight.insight.spelling import key_of, shown

#: In so many lines the header is looked for.
HEAD_LINES = 60

Head = Sequence[tuple[int, Sequence[str]]]
#: Cells that were merged, by line and column, with the cell that holds their text.
Merged = Mapping[tuple[int, int], tuple[int, int]]


class Kind(StrEnum):
    """How a table is laid out."""

    OFFENCES = "one line for each offence"
    LINES = "one line for each platform, with its count"
    WIDE = "one column for each platform"


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
    kind, columns = _kind(columns, rows, said)
    return Understood(kind, tuple(_once_each(columns, kind)), tuple(head[one][0] for one in at), headings)


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
    for place, (_, cells) in enumerate(head):
        columns = [read_header(index, text, table) for index, text in enumerate(cells)]
        if _is_header(columns):
            return _with_neighbour(head, place, columns, table)
    # With columns that a person describes by their headers, the line in which these stand is the header.
    wanted = {phrase_of(one.header) for one in said.columns if one.header}
    for place, (_, cells) in enumerate(head):
        if wanted and wanted <= {phrase_of(text) for text in cells}:
            return [place]
    seen = next((cells for _, cells in head if sum(map(bool, cells)) > 1), head[0][1] if head else ())
    raise RefusedError(
        "no_table",
        f"No line reads like a header with a platform in it. The first one says: {_quoted(seen)}.",
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
        about = {column.index for column in columns if column.role in ABOUT}
        if named and all(one.role in FIGURES and one.index not in about for one in named):
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
    return [
        _joined(index, upper[index], lower[index], table, groups=len(apart) > 1) for index in range(width)
    ]


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
    elif one.role is Role.COUNT and not platform and column.header and column.period is None:
        platform, spelling = "", ""
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
                f"There are: {_quoted([column.header for column in columns])}.",
            )
        if meant > 1:
            raise RefusedError(
                "mapping_unfit",
                f'The mapping, line {one.line}: {meant} columns have the header "{shown(one.header)}".',
                'Name them by their numbers: "column: 4".',
            )


def _kind(columns: list[Column], rows: Sequence[Sequence[str]], said: Said) -> tuple[Kind, list[Column]]:
    wide = [column for column in columns if column.role is Role.COUNT and column.platform]
    named = [column for column in columns if column.role in (Role.PLATFORM, Role.PLATFORMS)]
    if named and wide:
        raise _unclear(
            f'"{named[0].header}" names platforms, and "{wide[0].header}" is one.',
            "Say in the mapping which of them to ignore.",
        )
    if named:
        return _lines_or_offences(columns, len(named))
    if not wide:
        raise RefusedError(
            "no_table",
            f"No column is about platforms: {_quoted([column.header for column in columns if column.header])}.",
            'Give one the role "platform" in the mapping.',
        )
    first = min(column.index for column in wide)
    found = []
    for column in columns:
        if column.role is Role.COUNT and not column.platform:
            column = replace(column, role=Role.TOTAL, words=f"all offences ({column.words})")
        elif column.role is Role.IGNORE and column.index > first and _is_counted(column, rows, said):
            words = "counts under a name that is in no table of platforms"
            column = replace(column, role=Role.COUNT, platform=UNMATCHED, spelling=column.header, words=words)
        found.append(column)
    return Kind.WIDE, found


def _is_counted(column: Column, rows: Sequence[Sequence[str]], said: Said) -> bool:
    if not column.header or column.words == "the mapping says so":
        return False
    cells = [cells[column.index] for cells in rows if column.index < len(cells) and cells[column.index].strip()]
    return bool(cells) and all(_is_number(cell, said.numbers) for cell in cells)


def _is_number(text: str, numbers: Numbers) -> bool:
    try:
        read_number(text, numbers)
    except RefusedError:
        return False
    return True


def _lines_or_offences(columns: list[Column], named: int) -> tuple[Kind, list[Column]]:
    counts = [column for column in columns if column.role is Role.COUNT]
    sums = [column for column in columns if column.role is Role.SUM]
    if not counts and len(sums) == 1:
        at = sums[0].index
        columns = [replace(one, role=Role.COUNT) if one.index == at else one for one in columns]
        counts, sums = [columns[at]], []
    if counts and named > 1:
        raise _unclear("Several columns name platforms beside a count.", "Say in the mapping which to ignore.")
    spare = {Role.TOTAL, Role.KNOWN, Role.UNKNOWN} | (set() if len(counts) > 1 else {Role.SUM})
    columns = [
        replace(one, role=Role.IGNORE, words="not used: lines say which platform they count")
        if one.role in spare
        else one
        for one in columns
    ]
    return (Kind.LINES if counts else Kind.OFFENCES), columns


def _once_each(columns: Sequence[Column], kind: Kind) -> list[Column]:
    """Of columns that say the same, one is used and that is said; where it matters which, a person decides."""
    chosen: dict[Role, Column] = {}
    found = list(columns)
    if any(one.role is Role.PERIOD for one in columns):
        found = [
            replace(one, role=Role.IGNORE, words="not used: another column says the period")
            if one.role is Role.DATE
            else one
            for one in found
        ]
    for role in (Role.FORCE, Role.PERIOD, Role.DATE, Role.OFFENCE, Role.ANSWER):
        same = [one for one in found if one.role is role]
        if role is Role.DATE:
            same = [one for one in same if "recorded" in phrase_of(one.header)] or same
        elif role is Role.PERIOD:
            same = [one for one in same if "year" in phrase_of(one.header)] or same
        if len(same) > 1 and role is not Role.OFFENCE:
            raise _unclear(
                f"{_quoted([one.header for one in same])} both say the {role.value}.",
                'Give those that are not meant the role "ignore" in the mapping.',
            )
        if same:
            chosen[role] = same[0]
    used = {role: column.index for role, column in chosen.items()}
    found = [
        replace(one, role=Role.IGNORE, words=f'not used: "{chosen[one.role].header}" is taken for that')
        if used.get(one.role, one.index) != one.index
        else one
        for one in found
    ]
    said: dict[object, Column] = {}
    for one in found:
        if one.role not in FIGURES:
            continue
        about = (one.role, phrase_of(one.spelling), one.platform, one.period, one.group, one.force)
        if (other := said.setdefault(about, one)) is not one:
            raise _unclear(
                f'Two columns say the same: "{other.header}" and "{one.header}" (columns {other.index + 1} and '
                f"{one.index + 1}).",
                'Say in the mapping what parts them, or give one the role "ignore".',
            )
    del kind
    return found


def _unclear(message: str, hint: str) -> RefusedError:
    return RefusedError("columns_unclear", message, hint)


def _quoted(texts: Sequence[str]) -> str:
    given = [text for text in map(shown, texts) if text]
    more = f" and {len(given) - 8} more" if len(given) > 8 else ""
    return (", ".join(f'"{text[:40]}"' for text in given[:8]) or "nothing") + more


def _listed(lines: Collection[int]) -> str:
    return ", ".join(str(line) for line in sorted(lines))


__all__ = ["HEAD_LINES", "OTHER", "Head", "Kind", "Merged", "Understood", "understand"]
