"""Names as forces write them: read by a reviewed table, and by nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.insight.period import read_period
from nightlight.insight.platforms import RESERVED, Platform, read_platforms
from nightlight.insight.spelling import CELL_MAX, SHOWN_MAX, key_of
from tests.insight.answers import TABLE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FB", "facebook"),
        ("Face book", "facebook"),
        ("Insta", "instagram"),
        ("Ínstagrâm", "instagram"),
        ("What's App", "whatsapp"),
        ("What’s App", "whatsapp"),
        ("WHATS-APP ", "whatsapp"),
        ("snap chat", "snapchat"),
        ("ＳｎａｐＣｈａｔ", "snapchat"),
        ("Snap\u200bchat", "snapchat"),
        ("Messenger (FB)", "facebook messenger"),
        ("facebook_messenger", "facebook messenger"),
        ("Tik Tok", "tiktok"),
        ("Twitter", "x"),
        ("X", "x"),
        ("Twitter/X", "x"),
        ("twitter / x", "x"),
        ("You Tube", "youtube"),
        ("Ask.FM", "ask.fm"),
        ("Kik Messenger", "kik"),
    ],
)
def test_spellings_mean_one_platform(text: str, name: str) -> None:
    assert TABLE.normalise(text) == Platform(name)
    assert TABLE.read_cell(text).platforms == {name}


@pytest.mark.parametrize("text", ["", "  ", "Unknown", "not stated", "N/A", "n / a", "NOT RECORDED", "-", "?", "u/k"])
def test_nothing_stated_is_unknown(text: str) -> None:
    cell = TABLE.read_cell(text)
    assert not cell.known
    assert not cell.unmatched


def test_other_is_known_and_unnamed() -> None:
    assert TABLE.read_cell("Other").platforms == {"other"}
    assert TABLE.read_cell("Other").known
    assert TABLE.normalise("Other") is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Facebook; Instagram", {"facebook", "instagram"}),
        ("Facebook, WhatsApp and Kik", {"facebook", "whatsapp", "kik"}),
        ("Kik, and Snapchat", {"kik", "snapchat"}),
        ("Facebook/Messenger", {"facebook", "facebook messenger"}),
        ("Snap & Insta\nDiscord\r\nRoblox", {"snapchat", "instagram", "discord", "roblox"}),
        ("Ｋｉｋ；Ｓｋｙｐｅ", {"kik", "skype"}),
        ("Twitter/X/TikTok", {"x", "tiktok"}),
        ("n/a, Snapchat", {"snapchat"}),
        ("Snapchat; unknown", {"snapchat"}),
        ("FB, Facebook", {"facebook"}),
        ("ANDROID", set()),
    ],
)
def test_a_cell_is_split_where_it_names_several_and_nowhere_else(text: str, names: set[str]) -> None:
    assert TABLE.read_cell(text).platforms == names


def test_split_cell_gives_the_spellings_as_they_stand() -> None:
    assert TABLE.split_cell("Twitter/X; What's App & n/a") == ("Twitter/X", "What's App", "n/a")


def test_what_nobody_reviewed_is_kept_as_it_was_written_and_never_guessed() -> None:
    for text, suggested in [("Snapcaht", "snapchat"), ("Instagran", "instagram"), ("Snapchat messages", "snapchat")]:
        cell = TABLE.read_cell(text)
        assert (cell.platforms, cell.unmatched, cell.known) == (frozenset(), (text,), True)
        assert TABLE.normalise(text) is None
        assert TABLE.suggestion(text) == suggested
    for text in ["laptop", "k", "Кік", "👻", "Snapchat"]:
        assert TABLE.suggestion(text) is None
    assert TABLE.read_cell("👻").unmatched == ("👻",)


def test_lookalike_letters_of_another_script_match_nothing() -> None:
    assert TABLE.read_cell("Fаcebook").platforms == frozenset()


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("https://x/kik";"y")', "@SUM(A1)", "+44", "<b>kiss</b>", "' OR 1=1 --"]
)
def test_formulas_and_markup_are_text_and_name_no_platform(text: str) -> None:
    cell = TABLE.read_cell(text)
    assert not cell.platforms
    assert cell.unmatched


def test_an_address_is_not_taken_apart() -> None:
    cell = TABLE.read_cell("https://example.org/kik/x, Snapchat")
    assert cell.platforms == {"snapchat"}
    assert cell.unmatched == ("https://example.org/kik/x",)


def test_a_very_long_cell_is_one_spelling_and_takes_no_time() -> None:
    cell = TABLE.read_cell("kik," * 500_000)
    assert not cell.platforms
    assert len(cell.unmatched) == 1
    assert len(cell.unmatched[0]) <= SHOWN_MAX
    assert len(TABLE.read_cell("/" * CELL_MAX).unmatched) == 0


@given(st.text())
def test_any_text_is_read_and_what_is_shown_can_be_printed(text: str) -> None:
    cell = TABLE.read_cell(text)
    for spelling in cell.unmatched:
        assert 0 < len(spelling) <= SHOWN_MAX
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in spelling)
    TABLE.suggestion(text)


@given(
    st.lists(st.sampled_from(TABLE.names), min_size=1, max_size=6),
    st.sampled_from(["; ", ", ", "/", " and ", "&", "\n"]),
)
def test_names_joined_by_any_mark_are_found_again(names: list[str], mark: str) -> None:
    assert TABLE.read_cell(mark.join(names).upper()).platforms == set(names)


def test_every_name_of_the_table_is_its_own_spelling() -> None:
    for name in TABLE.names:
        assert TABLE.spellings[key_of(name)] == name
    assert not set(TABLE.names) & RESERVED


def test_owners_had_what_they_had_when_they_had_it() -> None:
    before, during, after = map(read_period, ("2011-04/2012-03", "2012-01/2012-12", "2012-04/2013-03"))
    assert TABLE.owned("Meta", before)[0] == {"facebook", "facebook messenger", "threads"}
    assert not TABLE.owned("Meta", before)[1]
    assert TABLE.owned("Meta", during)[1] == {"instagram"}
    assert "instagram" in TABLE.owned("Meta", after)[0]
    assert "whatsapp" not in TABLE.owned("Meta", after)[0]
    late = read_period("2023-04/2024-03")
    assert "x" in TABLE.owned("X Corp", late)[0]
    assert "x" not in TABLE.owned("Twitter, Inc.", late)[0]


HEAD = "format: nightlight-platforms/1\nunknown: [unknown]\nunnamed: [other]\n"


def test_a_known_spelling_with_a_mark_in_it_is_never_split() -> None:
    table = read_platforms((HEAD + "platforms: [{name: one, spellings: [chat & go]}, {name: go}]").encode())
    for text in ("Chat & Go", "chat and go", "CHAT&GO"):
        assert table.read_cell(text).platforms == {"one"}
    assert table.read_cell("chat, go").platforms == {"go"}
    assert table.read_cell("chat & go; go").platforms == {"one", "go"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("platforms: [{name: one, spellings: [uno]}, {name: two, spellings: [Uno]}]", "already means"),
        ("platforms: [{name: one, spellings: [unknown]}]", "already means"),
        ("platforms: [{name: other}]", "small letters"),
        ("platforms: [{name: One}]", "small letters"),
        ("platforms: [{name: one, spellings: ['--']}]", "letters or digits"),
        ("platforms: [{name: one}]\nowners: [{name: A, platforms: [{name: two}]}]", 'no "two"'),
        ("platforms: [{name: one}]\nowners: [{name: A, platforms: [{name: one, since: 2012}]}]", "A month"),
        (
            "platforms: [{name: one}]\nowners: [{name: A, platforms: [{name: one, since: 2012-02, until: 2012-01}]}]",
            "before",
        ),
    ],
)
def test_a_mistake_in_the_table_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(MalformedError, match=said) as caught:
        read_platforms((HEAD + text).encode())
    assert caught.value.problems[0].line >= 4
