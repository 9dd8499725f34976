"""Text of strangers, shown: nothing unseen, nothing that turns a line around, nothing without end."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.adapters.packages.csv_file import addresses_csv, harmless
from nightlight.adapters.packages.shown import carried, cut
from nightlight.respond.visible import visible

ANY = st.text(st.characters(exclude_categories=()), max_size=80)


@given(ANY)
def test_nothing_unseen_is_left(text: str) -> None:
    for one in visible(text).replace("\u200c", "").replace("\u200d", ""):
        assert one in "\n\t" or not unicodedata.category(one).startswith("C")
    visible(text).encode()


@given(ANY)
def test_what_json_carries_differs_in_lone_surrogates_only(text: str) -> None:
    sound = "".join(one for one in text if not "\ud800" <= one <= "\udfff")
    assert carried(sound) == sound
    carried(text).encode()


@given(ANY, st.integers(0, 40), st.integers(1, 4))
def test_a_cut_is_a_beginning_and_counts_what_it_shows(text: str, characters: int, lines: int) -> None:
    found = cut(text, characters, lines)
    assert found.text == visible(text[: found.shown])
    assert len(found.text) <= characters
    assert found.text.count("\n") < lines
    assert found.is_cut is (found.shown < len(text))
    assert found.whole == len(text)


@pytest.mark.parametrize("text", ["שלום עולם", "مرحبا", "नमस्ते", "👩\u200d👧", "Größe", "می\u200cخواهم"])
def test_writing_of_any_people_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("a\u2066b", "a⟦U+2066⟧b"),
        ("\x1b[31m", "⟦U+001B⟧[31m"),
        ("a\r\nb", "a⟦U+000D⟧\nb"),
        ("pay\u200dpal", "pay⟦U+200D⟧pal"),
        ("\ud800", "⟦U+D800⟧"),
    ],
)
def test_tricks_are_shown_by_their_numbers(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\n"])
def test_an_address_is_never_a_formula(start: str) -> None:
    assert harmless(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


def test_addresses_stand_one_a_line_whatever_is_in_them() -> None:
    odd = ["https://one.example/a", 'https://two.example/",=1+1', "https://three.example/\u202e\r\n=1"]
    rows = list(csv.reader(io.StringIO(addresses_csv(odd).decode(), newline=""), strict=True))
    assert rows[0] == ["Address of the content"]
    assert [row[0] for row in rows[1:3]] == odd[:2]
    assert rows[3] == ["https://three.example/⟦U+202E⟧⟦U+000D⟧\n=1"]
