"""A policy file is data that somebody wrote: every mistake is refused where it was made."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import BYTES_MAX, MalformedError
from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactOutcome
from nightlight.prevent.policy import Appearance, Loosener
from nightlight.prevent.policy_file import read_policy

HEAD = """\
format: nightlight-contact-policy/1
name: test
version: "1"
description: For tests.
sources:
  S: somewhere
"""
REST = """\
  - {id: rest, from: anyone, to: anyone, relation: any, direction: any, outcome: allow, source: S}
"""


def policy_text(rows: str = "", more: str = "") -> bytes:
    return (HEAD + "matrix:\n" + textwrap.indent(textwrap.dedent(rows), "  ") + REST + textwrap.dedent(more)).encode()


def problems(data: bytes) -> list[str]:
    with pytest.raises(MalformedError) as caught:
        read_policy(data)
    assert caught.value.code == "policy_malformed"
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_policy_is_read() -> None:
    checked = read_policy(
        policy_text(
            """\
            - id: strangers
              from: [adult, unknown]
              to: minor
              relation: [stranger, mutual]
              direction: direct
              outcome: hold
              for: 2d
              source: S
            """,
            """\
            denied_looks: invites_blocked
            protections:
              - id: known-only
                title: Only people I know
                relation: stranger
                at_least: request
                loosened_by: {under_13: nobody, 16_17: self}
                source: S
            conditions:
              - id: young-account
                when: {account_age: {below: 90m}, from_assurance: {below: verified}, remote: true}
                to: minor
                at_least: deny
                source: S
            limits:
              - {id: many, to: minor, counts: request, most: 5, per: 24h, then: deny, source: S}
            """,
        )
    )
    policy = checked.policy
    assert checked.warnings == ()
    assert policy.denied_looks is Appearance.INVITES_BLOCKED
    assert policy.rows[0].outcome is ContactOutcome.HOLD
    assert policy.rows[0].hold_ms == 2 * 24 * 3_600_000
    assert [(test.fact.name, test.bound) for test in policy.conditions[0].tests] == [
        ("account_age", 2),  # 90 minutes, in hours, rounded to the careful side
        ("from_assurance", 3),
        ("remote", 1),
    ]
    protection = policy.protections[0]
    assert protection.loosener(AgeBand.AGE_16_17) is Loosener.SELF
    assert protection.loosener(AgeBand.UNDER_13) is protection.loosener(AgeBand.ADULT) is Loosener.NOBODY
    assert policy.limits[0].most == 5
    assert policy.reference.startswith("test@1#")


@pytest.mark.parametrize(
    ("rows", "more", "expected"),
    [
        (
            "- {id: a, from: teenager, to: anyone, relation: any, direction: any, outcome: allow, source: S}",
            "",
            'line 8, column 19: from: there is no "teenager". Known: under_13, 13_15, 16_17, adult, unknown',
        ),
        (
            "- {id: a, from: adults, to: anyone, relation: any, direction: any, outcome: allow, source: S}",
            "",
            'Did you mean "adult"?',
        ),
        (
            "- {id: a, from: adult, to: anyone, relation: any, direction: any, outcome: hold, source: S}",
            "",
            'A hold needs its time: "for: 24h".',
        ),
        (
            "- {id: a, from: adult, to: anyone, relation: any, direction: any, outcome: hold, for: 99d, source: S}",
            "",
            "A hold lasts at most 30d.",
        ),
        (
            "- {id: a, from: adult, to: anyone, relation: any, direction: any, outcome: deny, for: 1d, source: S}",
            "",
            '"for" goes with hold, not with deny.',
        ),
        (
            "- {id: a, from: adult, to: [], relation: any, direction: any, outcome: deny, source: S}",
            "",
            "to: the list is empty, so nothing is meant.",
        ),
        (
            "- {id: a, from: adult, to: minor, relation: any, direction: any, outcome: deny, source: Q}",
            "",
            'source: there is no "Q".',
        ),
        (
            "- {id: rest, from: adult, to: minor, relation: any, direction: any, outcome: deny, source: S}",
            "",
            'The id "rest" is taken.',
        ),
        ("- {id: a, from: adult, outcome: deny, source: S}", "", '"relation" is missing.'),
        (
            "- {id: A!, from: adult, to: minor, relation: any, direction: any, outcome: deny, source: S}",
            "",
            "An id is made of small letters, digits and hyphens.",
        ),
        (
            "- {id: a, from: adult, to: minor, relation: any, direction: any, outcome: deny, outcome: hold, source: S}",
            "",
            '"outcome" stands here twice.',
        ),
        (
            "- {id: blocked, from: adult, to: minor, relation: any, direction: any, outcome: deny, source: S}",
            "",
            'The id "blocked" is taken.',
        ),
        (
            "",
            "conditions:\n  - {id: c, when: {minor_blocks: {below: 3}}, at_least: deny, source: S}",
            "minor_blocks: more of it is the greater risk, so only at_least can be asked.",
        ),
        (
            "",
            "conditions:\n  - {id: c, when: {account_age: {at_least: 3d}}, at_least: deny, source: S}",
            "account_age: less of it is the greater risk, so only below can be asked.",
        ),
        (
            "",
            "conditions:\n  - {id: c, when: {minor_block: {at_least: 3}}, at_least: deny, source: S}",
            'Did you mean "minor_blocks"?',
        ),
        (
            "",
            "conditions:\n  - {id: c, when: {watched: false}, at_least: deny, source: S}",
            "watched: only true can make an outcome stricter.",
        ),
        ("", "conditions:\n  - {id: c, when: {}, at_least: deny, source: S}", "asks for at least one fact"),
        (
            "",
            "conditions:\n  - {id: c, when: {minor_blocks: {at_least: -1}}, at_least: deny, source: S}",
            "minor_blocks: a whole number from 1 to 1,000,000 belongs here.",
        ),
        (
            "",
            "limits:\n  - {id: l, counts: request, most: 5, per: 1d, then: request, source: S}",
            '"request" is no stricter than "request", which is counted.',
        ),
        (
            "",
            "limits:\n  - {id: l, counts: request, most: 0, per: 1 day, then: deny, source: S}",
            "per: a duration belongs here, such as 30m, 24h or 7d.",
        ),
        (
            "",
            "protections:\n  - {id: p, title: T, at_least: deny, loosened_by: {grown_up: self}, source: S}",
            'loosened_by: there is no band "grown_up".',
        ),
        (
            "- {id: a, from: anyone, to: anyone, relation: any, direction: any, outcome: deny, source: S}",
            "",
            "Row rest is never reached: a cover all of it, and it contradicts row a (line 8): deny there, allow here.",
        ),
    ],
)
def test_a_mistake_is_shown_where_it_was_made(rows: str, more: str, expected: str) -> None:
    found = problems(policy_text(rows + "\n" if rows else "", more))
    assert any(expected in problem for problem in found), found


def test_every_mistake_is_shown_at_once() -> None:
    found = problems(
        policy_text(
            "- {id: a, from: nobody, to: minor, relation: friend, direction: any, outcome: maybe, source: S}\n",
            "limits: 3\n",
        )
    )
    assert len(found) == 4


def test_a_matrix_with_holes_is_refused_and_the_holes_are_named() -> None:
    text = HEAD + (
        "matrix:\n  - {id: a, from: anyone, to: anyone, relation: [connected, address_book, shared_room, mutual], "
        "direction: any, outcome: allow, source: S}\n"
    )
    (found,) = problems(text.encode())
    assert "100 cells of the matrix have no row: under_13 → under_13, stranger, direct" in found


def test_a_row_that_is_never_reached_is_reported() -> None:
    checked = read_policy(
        policy_text(
            """\
            - {id: a, from: adult, to: minor, relation: any, direction: any, outcome: deny, source: S}
            - {id: b, from: adult, to: 13_15, relation: stranger, direction: any, outcome: deny, source: S}
            """
        )
    )
    assert [warning.line for warning in checked.warnings] == [9]
    assert "Row b is never reached" in checked.warnings[0].message


def test_a_rule_that_changes_nothing_is_reported() -> None:
    checked = read_policy(
        policy_text(
            "- {id: a, from: adult, to: minor, relation: any, direction: any, outcome: deny, source: S}\n",
            "conditions:\n  - {id: c, from: adult, to: minor, when: {watched: true}, at_least: request, source: S}",
        )
    )
    assert ['"c" never changes anything' in warning.message for warning in checked.warnings] == [True]


BOMBS = {
    "billion laughs": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "an anchor alone": "a: &a x\n",
    "a tag that makes an object": "a: !!python/object/apply:os.system [true]\n",
    "a tag of one's own": "a: !thing x\n",
    "merge key": "a: {<<: {b: c}}\n",
    "deep nesting": "[" * 100_000,
    "deep mappings": "{a: " * 5_000,
    "many values": "- x\n" * 30_000,
    "two documents": "a: b\n---\nc: d\n",
    "nothing": "",
    "a comment": "# nothing\n",
    "null byte": "a: \x00\n",
    "only a text": "hello",
    "a list": "- a\n- b\n",
    "unclosed": "a: [b, c\n",
    "tab": "a:\n\t- b\n",
    "a long line": "a: " + "x" * BYTES_MAX,
    "a complex key": "? [a, b]\n: c\n",
    "a number as key": "1: 2\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_yaml_bomb_is_refused_at_once(text: str) -> None:
    assert problems(text.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    assert problems(b"a: b\n\xff\xfe\n") == ["line 2, column 1: The file is not UTF-8 text."]


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(RefusedError):
        read_policy(data)


@given(st.data())
def test_a_bent_policy_is_refused_or_read_and_never_crashes(data: st.DataObject) -> None:
    whole = policy_text(
        "- {id: a, from: adult, to: minor, relation: any, direction: any, outcome: hold, for: 1d, source: S}\n",
        "limits:\n  - {id: l, counts: allow, most: 5, per: 1d, then: deny, source: S}\n",
    )
    at = data.draw(st.integers(0, len(whole) - 1))
    bent = whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + data.draw(st.integers(0, 6)) :]
    try:
        found = read_policy(bent).warnings
    except MalformedError as e:
        found = e.problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found)
