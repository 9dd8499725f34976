"""What the page and the notices say: everything in every language, nothing that blames or tips off."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightlight.cli.data import catalogue
from nightlight.errors import RefusedError
from nightlight.model.contact import Direction, Relation
from nightlight.model.report import Category
from nightlight.prevent.notices import NOTICE_IDS
from nightlight.web.safe.words import LANGUAGES, WORDS, chosen

TEMPLATES = Path(__file__).parents[2] / "src/nightlight/web/safe/templates"


def flat(words: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in words.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def places(value: Any) -> Any:
    """What has to be filled in, or how many items a list has."""
    if isinstance(value, list):
        return len(value)
    return sorted(name for _, name, _, _ in string.Formatter().parse(value) if name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_and_fills_in_the_same(language: str) -> None:
    english = {key: places(value) for key, value in flat(WORDS["en"])}
    other = {key: places(value) for key, value in flat(WORDS[language])}
    assert other == english
    assert all(text.strip() for _, text in flat(WORDS[language]) if isinstance(text, str))
    if language != "en":
        same = {key for key, value in flat(WORDS[language]) if value == dict(flat(WORDS["en"]))[key]}
        assert same <= {"month.names", "somebody.other_hint", "countries.CA", "countries.FR"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_everything_that_can_happen(language: str) -> None:
    words = WORDS[language]
    assert set(words["category"]) == set(Category)
    for direction in (Direction.DIRECT, Direction.GROUP):
        assert set(words["asks"][direction]) == set(Relation)
    assert set(words["countries"]) == set(catalogue().countries) - {"ZZ"}
    assert len(words["month"]["names"]) == 12


def test_the_templates_hold_no_words_of_their_own() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", "", path.read_text(), flags=re.S)
        assert not re.search(r"[A-Za-z]{2,}", re.sub(r"^/safe[a-z/-]*$", "", text, flags=re.M)), path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_notice_blames_names_anybody_or_tells_an_age(language: str) -> None:
    texts = catalogue().texts[language]
    assert set(texts) == set(NOTICE_IDS)
    for notice in texts.values():
        for text in (notice.title, notice.younger, notice.teen):
            assert not re.search(r"[@{}<>]|https?:|\b1[0-8]\b", text)
            assert not re.search(r"should not have|your own fault|careless|stupid|selbst schuld|hättest", text, re.I)
    # What takes effect when is said beside the rule, on the page: here it would be true for one rule only.
    assert not re.search(r"tomorrow|morgen|demain", texts["loosening"].teen + texts["loosening"].younger)


@pytest.mark.parametrize(
    ("accepted", "wanted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", (), "de"),
        ("en;q=0.1, fr-CA;q=0.9", (), "fr"),
        ("fr", ("de",), "de"),
        ("fr", ("xx", None), "fr"),
        ("tlh, *;q=0.1", (), ""),
        ("de;q=0, en", (), "en"),
        ("de;q=nonsense, en;q=0.2", (), "en"),
        ("", (), ""),
    ],
)
def test_the_language_is_the_one_that_was_asked_for(accepted: str, wanted: tuple[str, ...], language: str) -> None:
    assert chosen(accepted, *wanted) == language


def test_an_operators_own_catalogue_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "helplines.yaml").write_text(
        'countries:\n  ZZ:\n    emergency: "110"\n    lines:\n      - { name: A, phone: "1234", checked: never }\n'
    )
    found = catalogue(tmp_path)
    assert found.helplines("GB").lines[0].name == "A"
    assert found.texts["de"] == catalogue().texts["de"]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("helplines.yaml", 'countries:\n  ZZ:\n    emergency: "call"\n    lines: []\n', "line 3, column 16"),
        ("caps.yaml", "at_most_once_in:\n  loosening: often\n", "line 2, column 14"),
        ("fr.yaml", "language: fr\nnotices:\n  first_contact:\n    title: x\n", "line 4, column 5"),
        ("es.yaml", "language: es\nnotices: {}\n", "line 2, column 10"),
    ],
)
def test_a_mistake_in_an_operators_catalogue_is_named_by_file_line_and_column(
    tmp_path: Path, name: str, text: str, place: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RefusedError) as refused:
        catalogue(tmp_path)
    assert name in refused.value.message
    assert place in refused.value.message


def test_an_empty_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no catalogue"):
        catalogue(tmp_path)
