"""Definitions in plain words say what the expressions say."""

from __future__ import annotations

import pytest

from nightlight.detect.expression import parse
from nightlight.detect.expression_words import FIELD_WORDS, expression_words
from nightlight.detect.fields import FIELDS, NEVER_MS, Type, code
from nightlight.detect.pack_words import feature_words, value_words
from nightlight.detect.time_words import about_words, duration_words
from tests.detect.packs import starter

MUTUAL = "the number of common connections"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind == 'room.joined' and mutual >= 2", f"the event is room.joined, and {MUTUAL} is at least 2"),
        ("target_band in minors", "the other one is a child or young person"),
        ("actor_band not in ('13_15', 'adult')", "the one who acts is not 13 to 15 or adult"),
        ("not (mutual < 3 or mutual == 7)", f"it is not so that ({MUTUAL} is less than 3, or {MUTUAL} is 7)"),
        ("known_for < days(7)", "the time that the one who acts is known is less than 7 days"),
        ("since != never", "“Since” is not never"),
        ("ratio(asked, mutual, otherwise=0.5) <= 1", f"“Asked” divided by {MUTUAL} (0.5 where that is 0) is at most 1"),
        ("most(asked, mutual) - 1 > 3", f"(the greatest of “Asked” and {MUTUAL} minus 1) is more than 3"),
    ],
)  # fmt: skip
def test_an_expression_in_words(text: str, words: str) -> None:
    node = parse(text, {"asked": Type.NUMBER, "since": Type.DURATION})
    assert expression_words(node, {"asked": "Asked", "since": "Since"}) == words


def test_every_field_is_spoken_of() -> None:
    assert FIELD_WORDS.keys() == FIELDS.keys()


def test_a_feature_that_is_read_by_another_key_says_so() -> None:
    pack = starter()
    (one,) = [feature for feature in pack.features if feature.id == "minors_against_30d"]
    assert "counted for the other one, within 30 days; looked up for whoever acts later" in feature_words(pack, one)


def test_times_and_values_in_words() -> None:
    assert [duration_words(ms) for ms in (60_000, 5_400_000, 86_400_000, 7 * 86_400_000, NEVER_MS)] == [
        *("1 minute", "90 minutes", "1 day", "7 days", "never")
    ]
    assert about_words(64_741_156) == "18 hours"
    assert value_words(Type.BAND, code(Type.BAND, "13_15")) == "13 15"
    assert value_words(Type.KIND, code(Type.KIND, "room.joined")) == "room.joined"
    assert value_words(Type.WORD, 0) == "none"
    assert value_words(Type.RATIO, 1 / 3) == "0.333"
