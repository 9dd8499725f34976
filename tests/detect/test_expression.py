"""The language of rules: what it accepts means one thing, and everything else is refused at its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.detect.evaluate import evaluator
from nightlight.detect.expression import ExpressionError, kinds_of, names_of, parse, parse_truth, type_of
from nightlight.detect.fields import KINDS, NEVER_MS, Seen, Type, code

FEATURES = {"asked": Type.NUMBER, "share": Type.RATIO, "since": Type.DURATION}
REQUESTED = code(Type.KIND, "contact.requested")


def value(text: str, *, seen: Seen | None = None, **features: float) -> float:
    event = seen or Seen(number=1, t=1_000, kind=REQUESTED, actor=1, target_band=code(Type.BAND, "13_15"))
    return evaluator(parse(text, FEATURES))(event, lambda name: features[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("asked >= 10", True),
        ("2 <= asked < 12", True),
        ("2 <= asked < 10", False),
        ("asked + 2 * 3 == 16", True),
        ("not asked > 3 or share < 0.5", True),
        ("target_band in minors and kind == 'contact.requested'", True),
        ("target_band not in ('adult', 'unknown')", True),
        ("since < days(1) and since >= hours(1)", True),
        ("since == never", False),
        ("ratio(asked, asked - 10, otherwise=1.0) > 0.9", True),
        ("least(asked, 3) == 3 and most(asked, 3) == 10", True),
        ("actor == actor", True),
    ],
)
def test_what_an_expression_means(text: str, expected: bool) -> None:
    assert value(text, asked=10, share=0.25, since=7_200_000) is expected


def test_nothing_divides_by_zero() -> None:
    assert value("ratio(asked, asked, otherwise=0.25)", asked=0) == 0.25


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("askd > 3", 1, 'no "askd"'),
        ("asked > 3 and targt_band in minors", 15, 'no "targt_band"'),
        ("asked > hours(1)", 1, "compared"),
        ("asked / 2 > 1", 1, "no division"),
        ("asked > 3 and share", 15, "true or false"),
        ("kind == 'contact.requestet'", 9, "contact.requestet"),
        ("kind == target_band", 1, "compared"),
        ("asked > __import__('os').system('x')", 9, "cannot be called"),
        ("sum(asked) > 3", 1, "sum"),
        ("(lambda: 1)() > 0", 1, "call"),
        ("asked.real > 1", 1, "no place"),
        ("asked[0] > 1", 1, "no place"),
        ("[a for a in b]", 1, "no place"),
        ("asked is 3", 1, "is"),
        ("asked >", 8, "no expression"),
        ("ratio(asked, asked) > 1", 1, "whole is 0"),
        ("hours(asked) > since", 1, "whole number"),
        ("asked > 10000000000", 9, "Numbers go to"),
        ("asked > 1j", 9, "no place"),
        ("asked ** 9 > 1", 1, "operator"),
        ("target_band in adults", 16, "a list of words"),
        ("minors == target_band", 1, "several words"),
        ("actor > target", 1, "not more or less"),
        ("f'{asked}' == 'a'", 1, "no place"),
        ("(asked := 3) > 1", 2, "no place"),
    ],
)
def test_a_mistake_is_refused_at_its_place(text: str, column: int, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, FEATURES)
    assert said.lower() in f"{caught.value.message} {caught.value.hint}".lower()
    assert caught.value.column == column


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("targetband in minors", FEATURES)
    assert "target_band" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["(" * 300 + "1" + ")" * 300, "not " * 300 + "asked > 1", "a" * 1_001, "-" * 900 + "1"]
)
def test_an_expression_cannot_exhaust_the_parser(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, FEATURES)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        node = parse(text, FEATURES)
    except ExpressionError as e:
        found = (e.line >= 1, e.column >= 1, bool(e.message))
    else:
        found = (type_of(node) in Type, True, True)
    assert found == (True, True, True)


def test_a_condition_is_true_or_false() -> None:
    with pytest.raises(ExpressionError, match="true or false"):
        parse_truth("asked + 1", FEATURES)


def test_what_an_expression_asks_for_and_is_about() -> None:
    node = parse("kind in ('contact.requested', 'contact.decided') and (asked > 1 or share > 0.5)", FEATURES)
    assert names_of(node) == {"kind", "asked", "share"}
    assert {KINDS[kind] for kind in kinds_of(node) or ()} == {"contact.requested", "contact.decided"}
    assert kinds_of(parse("asked > 1", FEATURES)) is None
    assert kinds_of(parse("kind == 'room.left' or asked > 1", FEATURES)) is None


def test_never_is_longer_than_anything() -> None:
    assert value("since == never", since=NEVER_MS) is True
    assert value("since > days(10000)", since=NEVER_MS) is True
