"""A file of definitions is data that somebody wrote: every mistake is said where it was made."""

from __future__ import annotations

import pytest

from nightlight.detect.definition_file import read_definitions
from nightlight.hazmat.strict_yaml import MalformedError
from tests.detect.packs import text_of

ASKED = """\
- id: asked
  title: Asked within a day
  count_distinct: target
  per: actor
  when: kind == "contact.requested"
  over: 24h
  lifetime: 30d
  purpose: contact
  source: S
"""
MANY = """\
- id: many
  title: Asks many
  family: fan_out
  severity: low
  when: kind == "contact.requested" and asked >= 3
  reason: It asked {asked}.
  expires: 7d
  source: unvalidated
"""


def problems(data: bytes) -> list[str]:
    with pytest.raises(MalformedError) as caught:
        read_definitions(data)
    assert caught.value.code == "definitions_malformed"
    return [str(problem) for problem in caught.value.problems if not problem.warning]


def test_a_sound_file_is_read() -> None:
    checked = read_definitions(text_of(ASKED, MANY))
    assert [feature.id for feature in checked.pack.features] == ["asked"]
    assert [rule.id for rule in checked.pack.rules] == ["many"]
    assert checked.warnings == ()
    assert checked.pack.reference.startswith("test@1#")


@pytest.mark.parametrize(
    ("features", "rules", "said"),
    [
        (ASKED.replace("over: 24h", "over: 31d"), MANY, "longer than the lifetime"),
        (ASKED.replace("lifetime: 30d", "lifetime: 31d"), MANY, "nothing is kept longer than 30 days"),
        (ASKED.replace("  over: 24h\n", ""), MANY, '"over" is missing'),
        (ASKED.replace("count_distinct: target", "count_distinct: messages"), MANY, "messages"),
        (ASKED.replace("per: actor", "per: acter"), MANY, 'Did you mean "actor"?'),
        (ASKED.replace("purpose: contact", "purpose: marketing"), MANY, "marketing"),
        (ASKED.replace("source: S", "source: rumour"), MANY, "rumour"),
        (ASKED + "  count: events\n", MANY, "one of"),
        (ASKED + ASKED, MANY, "twice"),
        (ASKED.replace("id: asked", "id: actor"), MANY, "means something else"),
        (ASKED.replace("id: asked", "id: asked; drop"), MANY, "small letters"),
        (ASKED + "  colour: red\n", MANY, "colour"),
        (ASKED, MANY.replace("asked >= 3", "askd >= 3"), 'Did you mean "asked"?'),
        (ASKED, MANY.replace("asked >= 3", "asked >= 3 and asked < 2"), "never true"),
        (ASKED, MANY.replace("asked >= 3", "asked < 0"), "never true"),
        (ASKED, MANY.replace("asked >= 3", "kind == 'room.left'"), "never true"),
        (ASKED, MANY.replace("{asked}", "{askd}"), "askd"),
        (ASKED, MANY.replace("{asked}", "{actor}"), "actor"),
        (ASKED, MANY.replace("family: fan_out", "family: fanout"), 'Did you mean "fan_out"?'),
        (ASKED, MANY.replace("expires: 7d", "expires: 91d"), "90 days at most"),
        (ASKED, MANY.replace("expires: 7d", "expires: soon"), "a time such as"),
        (ASKED, MANY.replace('when: kind == "contact.requested" and asked >= 3', "when: asked"), "true or false"),
    ],
)
def test_a_mistake_is_said_at_its_place(features: str, rules: str, said: str) -> None:
    found = problems(text_of(features, rules))
    assert any(said in problem for problem in found), found


def test_line_and_column_point_into_the_expression() -> None:
    data = text_of(ASKED, MANY.replace("asked >= 3", "askd >= 3"))
    [problem] = problems(data)
    line, column = (int(part.split()[-1]) for part in problem.split(":")[0].split(","))
    assert data.decode().splitlines()[line - 1][column - 1 :].startswith("askd")


def test_a_feature_nobody_asks_for_is_a_warning() -> None:
    [warning] = read_definitions(text_of(ASKED)).warnings
    assert "No rule asks for asked" in str(warning)


def test_a_filter_of_a_feature_knows_no_features() -> None:
    found = problems(text_of(ASKED.replace('"contact.requested"', '"contact.requested" and asked > 2'), MANY))
    assert any('no "asked"' in problem for problem in found)


def test_examples_are_checked_too() -> None:
    examples = """\
    examples:
      - title: One
        given:
          - { at: 0s, kind: contact.asked, actor: sam }
        features: { askd: 3 }
        signals: { mny: [sam] }
    """
    found = problems(text_of(ASKED, MANY, examples))
    assert [word for word in ("contact.asked", "askd", "mny") if not any(word in problem for problem in found)] == []


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b"a: &x 1\nb: *x", b"format: !!python/object:os.system x"])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    assert problems(data)
