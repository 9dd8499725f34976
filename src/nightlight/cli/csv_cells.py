"""Tables as CSV that people open in a spreadsheet, where a stranger's text must never become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from nightlight.adapters.packages.csv_file import harmless

Cell = str | int | float | None


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """RFC 4180. Numbers stay numbers; text that a spreadsheet would reckon with stands behind an apostrophe.

    Text is quoted, so that a spreadsheet that parts cells at other marks finds no formula behind one either.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(list(head))
    writer.writerows([csv_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def csv_cell(cell: Cell) -> str | int | float:
    return ("" if cell is None else harmless(cell)) if cell is None or isinstance(cell, str) else cell
