"""What is kept back is kept: against somebody who has everything published, and against one who knows the rules too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.insight.suppression import K_MIN, hidden_cells, hidden_parts, percentile_safe, small

PARTS = st.dictionaries(st.integers(0, 11), st.one_of(st.integers(0, 14), st.integers(0, 500)), min_size=1)
ROWS, COLUMNS = range(4), range(5)
CELLS = st.dictionaries(
    st.tuples(st.sampled_from(ROWS), st.sampled_from(COLUMNS)), st.one_of(st.integers(0, 14), st.integers(0, 300))
)


def whole(parts: Mapping[int, int], least: int) -> tuple[Hashable, ...]:
    """All that is published of parts: the total unless it is small, and every part that is not hidden."""
    total, hidden = sum(parts.values()), hidden_parts(parts, least)
    return (
        None if small(total, least) else total,
        *(None if key in hidden else parts[key] for key in sorted(parts)),
    )


@pytest.mark.parametrize(("least", "parts", "most"), [(2, 3, 6), (3, 3, 9), (3, 2, 14), (2, 4, 5), (4, 3, 11)])
def test_whoever_knows_the_rule_as_well_cannot_tell_any_hidden_part(least: int, parts: int, most: int) -> None:
    """Every table of parts there is, put together by what is published of it: the attacker can do no better."""
    alike: dict[tuple[Hashable, ...], list[tuple[int, ...]]] = defaultdict(list)
    for values in product(range(most + 1), repeat=parts):
        alike[whole(dict(enumerate(values)), least)].append(values)
    for published, tables in alike.items():
        total = published[0]
        if not isinstance(total, int) or total > most:  # others with the same total are not among these
            continue
        for place, shown in enumerate(published[1:]):
            if shown is None:
                possible = {table[place] for table in tables}
                assert len(possible) > 1, (published, tables)
                assert max(possible) >= least, (published, tables)


@pytest.mark.parametrize(
    ("rows", "columns", "least", "most"), [(2, 2, 2, 6), (2, 2, 3, 9), (2, 3, 2, 4), (3, 2, 2, 4), (2, 3, 3, 4)]
)
def test_whoever_knows_the_rule_as_well_cannot_tell_any_hidden_cell(
    rows: int, columns: int, least: int, most: int
) -> None:
    alike: dict[tuple[Any, ...], list[tuple[int, ...]]] = defaultdict(list)
    for values in product(range(most + 1), repeat=rows * columns):
        cells = {(place // columns, place % columns): value for place, value in enumerate(values)}
        alike[publish(cells, range(rows), range(columns), least)].append(values)
    for published, tables in alike.items():
        total, _, _, cells_shown = published
        if total is None or total > most:
            continue
        for place, shown in enumerate(cells_shown):
            possible = {table[place] for table in tables}
            if shown is None and possible != {0}:  # that nobody was there may be told
                assert len(possible) > 1, (published, tables)
                assert not all(small(value, least) for value in possible), (published, tables)


def publish(cells: Mapping[tuple[int, int], int], rows: Any, columns: Any, least: int) -> tuple[Any, ...]:
    row_sums = {row: sum(cells.get((row, column), 0) for column in columns) for row in rows}
    column_sums = {column: sum(cells.get((row, column), 0) for row in rows) for column in columns}
    total, *shown_rows = whole(row_sums, least)
    _, *shown_columns = whole(column_sums, least)
    hidden = hidden_cells(cells, rows, columns, hidden_parts(row_sums, least), hidden_parts(column_sums, least), least)
    shown = tuple(None if (r, c) in hidden else cells.get((r, c), 0) for r in rows for c in columns)
    return (total, tuple(shown_rows), tuple(shown_columns), shown)


@given(parts=PARTS)
def test_no_small_part_is_said_and_hidden_ones_could_be_large(parts: dict[int, int]) -> None:
    hidden, total = hidden_parts(parts), sum(parts.values())
    assert {key for key, count in parts.items() if small(count)} <= hidden
    if hidden and not small(total):
        together = sum(parts[key] for key in hidden)
        # Where anything is said, zeros are: what is hidden then is at least 1, and leaves the others at most this.
        most = together - (len(hidden) - 1) * (len(hidden) < len(parts))
        assert len(hidden) > 1 or len(parts) == 1
        assert most >= K_MIN


@given(cells=CELLS)
def test_limits_of_every_hidden_cell_are_far_apart_and_never_small(cells: dict[tuple[int, int], int]) -> None:
    """Fréchet's limits, from every sum that can be worked out: hidden rows and columns only count together."""
    row_sums = {row: sum(cells.get((row, column), 0) for column in COLUMNS) for row in ROWS}
    column_sums = {column: sum(cells.get((row, column), 0) for row in ROWS) for column in COLUMNS}
    if small(sum(row_sums.values())):
        return
    hidden_rows, hidden_columns = hidden_parts(row_sums), hidden_parts(column_sums)
    hidden = hidden_cells(cells, ROWS, COLUMNS, hidden_rows, hidden_columns)
    assert {place for place, count in cells.items() if small(count)} <= hidden
    together: dict[tuple[int, int], int] = defaultdict(int)
    for (row, column), count in cells.items():
        together[-1 if row in hidden_rows else row, -1 if column in hidden_columns else column] += count
    # What is not shown of a row, but for columns that are hidden in every row; hidden rows are one row to everybody.
    unseen = {row: {c for c in COLUMNS if (row, c) in hidden} - hidden_columns for row in ROWS}
    block = [row for row in {row for row, _ in together} if row == -1 or unseen[row]]
    columns = {column for _, column in together}
    remain = {column: sum(together[row, column] for row in block) for column in columns}
    sums = {row: sum(together[row, column] for column in columns) for row in block}
    total = sum(sums.values())
    for row, column in product(block, columns):
        high, low = min(sums[row], remain[column]), max(0, sums[row] + remain[column] - total)
        single = len([r for r in block if sums[r]]) < 2 or len([c for c in columns if remain[c]]) < 2
        assert high == 0 or high >= K_MIN
        assert single or high == 0 or high - low >= K_MIN
        assert not (single and small(together[row, column]))


def test_ten_cells_of_one_are_not_given_away_by_their_total() -> None:
    """Ten hidden numbers that add up to ten would all be one if zeros were shown beside them."""
    parts = dict.fromkeys(range(10), 1) | dict.fromkeys(range(10, 14), 0)
    assert hidden_parts(parts) == frozenset(parts)


def test_two_nines_are_not_given_away_by_their_total() -> None:
    assert hidden_parts({0: 9, 1: 9, 2: 0}) == {0, 1, 2}
    assert hidden_parts({0: 9, 1: 9, 2: 10, 3: 10, 4: 40}) == {0, 1, 2, 3}


def test_nothing_small_nothing_hidden() -> None:
    assert hidden_parts({0: 10, 1: 0, 2: 500}) == frozenset()
    assert hidden_cells({(0, 0): 11, (1, 1): 30}, (0, 1), (0, 1), (), ()) == frozenset()


@pytest.mark.parametrize(
    ("count", "percent", "safe"), [(19, 50, False), (20, 50, True), (99, 90, False), (200, 95, True)]
)
def test_a_percentile_is_nobodys_own_time(count: int, percent: int, *, safe: bool) -> None:
    assert percentile_safe(count, percent) is safe
