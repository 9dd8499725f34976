"""Keeping small numbers back so that what is published does not give them away.

A number of fewer than ``least`` people is not said. Whoever knows a total and all parts but one knows that part as
well, so other numbers are kept back with it. Three shapes are enough for everything here; each has its argument.

*Parts of a total* (``hidden_parts``, which says why).

*A table* whose rows and columns are parts of one total (``hidden_cells``). Hidden margins are taken together as one row
or column. Rows with a small cell are hidden whole, with as many further rows as it takes until what remains for them in
each column is nothing or not small. By Fréchet's limits a cell of such a block can be anything from
``max(0, r + c - t)`` to ``min(r, c)``: its upper limit is never small, and the limits are at least ``least`` apart.

*Parts of parts* are parts of a total again, where that total is said; where it is not, nothing about them is.

Source for the shapes: L. Willenborg and T. de Waal, "Elements of Statistical Disclosure Control", 2001, chapters 4-5.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

from nightlight.prevent.distinct import K_MIN, hidden_parts, small

__all__ = ["K_MIN", "hidden_cells", "hidden_parts", "percentile_safe", "small"]

R = TypeVar("R", bound=Hashable)
C = TypeVar("C", bound=Hashable)
#: What hidden rows are together, and hidden columns.
_TOGETHER = object()


def hidden_cells(
    cells: Mapping[tuple[R, C], int],
    rows: Collection[R],
    columns: Collection[C],
    hidden_rows: Collection[R],
    hidden_columns: Collection[C],
    least: int = K_MIN,
) -> frozenset[tuple[R, C]]:
    """Which cells are hidden where the sums of ``rows`` and ``columns`` are said, but for the hidden ones.

    ``hidden_rows`` and ``hidden_columns`` come from ``hidden_parts``; a cell that is not in ``cells`` is zero.
    """
    together: dict[tuple[object, object], int] = {}
    for (row, column), count in cells.items():
        place = (
            _TOGETHER if row in hidden_rows else row,
            _TOGETHER if column in hidden_columns else column,
        )
        together[place] = together.get(place, 0) + count
    block = _block(together, least)
    return frozenset(
        (row, column)
        for row in rows
        for column in columns
        if row in hidden_rows or column in hidden_columns or row in block
    )


def _block(cells: Mapping[tuple[object, object], int], least: int) -> set[object]:
    """Rows that are hidden whole."""
    sums, of_columns = dict[object, int](), dict[object, int]()
    for (row, column), count in cells.items():
        sums[row] = sums.get(row, 0) + count
        of_columns[column] = of_columns.get(column, 0) + count
    if any(sum(1 for count in side.values() if count) < 2 for side in (sums, of_columns)):
        return set()  # of one row or column the sums say everything, and none of them is small
    # As with parts, what is exactly ``least`` is treated as what is less.
    bare = {column for column, count in of_columns.items() if count <= least}
    block = {
        row
        for (row, column), count in cells.items()
        if count and (count < least or sums[row] <= least or column in bare)
    }
    # In the order of their sums: it is the smaller rows about which least is lost.
    waiting = sorted(
        (row for row in sums if row not in block and sums[row]),
        key=lambda row: (sums[row], row is not _TOGETHER, str(row)),
    )
    while block and not _stands(block, cells, least) and waiting:
        block.add(waiting.pop(0))
    return block


def _stands(block: Collection[object], cells: Mapping[tuple[object, object], int], least: int) -> bool:
    remain: dict[object, int] = {}
    for (row, column), count in cells.items():
        if row in block:
            remain[column] = remain.get(column, 0) + count
    return len(block) > 1 and not any(small(count, least) for count in remain.values())


def percentile_safe(count: int, percent: int, least: int = K_MIN) -> bool:
    """Whether a percentile of so many times lies among many on either side, and is nobody's own."""
    return count * percent >= 100 * least and count * (100 - percent) >= 100 * least
