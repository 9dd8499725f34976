"""People are counted well in little memory, and small numbers stay with us."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightlight.prevent.distinct import K_MIN, SIZE, Distinct, suppressed
from nightlight.prevent.names import NameKey


@given(st.lists(st.integers(0, 2**63 - 1), max_size=300))
def test_few_people_are_counted_exactly(numbers: list[int]) -> None:
    counted = Distinct()
    for number in numbers:
        counted.add(number)
    assert len(counted) == len(set(numbers))
    assert counted.exact


def test_many_people_are_estimated_in_the_same_memory() -> None:
    counted, key = Distinct(), NameKey(bytes(32))
    for turn in range(2):  # the second time round nobody is new
        for number in range(100_000):
            counted.add(key.number(f"account {number}"))
        assert 95_000 < len(counted) < 105_000, turn
    assert not counted.exact
    assert len(counted._kept) == len(counted._heap) == SIZE


CELLS = st.dictionaries(st.integers(0, 20), st.integers(0, 60), max_size=12)


@given(CELLS)
def test_no_small_number_of_people_is_said(cells: dict[int, int]) -> None:
    shown = suppressed(cells)
    assert shown.keys() == cells.keys()
    assert all(number is None or number == 0 or number >= K_MIN for number in shown.values())
    assert all(number in (None, cells[key]) for key, number in shown.items())


@given(CELLS)
def test_nothing_hidden_follows_from_the_total(cells: dict[int, int]) -> None:
    shown = suppressed(cells)
    hidden = [cells[key] for key, number in shown.items() if number is None]
    others = [key for key, number in shown.items() if number]
    if hidden and others:
        assert len(hidden) >= 2
        assert sum(hidden) >= K_MIN


def test_ten_people_in_ten_cells_are_not_given_away_by_zeros_that_are_shown() -> None:
    cells = {**dict.fromkeys(range(10), 1), 10: 0}
    assert set(suppressed(cells).values()) == {None}
