"""How a table is laid out, and which of several columns that say the same is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.insight.cells import Numbers, read_number
from nightlight.insight.headers import FIGURES, Column, Role, phrase_of
from nightlight.insight.mapping import Mapping
from nightlight.insight.platforms import UNMATCHED
from nightlight.insight.spelling import shown


class Kind(StrEnum):
    """How a table is laid out."""

    OFFENCES = "one line for each offence"
    LINES = "one line for each platform, with its count"
    WIDE = "one column for each platform"


def layout_of(columns: list[Column], rows: Sequence[Sequence[str]], said: Mapping) -> tuple[Kind, list[Column]]:
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
            f"No column is about platforms: {quoted([column.header for column in columns if column.header])}.",
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


def _is_counted(column: Column, rows: Sequence[Sequence[str]], said: Mapping) -> bool:
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


def once_each(columns: Sequence[Column]) -> list[Column]:
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
                f"{quoted([one.header for one in same])} both say the {role.value}.",
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
    return found


def _unclear(message: str, hint: str) -> RefusedError:
    return RefusedError("columns_unclear", message, hint)


def quoted(texts: Sequence[str]) -> str:
    given = [text for text in map(shown, texts) if text]
    more = f" and {len(given) - 8} more" if len(given) > 8 else ""
    return (", ".join(f'"{text[:40]}"' for text in given[:8]) or "nothing") + more
