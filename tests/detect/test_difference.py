"""Packs are compared in meaning: the same said otherwise is no change, and what changes something else is said."""

from __future__ import annotations

import pytest

from nightlight.detect.definition_file import read_definitions
from nightlight.detect.difference import PackDifference, pack_difference
from tests.detect.packs import starter, starter_bytes


def changed(*replaced: tuple[str, str]) -> PackDifference:
    text = starter_bytes().decode()
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return pack_difference(starter(), read_definitions(text.encode()).pack)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("target_band in minors", "target_band in ('16_17', 'under_13', '13_15')"),
        ('kind == "contact.declined" and actor_band in minors', 'actor_band in minors and kind == "contact.declined"'),
        ("minors_asked_1h >= 6", "6 <= minors_asked_1h"),
        ("known_for < days(7)", "known_for < hours(168)"),
        ('kind in ("account.device", "account.number")', 'kind in ("account.number", "account.device")'),
        ("over: 24h", "over: 1d"),
        ("title: Public rooms entered within a day", "title: Rooms for everybody"),
        ("word != \"join\"", "word not in ('join',)"),
        ("source: snapchat", "source: unvalidated"),
        ("items_30d", "devices_30d"),
    ],
)  # fmt: skip
def test_the_same_in_other_words_changes_nothing(old: str, new: str) -> None:
    found = changed((old, new))
    assert [change for change in found.changes if change.how != "renamed"] == []
    assert bool(found.changes) == (old == "items_30d")


def test_a_threshold_is_shown_before_and_after() -> None:
    (change,) = changed(
        ("minors_asked_1h >= 6", "minors_asked_1h >= 7"), ("minors_asked_1h: 6", "minors_asked_1h: 5")
    ).changes
    assert (change.kind, change.id, change.how) == ("rule", "many_minors_in_an_hour", "changed")
    ((part, was, now),) = change.parts
    assert part == "when"
    assert was.replace(">= 6", ">= 7") == now


def test_a_window_changes_every_rule_that_looks_through_it() -> None:
    found = changed(("    over: 1h\n", "    over: 2h\n"))
    hows = {(change.kind, change.id): change.how for change in found.changes}
    assert hows == {("feature", "minors_asked_1h"): "changed", ("rule", "many_minors_in_an_hour"): "follows"}


def test_a_feature_of_features_follows() -> None:
    found = changed(
        ('read: actor\n    when: kind == "contact.accepted"', 'read: target\n    when: kind == "contact.accepted"')
    )
    hows = {change.id: change.how for change in found.changes}
    assert hows == {"minors_accepted_7d": "changed", "acceptance_by_minors_7d": "follows", "hardly_accepted": "follows"}


def test_what_is_added_and_removed_is_said() -> None:
    text = starter_bytes().decode()
    start, end = text.index("  - id: many_items_of_one_account"), text.index("  - id: room_with_banned_accounts")
    cut = text[:start] + text[end:].replace("many_items_of_one_account: [sam]", "")
    less = read_definitions(cut.encode()).pack
    assert [(c.id, c.how) for c in pack_difference(starter(), less).changes] == [
        ("many_items_of_one_account", "removed")
    ]
    assert [(c.id, c.how) for c in pack_difference(less, starter()).changes] == [("many_items_of_one_account", "added")]


def test_the_words_of_a_reason_and_an_expiry_are_meaning() -> None:
    found = changed(("{items_30d} devices and numbers.", "{items_30d} devices."), ("expires: 3d", "expires: 4d"))
    assert {change.id: [part[0] for part in change.parts] for change in found.changes} == {
        "much_in_a_new_chat": ["expires"],
        "many_items_of_one_account": ["reason"],
    }
