"""What is written for a spreadsheet is text and numbers, whatever a stranger called it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.cli.csv_cells import csv_cell, csv_text

_RECKONED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("start", _RECKONED)
def test_a_cell_that_a_spreadsheet_would_reckon_with_is_text(start: str) -> None:
    assert str(csv_cell(f"{start}HYPERLINK(1)")).startswith("'")


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert csv_text(("a", "b", "c"), [(-5, -0.25, None)]).splitlines() == ['"a","b","c"', '-5,-0.25,""']
    assert csv_cell("snapchat") == "snapchat"


def test_a_formula_behind_another_mark_stays_in_its_quotes() -> None:
    assert csv_text(("a",), [("x;=1+1",)]).splitlines()[1] == '"x;=1+1"'


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=30), min_size=1, max_size=4))
def test_whatever_is_written_is_read_back_as_as_many_cells_and_none_is_a_formula(cells: list[str]) -> None:
    (_, *read) = csv.reader(io.StringIO(csv_text(cells, [cells]), newline=""))
    assert [len(row) for row in read] == [len(cells)]
    assert not any(cell.startswith(_RECKONED) for cell in read[0])
    assert not any(char in "\x00\u202e\u200b" for cell in read[0] for char in cell)
