"""Importing accounts from a table: line by line, in bounded memory; what does not fit is set aside with its reason."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.flows.accounts import AccountBook, AccountLine, RefusedLine
from nightlight.prevent.event_reader import TIME_MAX

COLUMNS = ("account", "age_band", "assurance", "birth_month", "created_at")
_BATCH = 2_000
#: Longer than any line that fits: somebody forgot a quotation mark.
_LINE_CHARS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Imported:
    """``lines``: how many were read, without the header."""

    lines: int
    changed: int
    unchanged: int
    refused: int


def import_accounts(
    book: AccountBook,
    text: Iterable[str],
    by: str,
    refuse: Callable[[RefusedLine], object],
    *,
    dry: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> Imported:
    """Imports lines of comma-separated values (RFC 4180) with a header.

    Every batch is durable by itself: an import that was cut short is begun again, and what is there already changes
    nothing. ``refuse`` gets each line that does not fit. ``progress`` gets the number of lines read so far.
    ``RefusedError``: ``import_header``, ``import_not_csv``.
    """
    lines = _lines(text)
    read = changed = unchanged = refused = 0
    while batch := list(itertools.islice(lines, _BATCH)):
        good = [(number, line) for number, line in batch if isinstance(line, AccountLine)]
        result = book.put_all(good, by, dry=dry)
        bad = [line for _, line in batch if isinstance(line, RefusedLine)]
        for line in sorted([*bad, *result.refused], key=lambda one: one.number):
            refuse(line)
            refused += 1
        read, changed, unchanged = read + len(batch), changed + result.changed, unchanged + result.unchanged
        progress(read)
    return Imported(read, changed, unchanged, refused)


def _lines(text: Iterable[str]) -> Iterator[tuple[int, AccountLine | RefusedLine]]:
    rows = csv.reader(_bounded(text), strict=True)
    columns = _header(next(_rows(rows), None))
    for row in _rows(rows):
        if not row:
            continue
        number = rows.line_num
        if len(row) != len(columns):
            message = f"{len(row)} fields where the header has {len(columns)}."
            yield number, RefusedLine(number, "line_malformed", message)
            continue
        yield number, _line(number, dict(zip(columns, row, strict=True)))


def _rows(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as e:
            number = getattr(rows, "line_num", 0)
            raise RefusedError(
                "import_not_csv",
                f"From line {number} on this is no table of comma-separated values: {e}.",
                "Mend the file and run it again: what is here already changes nothing.",
            ) from None
        yield row


def _bounded(text: Iterable[str]) -> Iterator[str]:
    try:
        for number, line in enumerate(text, 1):
            if len(line) > _LINE_CHARS_MAX:
                raise RefusedError("import_not_csv", f"Line {number} is longer than any line that fits.")
            yield line.replace("\x00", "\ufffd")
    except UnicodeDecodeError:
        raise RefusedError("import_not_csv", "This file is not UTF-8.", "Save it as CSV UTF-8.") from None


def _header(row: list[str] | None) -> list[str]:
    columns = [name.strip().lower() for name in row or []]
    hint = f"The columns are {', '.join(COLUMNS)}; account has to be there."
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise RefusedError("import_header", f"The header has a column {unknown[0][:40]!r}.", hint)
    if "account" not in columns or len(set(columns)) != len(columns):
        raise RefusedError("import_header", "The first line has to name every column once, account among them.", hint)
    return columns


def _line(number: int, values: dict[str, str]) -> AccountLine | RefusedLine:
    given = {name: value.strip() or None for name, value in values.items()}
    created = given.get("created_at")
    if created is not None and not (created.isascii() and created.isdecimal() and int(created[:20]) <= TIME_MAX):
        return RefusedLine(number, "line_malformed", "created_at: milliseconds since 1970, as a whole number.")
    return AccountLine(
        given.get("account") or "",
        given.get("age_band"),
        given.get("assurance"),
        given.get("birth_month"),
        None if created is None else int(created),
    )
