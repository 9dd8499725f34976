"""Retention rules are data: what cannot be meant is refused, at its line and column, with what was probably meant."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.model.retention import Record
from nightlight.respond.retention_rules import ClockStart, read_retention_rules
from tests.respond.rule_files import SHIPPED, everything, rule, rules_of


def problems(text: str) -> list[str]:
    with pytest.raises(MalformedError) as caught:
        read_retention_rules(text.encode())
    assert caught.value.code == "retention_malformed"
    return [str(problem) for problem in caught.value.problems]


def shipped(old: str, new: str) -> str:
    text = SHIPPED.decode()
    assert old in text
    return text.replace(old, new, 1)


def where(text: str, word: str) -> str:
    """The place of a word in a text, as problems say it."""
    before = text[: text.index(word)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def test_shipped_rules_can_be_used_and_name_a_law_each() -> None:
    rules = read_retention_rules(SHIPPED)
    assert rules.reference.startswith("shipped@1#")
    assert {item.legal_basis for item in rules.rules} == set(rules.sources)
    assert all(rule.why for rule in rules.rules)
    assert {item.start for item in rules.rules} >= {ClockStart.CASE_DECIDED, ClockStart.REFERRAL_FINISHED}


@pytest.mark.parametrize(
    ("old", "new", "word", "said"),
    [
        ("records: agency_reference", "records: agency_refrence", "agency_refrence", '"agency_reference"?'),
        ("from: referral_finished", "from: referal_finished", "referal_finished", 'Did you mean "referral_finished"?'),
        ("referred_to: ncmec", "referred_to: ncmek", "ncmek", 'Did you mean "ncmec"?'),
        ("{outcome: no_violation}", "{outcome: no_violaton}", "no_violaton", 'Did you mean "no_violation"?'),
        ("{outcome: no_violation}", "{outcom: no_violation}", "outcom:", 'Did you mean "outcome"?'),
        ("legal_basis: us-2258a", "legal_basis: us-2258b", "us-2258b", 'Did you mean "us-2258a"?'),
        ("at_least: 1 year", "at_leest: 1 year", "at_leest", 'Did you mean "at_least"?'),
        ("at_least: 1 year", "at_least: 1 yeer", "1 yeer", "a period belongs here"),
        ("at_least: 1 year", "at_least: one year", "one year", "a period belongs here"),
        ("at_least: 1 year", "at_least: 0 years", "0 years", "a period belongs here"),
        ("at_least: 1 year", "at_least: -1 years", "-1 years", "a period belongs here"),
        ("at_least: 1 year", "at_least: 101 years", "101 years", "at most 100 years"),
        ("at_least: 1 year", "at_least: 36601 days", "36601 days", "at most 100 years"),
        ("id: uk-nca-data", "id: us-cybertipline", "us-cybertipline\n    records: [case_evidence, report, decision,",
         "The id \"us-cybertipline\" is taken."),
        ("id: uk-nca-data", "id: UK NCA", "UK NCA", "small letters"),
        ("format: nightlight-retention/1", "format: nightlight-retention/2", "nightlight-retention/2", "The format is"),
        ("country: US", "country: usa", "usa", "two capital letters"),
        ("{preservation: true}", "{preservation: false}", "false", "only true"),
        ("names: [NCA,", "names: [NCMEC,", "NCMEC, National Crime", "ncmec is called so as well"),
        ("  ncmec:\n", "  anybody:\n", "anybody:\n", "small letters"),
    ],
)  # fmt: skip
def test_mistake_is_shown_where_it_was_made(old: str, new: str, word: str, said: str) -> None:
    text = shipped(old, new)
    found = problems(text)
    at = [line for line in found if line.startswith(where(text, word) + ":")]
    assert at, found
    assert said in " ".join(at)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rule("x", "report", at_most=None), "Neither at_least nor at_most"),
        (rule("x", "report", at_least="1 year"), "Both at_least and at_most"),
        (rule("x", []), "the list is empty"),
        (rule("x", ["report", "report"]), "stands here twice"),
        (rule("x", "report", why="  "), "why: a text belongs here"),
        (rule("x", "report", legal_basis=None), '"legal_basis" is missing'),
        (rule("x", "report", **{"from": "referral_finished"}), "nothing is said of a referral"),
        (rule("x", "report", **{"from": "preservation_requested"}), "nothing is said of a request"),
        (rule("x", "report", when={}), "no condition stands here"),
        (rule("x", "report", when={"country": "FR"}), 'there is no "FR"'),
        (rule("x", "report", when="always"), "Here belong keys and values"),
    ],
)
def test_rule_that_says_nothing_sensible_is_refused(made: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedError) as caught:
        rules_of(made, everything())
    assert said in " ".join(map(str, caught.value.problems))


def test_record_that_no_rule_is_for_would_be_kept_for_ever_and_is_refused() -> None:
    some = [record.value for record in Record if record is not Record.DECISION]
    with pytest.raises(RefusedError, match="how long decision is kept where there was no referral"):
        rules_of(rule("x", some))
    # A rule for referred cases alone, or for one outcome, does not do.
    for when in ({"referred_to": "anybody"}, {"outcome": "violation"}, {"source": "report"}, {"preservation": True}):
        with pytest.raises(RefusedError, match="how long decision is kept"):
            rules_of(rule("x", some), rule("y", "decision", when=when))
    assert rules_of(rule("x", some), rule("y", "decision")).rules


def test_every_mistake_is_shown_and_not_only_the_first() -> None:
    text = shipped("at_least: 1 year", "at_least: soon").replace("legal_basis: us-2703f", "legal_basis: us-2703")
    assert len(problems(text)) == 2


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        read_retention_rules(data)


WORDS = st.sampled_from(
    ["report", "1 year", "when", "ncmec", "", "case_decided", "&a", "!x", "null", "2", "[", "{a: 1}"]
)


@given(st.lists(st.tuples(st.integers(0, 400), WORDS), min_size=1, max_size=4))
def test_shipped_rules_with_words_changed_are_read_or_refused(changes: list[tuple[int, str]]) -> None:
    words = SHIPPED.decode().split(" ")
    for at, word in changes:
        words[at % len(words)] = word
    with suppress(MalformedError):
        read_retention_rules(" ".join(words).encode())


def test_agencies_are_known_by_every_name_they_have() -> None:
    rules = read_retention_rules(SHIPPED)
    for name in ("ncmec", "NCMEC", " National Center for Missing & Exploited Children "):
        found = rules.agency(name)
        assert found is not None
        assert (found.code, found.country) == ("ncmec", "US")
    assert rules.agency("Example Agency") is None


def test_rules_are_named_by_their_bytes() -> None:
    changed = yaml.safe_load(SHIPPED)
    changed["rules"][0]["at_least"] = "2 years"
    again = read_retention_rules(yaml.safe_dump(changed).encode())
    assert again.reference != read_retention_rules(SHIPPED).reference
