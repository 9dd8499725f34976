"""Owners as a person names them: read by the table, of all times, and never by a guess."""

from __future__ import annotations

import pytest

from nightlight.errors import RefusedError
from nightlight.insight.owner_groups import OWNERS_MAX, with_owners
from nightlight.insight.period import read_period
from nightlight.insight.shares import shares_of
from tests.insight.answers import TABLE, offence, tally_of

EARLY = read_period("2010-01/2010-12")


def test_a_named_owner_stands_alone_and_without_dates() -> None:
    table = with_owners(TABLE, ["meta=facebook,messenger,instagram,whatsapp"])
    found = shares_of(tally_of([offence("Insta", period=EARLY), offence("Snap", period=EARLY)]), table)
    assert [(one.name, one.numerator.exact) for one in found.owners] == [("meta", 1)]
    assert table.owned("meta", EARLY)[0] == {"facebook", "facebook messenger", "instagram", "whatsapp"}


def test_without_a_named_owner_the_table_keeps_its_own() -> None:
    assert with_owners(TABLE, []) is TABLE


def test_an_owner_may_have_one_platform_twice_by_two_spellings() -> None:
    assert with_owners(TABLE, ["snap=Snapchat, snap chat"]).owned("snap", EARLY)[0] == {"snapchat"}


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        (["meta"], "owner_malformed"),
        (["=facebook"], "owner_malformed"),
        (["\u202e=facebook"], "owner_malformed"),
        (["meta="], "owner_malformed"),
        (["meta=,,"], "owner_malformed"),
        ([f"{'m' * 200}=facebook"], "owner_malformed"),
        (["meta=facebook", "Meta=instagram"], "owner_malformed"),
        ([f"o{number}=facebook" for number in range(OWNERS_MAX + 1)], "owner_malformed"),
        (["meta=other"], "no_such_platform"),
        (["meta=unknown"], "no_such_platform"),
        (["meta=<script>"], "no_such_platform"),
    ],
)
def test_an_owner_that_cannot_be_shown_is_refused(groups: list[str], code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        with_owners(TABLE, groups)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_word_that_the_table_lacks_comes_back_with_a_suggestion() -> None:
    with pytest.raises(RefusedError) as caught:
        with_owners(TABLE, ["snap=snapcaht"])
    assert "snapchat" in caught.value.hint
