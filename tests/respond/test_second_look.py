"""Who may overturn a decision, and what becomes of everything that it ordered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.model.action import CHOOSABLE, UNDOES, UNDONE_BY, Action, ActionKind, ActionState
from nightlight.model.case import Decision, Outcome, Overturn, Policy
from nightlight.model.retention import Record
from nightlight.respond.person import same_person
from nightlight.respond.second_look import (
    Fate,
    Ordered,
    check_outcome_after,
    check_second_look,
    overturn_notice,
    standing_order,
    still_banned,
    undoing,
)

WHO = "@mallory:example.org"
DECISION = Decision("d1", "case_1", 10, "robin", Outcome.VIOLATION, Policy.SPAM, "what was found")


def action(kind: ActionKind, state: ActionState = ActionState.DONE, *, case: str = "case_1", at: int = 20) -> Action:
    attempts = 0 if state is ActionState.PENDING else 1
    return Action(f"{case}/{kind}", case, kind, WHO, {}, state, attempts, 0, None, at)


def begun(kind: ActionKind) -> Action:
    return replace(action(kind, ActionState.PENDING), attempts=1)


def code(decision: Decision | None, reviewer: str = "kim", *gone: Record) -> str:
    try:
        check_second_look(decision, reviewer, gone)
    except RefusedError as e:
        return e.code
    return ""


def test_another_reviewer_may_and_whoever_decided_may_not_under_any_spelling() -> None:
    assert code(DECISION) == ""
    for spelling in ("robin", "Robin", " robin ", "ROBIN"):
        assert same_person(spelling, "robin")
        assert code(DECISION, spelling) == "own_decision"


def test_only_a_violation_that_stands_is_overturned_and_only_once() -> None:
    assert code(None) == "not_decided"
    for outcome in (Outcome.NO_VIOLATION, Outcome.INSUFFICIENT):
        assert code(replace(DECISION, outcome=outcome)) == "nothing_to_overturn"
        check_outcome_after(outcome)
    with pytest.raises(RefusedError, match="does not hold any more"):
        check_outcome_after(Outcome.VIOLATION)
    overturned = replace(DECISION, overturn=Overturn(11, "kim", "why", Outcome.NO_VIOLATION))
    assert overturned.holds is Outcome.NO_VIOLATION
    assert code(overturned) == code(overturned, "robin") == "already_overturned"


def test_what_is_erased_stands_in_the_way_only_where_it_matters() -> None:
    assert code(DECISION, "kim", Record.CASE_EVIDENCE, Record.REFERRAL_RECORD) == ""
    assert code(DECISION, "kim", Record.DECISION) == code(DECISION, "kim", Record.REPORT) == "erased"
    # Erased, the name of whoever decided is empty: it must not be anybody else's.
    assert code(replace(DECISION, reviewer=""), "kim", Record.DECISION) == "erased"


@pytest.mark.parametrize("kind", list(UNDONE_BY))
def test_what_can_be_undone_is_undone_if_it_was_or_may_have_been_done(kind: ActionKind) -> None:
    for ordered, fate in (
        (action(kind), Fate.UNDONE),
        (begun(kind), Fate.UNDONE_IN_CASE),
        (action(kind, ActionState.FAILED), Fate.UNDONE_IN_CASE),
        # Put back to work after it had failed: the tries are counted anew, and there were some.
        (replace(action(kind, ActionState.PENDING), error="no answer"), Fate.UNDONE_IN_CASE),
    ):
        result = undoing([ordered], [])
        assert [one.fate for one in result.consequences] == [fate]
        assert [(planned.kind, planned.target) for planned in result.undo] == [(UNDONE_BY[kind], WHO)]
    result = undoing([action(kind, ActionState.PENDING)], [])
    assert [one.fate for one in result.consequences] == [Fate.NOT_BEGUN]
    assert result.undo == []
    assert not result.reached_the_account


@pytest.mark.parametrize("kind", sorted(set(CHOOSABLE) - set(UNDONE_BY)))
def test_what_cannot_be_undone_is_said_and_nothing_is_planned_for_it(kind: ActionKind) -> None:
    for ordered, fate in ((action(kind), Fate.FINAL), (begun(kind), Fate.PERHAPS_FINAL)):
        result = undoing([ordered], [])
        assert [one.fate for one in result.consequences] == [fate]
        assert result.undo == []
    assert undoing([action(kind, ActionState.PENDING)], []).having(Fate.NOT_BEGUN)


def test_what_another_standing_decision_ordered_is_left() -> None:
    mine = [action(ActionKind.SUSPEND), action(ActionKind.LOCK)]
    for state in (ActionState.DONE, ActionState.PENDING, ActionState.FAILED):
        theirs = Ordered(action(ActionKind.SUSPEND, state, case="case_2"), stands=True)
        result = undoing(mine, [theirs])
        assert [(one.fate, one.other_case) for one in result.consequences] == [
            (Fate.STAYS, "case_2"),
            (Fate.UNDONE, ""),
        ]
        assert [planned.kind for planned in result.undo] == [ActionKind.UNLOCK]
    for other in (
        Ordered(action(ActionKind.SUSPEND, case="case_2"), stands=False),
        Ordered(action(ActionKind.SUSPEND, ActionState.CANCELLED, case="case_2"), stands=True),
        Ordered(replace(action(ActionKind.SUSPEND, case="case_2"), target="@other:example.org"), stands=True),
        Ordered(action(ActionKind.WARN, case="case_2"), stands=True),
    ):
        assert len(undoing(mine, [other]).undo) == 2


def test_what_an_earlier_overturned_decision_left_is_undone_with_the_last_one() -> None:
    """Two decisions suspended the account. The first was overturned and left it, because of the second."""
    left = Ordered(action(ActionKind.SUSPEND, case="case_0"), stands=False)
    mine = [action(ActionKind.SUSPEND, ActionState.PENDING)]
    result = undoing(mine, [left])
    assert [one.fate for one in result.consequences] == [Fate.NOT_BEGUN]
    assert [planned.kind for planned in result.undo] == [ActionKind.UNSUSPEND]
    lifted = Ordered(action(ActionKind.UNSUSPEND, case="case_0", at=21), stands=False)
    assert undoing(mine, [left, lifted]).undo == []
    third = Ordered(action(ActionKind.SUSPEND, case="case_2"), stands=True)
    assert undoing(mine, [left, third]).undo == []


def test_notice_names_nobody_and_reaches_only_who_can_read_it() -> None:
    result = undoing([action(ActionKind.SUSPEND), action(ActionKind.REDACT)], [])
    assert result.reached_the_account
    assert "cannot be brought back" in overturn_notice(result)
    assert "cannot be brought back" not in overturn_notice(undoing([action(ActionKind.WARN)], []))
    for word in (WHO, "case", "report", "robin"):
        assert word not in overturn_notice(result)
    assert not undoing([action(ActionKind.SUSPEND), action(ActionKind.DEACTIVATE)], []).reached_the_account
    assert not undoing([], []).reached_the_account


def test_undoing_gives_way_to_what_stands_and_to_nothing_else() -> None:
    undo = action(ActionKind.UNSUSPEND, ActionState.PENDING)
    stands = Ordered(action(ActionKind.SUSPEND, ActionState.PENDING, case="case_2"), stands=True)
    assert standing_order(undo, [stands]) == "case_2"
    assert standing_order(undo, [stands._replace(stands=False)]) is None
    assert standing_order(action(ActionKind.UNLOCK, ActionState.PENDING), [stands]) is None
    # What takes something back is never taken back itself.
    assert standing_order(stands.action, [Ordered(action(ActionKind.UNSUSPEND), stands=True)]) is None


def test_account_counts_as_banned_until_the_last_ban_is_lifted() -> None:
    suspended, locked = action(ActionKind.SUSPEND, at=20), action(ActionKind.LOCK, at=21)
    assert still_banned([suspended, locked])
    unsuspended = action(ActionKind.UNSUSPEND, at=30)
    assert still_banned([suspended, locked, unsuspended])
    assert not still_banned([suspended, locked, unsuspended, action(ActionKind.UNLOCK, at=31)])
    assert still_banned([suspended, unsuspended, action(ActionKind.SUSPEND, case="case_2", at=32)])
    assert still_banned([suspended, unsuspended, action(ActionKind.DEACTIVATE, at=1)])
    assert still_banned([suspended, action(ActionKind.UNSUSPEND, ActionState.FAILED, at=30)])
    assert not still_banned([action(ActionKind.WARN), action(ActionKind.LOCK, ActionState.CANCELLED)])


ACTIONS = st.builds(
    Action,
    action_id=st.uuids().map(str),
    case_id=st.just("case_1"),
    kind=st.sampled_from(list(ActionKind)),
    target=st.sampled_from([WHO, "@other:example.org", "mxc://example.org/triangle"]),
    detail=st.just({}),
    state=st.sampled_from(list(ActionState)),
    attempts=st.integers(0, 3),
    next_attempt_at=st.just(0),
    error=st.sampled_from([None, "no answer"]),
    updated_at=st.integers(0, 5),
)


@given(st.lists(ACTIONS, max_size=6), st.lists(st.builds(Ordered, ACTIONS, st.booleans()), max_size=6))
def test_nothing_is_undone_that_a_standing_decision_ordered_and_everything_ordered_is_accounted_for(
    actions: list[Action], others: list[Ordered]
) -> None:
    result = undoing(actions, others)
    assert [one.action for one in result.consequences] == [a for a in actions if a.kind in CHOOSABLE]
    planned = [(one.kind, one.target) for one in result.undo]
    assert len(planned) == len(set(planned))
    standing = {
        (one.action.kind, one.action.target)
        for one in others
        if one.stands and one.action.state is not ActionState.CANCELLED
    }
    for kind, target in planned:
        assert (UNDOES[kind], target) not in standing
    for one in result.consequences:
        done = one.action.state is ActionState.DONE
        key = (one.action.kind, one.action.target)
        if done and one.action.kind in UNDONE_BY and key not in standing:
            assert (UNDONE_BY[one.action.kind], one.action.target) in planned
        if done and one.action.kind not in UNDONE_BY:
            assert one.fate is Fate.FINAL
