"""What changes between two policies is said completely, and in few lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightlight.model.account import AgeBand
from nightlight.model.contact import Direction, Relation
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.difference import difference
from nightlight.prevent.matrix import Box, boxes, sheet, standing
from nightlight.prevent.policy import CELLS, Appearance, Cell
from nightlight.prevent.policy_file import read_policy
from nightlight.prevent.policy_words import decision_words, duration
from tests.prevent.presets import POLICIES, text
from tests.prevent.test_policy_properties import POLICY


def changed(name: str, *replaced: tuple[str, str]) -> CompiledPolicy:
    """A preset with a few words of it replaced; each of them has to be there once."""
    whole = text(name).decode()
    for old, new in replaced:
        assert whole.count(old) == 1, old
        whole = whole.replace(old, new)
    return CompiledPolicy(read_policy(whole.encode()).policy)


def inside(box: Box) -> set[Cell]:
    return {
        Cell(who, to, relation, direction)
        for who in box.from_bands
        for to in box.to_bands
        for relation in box.relations
        for direction in box.directions
    }


@given(st.sets(st.sampled_from(CELLS)))
def test_boxes_hold_exactly_the_cells_and_none_twice(cells: set[Cell]) -> None:
    found = boxes(cells)
    assert sum(map(len, found)) == len(cells)
    assert set().union(*map(inside, found)) == cells


def test_everything_is_one_box() -> None:
    (box,) = boxes(CELLS)
    assert str(box) == "anyone → anyone, any relation, any direction"


@given(POLICY, st.sampled_from(Direction))
def test_a_sheet_says_every_cell_of_its_direction_once(policy: CompiledPolicy, direction: Direction) -> None:
    values = standing(policy)
    said = {
        Cell(who, to, relation, direction): value
        for line in sheet(direction, values)
        for who in line.from_bands
        for to in line.to_bands
        for relation, value in zip(Relation, line.values, strict=True)
    }
    assert said == {cell: value for cell, value in values.items() if cell.direction is direction}
    assert sum(len(line.from_bands) * len(line.to_bands) for line in sheet(direction, values)) == len(AgeBand) ** 2


@given(POLICY, POLICY)
def test_every_changed_cell_is_in_exactly_one_group(before: CompiledPolicy, after: CompiledPolicy) -> None:
    found = difference(before, after)
    old, new = standing(before), standing(after)
    differs = {cell for cell in CELLS if decision_words(old[cell]) != decision_words(new[cell])}
    assert {change.cell for change in found.cells} == differs
    grouped = [cell for group in found.groups() for box in group.boxes for cell in inside(box)]
    assert len(grouped) == len(differs)
    assert set(grouped) == differs
    assert found.stricter + found.milder == len(differs)


@given(POLICY)
def test_a_policy_does_not_differ_from_itself(policy: CompiledPolicy) -> None:
    assert not difference(policy, policy)


def test_hundreds_of_changed_cells_become_a_few_lines() -> None:
    found = difference(POLICIES["open"], POLICIES["strict"])
    assert len(found.cells) == 300
    assert sum(len(group.boxes) for group in found.groups()) <= 10
    assert found.milder == 0
    assert found.denied_looks == (Appearance.UNANSWERED, Appearance.INVITES_BLOCKED)


def test_what_becomes_milder_is_named_first() -> None:
    found = difference(
        POLICIES["teen-default"],
        changed(
            "teen-default",
            (
                "direction: direct\n    outcome: deny\n    source: meta",
                "direction: direct\n    outcome: request\n    source: meta",
            ),
            ("direction: join\n    outcome: allow_with_notice", "direction: join\n    outcome: deny"),
        ),
    )
    said = [(decision_words(group.before), decision_words(group.after)) for group in found.groups()]
    assert set(said[:2]) == {("deny", "request"), ("deny", "hold 1d")}  # strangers meet a protection, too
    assert said[2:] == [("allow with notice", "deny")]
    assert found.milder == sum(group.cells for group in found.groups()[:2])


def test_every_kind_of_rule_is_compared_part_by_part() -> None:
    after = changed(
        "teen-default",
        ("most: 5\n", "most: 3\n"),
        ("minor_blocks: { at_least: 2 }", "minor_blocks: { at_least: 1 }"),
        ("16_17: self_confirmed", "16_17: safety_team"),
        ("  - id: watched\n", "  - id: seen-twice\n"),
        (
            "direction: join\n    outcome: allow_with_notice\n    notices: [first_contact]",
            "direction: join\n    outcome: allow_with_notice",
        ),
        ("denied_looks: unanswered", "denied_looks: invites_blocked"),
    )
    found = difference(POLICIES["teen-default"], after)
    rules = {(rule.kind, rule.id): rule for rule in found.rules}
    assert rules["limit", "asks-many-children"].parts == (
        ("counts", "request or stricter, at most 5 in 1d", "request or stricter, at most 3 in 1d"),
    )
    assert rules["condition", "blocked-or-refused-by-many"].parts == (
        ("when", "minor_blocks at least 2", "minor_blocks at least 1"),
    )
    ((part, was, is_),) = rules["protection", "only-people-i-know"].parts
    assert (part, was.count("self confirmed"), is_.count("safety team")) == ("loosened by", 1, 2)
    assert rules["condition", "watched"].how == "removed"
    assert rules["condition", "seen-twice"].how == "added"
    assert rules["row", "rooms-of-young-people"].parts == (("notices", "first_contact", "none"),)
    assert [(before, later) for before, later, _ in found.notice_groups()] == [(("first_contact",), ())]
    assert found.cells == ()
    assert found.denied_looks is not None


def test_a_longer_hold_is_a_change() -> None:
    after = changed(
        "teen-default",
        ("at_least: hold\n    for: 24h\n    loosened_by", "at_least: hold\n    for: 3d\n    loosened_by"),
    )
    found = difference(POLICIES["teen-default"], after)
    (group,) = found.groups()
    assert (decision_words(group.before), decision_words(group.after)) == ("hold 1d", "hold 3d")
    assert found.stricter == group.cells > 0


@given(st.integers(1, 9_999), st.sampled_from([("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]))
def test_durations_are_said_as_they_are_written(number: int, unit: tuple[str, int]) -> None:
    said = duration(number * unit[1])
    assert int(said[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[said[-1]] == number * unit[1]
