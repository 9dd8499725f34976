"""A decision is overturned by somebody else, once; what can be undone is undone, whatever happens at the same time."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.enforce import LEASE_MS, Enforcer
from nightlight.flows.retention_plan import case_plan
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.case import Decision, Outcome, Policy
from nightlight.model.retention import Record
from nightlight.respond.second_look import Fate
from tests.flows.tampering import found_by_audit
from tests.world import NOTICE_MS, World

DAY_MS = 86_400_000
FILE: dict[str, Any] = {"url": "mxc://sim.example/picture1", "key": {}, "iv": "", "hashes": {}}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SUSPEND, LOCK, UNSUSPEND = ActionKind.SUSPEND, ActionKind.LOCK, ActionKind.UNSUSPEND


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code == code


def decided(
    world: World, *kinds: ActionKind, event: str = "", room: str = "", outcome: Outcome = Outcome.VIOLATION
) -> str:
    """Decided by Robin."""
    case_id = world.report(event or world.abusive, room_id=room or world.room).report.case_id or ""
    policy = Policy.CHILD_GROOMING if outcome is Outcome.VIOLATION else Policy.NONE
    world.desk.decide(case_id, "robin", outcome, policy, "what was found", kinds)
    return case_id


def overturn(world: World, case_id: str, by: str = "kim", outcome: Outcome = Outcome.NO_VIOLATION) -> Decision:
    return world.second_look.overturn(case_id, by, outcome, " the first decision was about somebody else ")


def actions(world: World, case_id: str) -> dict[ActionKind, Action]:
    return {action.kind: action for action in world.desk.case(case_id, "robin").actions}


def states(world: World, case_id: str) -> dict[str, str]:
    return {str(kind): str(action.state) for kind, action in actions(world, case_id).items()}


def account(world: World) -> dict[str, Any]:
    return world.homeserver.accounts[world.mallory]


# What an overturn does


def test_overturned_decision_says_who_when_why_and_what_holds_now(world: World) -> None:
    case_id = decided(world)
    world.clock.at += DAY_MS
    decision = overturn(world, case_id, outcome=Outcome.INSUFFICIENT)
    file = world.desk.case(case_id, "kim")
    assert file.decision == decision
    assert decision.overturn is not None
    assert (decision.overturn.at, decision.overturn.by) == (world.clock.at, "kim")
    assert decision.overturn.reason == "the first decision was about somebody else"
    assert (decision.outcome, decision.holds) == (Outcome.VIOLATION, Outcome.INSUFFICIENT)
    (entry,) = [entry for entry in file.log if entry.kind == LogKind.DECISION_OVERTURNED]
    assert entry.actor == "kim"
    assert "somebody else" in entry.detail
    result = world.audit()
    assert (result.decisions, result.overturned) == (1, 1)


def test_everything_that_can_be_undone_is_undone_on_the_homeserver(world: World) -> None:
    media = world.homeserver.send_file(world.room, world.mallory, FILE)
    kinds = (ActionKind.WARN, ActionKind.QUARANTINE, SUSPEND, LOCK)
    case_id = decided(world, *kinds, event=media)
    world.enforcer.run_due()
    assert account(world)["suspended"]
    assert world.homeserver.quarantined
    overturn(world, case_id)
    world.enforcer.run_due()
    assert not account(world)["suspended"]
    assert not account(world)["locked"]
    assert world.homeserver.quarantined == set()
    warning, notice = (body["content"]["body"] for body in world.homeserver.notices.values())
    assert "no longer stands" in notice
    for word in (world.bob, "robin", "kim", "grooming", world.abusive):
        assert word not in notice
    assert "grooming" in warning  # it stays read
    assert world.audit().overturned == 1


def test_what_cannot_be_undone_is_said_before_and_after(world: World) -> None:
    kinds = (ActionKind.WARN, ActionKind.REDACT, SUSPEND, ActionKind.DEACTIVATE)
    case_id = decided(world, *kinds)
    world.enforcer.run_due()
    final = {ActionKind.WARN, ActionKind.REDACT, ActionKind.DEACTIVATE}
    for _ in ("before", "after"):
        undoing = world.desk.case(case_id, "kim").undoing
        assert undoing is not None
        assert {one.action.kind for one in undoing.having(Fate.FINAL)} == final
        if _ == "before":
            overturn(world, case_id)
    world.enforcer.run_due()
    assert states(world, case_id)["unsuspend"] == "done"
    # Whoever had the account can read nothing any more.
    assert "notify_account" not in states(world, case_id)
    assert world.homeserver.redacted == {world.abusive}


def test_what_was_not_begun_is_never_carried_out(world: World) -> None:
    case_id = decided(world, ActionKind.WARN, ActionKind.REDACT, SUSPEND, ActionKind.DEACTIVATE)
    overturn(world, case_id)
    assert set(states(world, case_id).values()) == {"cancelled"}
    world.clock.at += DAY_MS
    assert world.enforcer.run_due() == 0
    assert account(world) == {"suspended": False, "locked": False, "deactivated": False}
    assert world.homeserver.notices == {}
    assert world.homeserver.redacted == set()
    world.audit()


def test_what_was_asked_of_the_reporter_goes_on(world: World) -> None:
    world.homeserver.event_reports.append(
        {
            "id": 1,
            "received_ts": world.clock.at,
            "user_id": world.bob,
            "room_id": world.room,
            "event_id": world.abusive,
            "reason": "",
        }
    )
    world.collector.collect()
    (case,) = world.open_cases()
    world.desk.decide(case.case_id, "robin", Outcome.VIOLATION, Policy.SPAM, "found", [SUSPEND])
    overturn(world, case.case_id)
    assert states(world, case.case_id) == {"notify_reporter": "pending", "suspend": "cancelled"}


# Who may, and when


def test_not_by_the_one_who_decided_not_twice_and_not_without_a_reason(world: World) -> None:
    case_id = decided(world, SUSPEND)
    world.enforcer.run_due()
    for name in ("robin", "Robin"):
        with refused("own_decision"):
            overturn(world, case_id, name)
    with refused("outcome_unfit"):
        overturn(world, case_id, outcome=Outcome.VIOLATION)
    for reason in ("", " \n", "x" * 4_001):
        with refused("reason_missing"):
            world.second_look.overturn(case_id, "kim", Outcome.NO_VIOLATION, reason)
    with refused("case_not_found"):
        overturn(world, "case_none")
    overturn(world, case_id)
    for name in ("kim", "alex", "robin"):
        with refused("already_overturned"):
            overturn(world, case_id, name)
    kinds = [entry.kind for entry in world.desk.case(case_id, "robin").log]
    assert kinds.count(LogKind.DECISION_OVERTURNED) == 1
    assert kinds.count(LogKind.ACTION_PLANNED) == 3


def test_open_case_and_one_without_a_violation_have_nothing_to_overturn(world: World) -> None:
    case_id = world.report(world.opening).report.case_id or ""
    with refused("not_decided"):
        overturn(world, case_id)
    with refused("nothing_to_overturn"):
        overturn(world, decided(world, outcome=Outcome.NO_VIOLATION))


def test_two_at_once_overturn_once(world: World) -> None:
    case_id = decided(world, SUSPEND)
    world.enforcer.run_due()
    codes = []

    def look(name: str) -> None:
        try:
            overturn(world, case_id, name)
        except RefusedError as e:
            codes.append(e.code)

    threads = [threading.Thread(target=look, args=(name,)) for name in ("kim", "alex", "sam")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["already_overturned"] * 2
    assert [kind for kind in actions(world, case_id) if kind is UNSUSPEND] == [UNSUSPEND]
    world.audit()


# At the same time as the outbox


def test_try_under_way_ends_before_it_is_undone(world: World) -> None:
    case_id = decided(world, SUSPEND)
    slow = world.enforcer
    claimed = slow._claim()
    assert claimed is not None
    overturn(world, case_id)
    assert states(world, case_id)["suspend"] == "cancelled"
    world.enforcer.run_due()
    assert states(world, case_id)["unsuspend"] == "pending"  # not while the try may still get through
    slow._perform(claimed)
    slow._settle(claimed, ActionState.DONE, None)
    assert account(world)["suspended"]
    assert states(world, case_id)["suspend"] == "done"  # that is what happened
    world.clock.at += LEASE_MS
    world.enforcer.run_due()
    assert not account(world)["suspended"]
    world.audit()


def test_try_that_outlives_its_lease_is_undone_all_the_same(world: World) -> None:
    """A machine that stood still for longer than a lease, and then went on."""
    case_id = decided(world, SUSPEND)
    slow = world.enforcer
    claimed = slow._claim()
    assert claimed is not None
    overturn(world, case_id)
    world.clock.at += LEASE_MS
    world.enforcer.run_due()
    assert states(world, case_id)["unsuspend"] == "done"
    slow._perform(claimed)
    assert account(world)["suspended"]
    slow._settle(claimed, ActionState.DONE, None)
    world.enforcer.run_due()
    assert not account(world)["suspended"]
    world.audit()


def test_worker_that_died_on_the_way_is_undone_in_case_it_got_through(world: World) -> None:
    case_id = decided(world, SUSPEND)
    claimed = world.enforcer._claim()
    assert claimed is not None
    world.enforcer._perform(claimed)  # and the process is gone
    overturn(world, case_id)
    world.clock.at += LEASE_MS
    world.enforcer.run_due()
    assert not account(world)["suspended"]
    assert states(world, case_id)["suspend"] == "cancelled"


def test_failure_that_comes_late_does_not_bring_a_cancelled_action_back(world: World) -> None:
    case_id = decided(world, SUSPEND)
    slow = world.enforcer
    claimed = slow._claim()
    assert claimed is not None
    overturn(world, case_id)
    for state in (ActionState.PENDING, ActionState.FAILED):
        slow._settle(claimed, state, "no answer")
        assert states(world, case_id)["suspend"] == "cancelled"


def test_failed_action_of_an_overturned_decision_cannot_be_tried_again_and_its_undoing_can(world: World) -> None:
    case_id = decided(world, SUSPEND)
    world.homeserver.down = True
    exhaust(world)
    failed = actions(world, case_id)[SUSPEND]
    assert failed.state is ActionState.FAILED
    overturn(world, case_id)
    with refused("overturned"):
        world.desk.retry(failed.action_id, "robin")
    exhaust(world)
    undo = actions(world, case_id)[UNSUSPEND]
    assert undo.state is ActionState.FAILED
    world.homeserver.down = False
    account(world)["suspended"] = True  # one of the tries got through without an answer
    world.desk.retry(undo.action_id, "robin")
    world.enforcer.run_due()
    assert not account(world)["suspended"]


def test_what_was_put_back_to_work_counts_as_tried(world: World) -> None:
    """Trying again counts tries from the beginning. An earlier one may have got through all the same."""
    case_id = decided(world, SUSPEND)
    world.homeserver.down = True
    exhaust(world)
    world.desk.retry(actions(world, case_id)[SUSPEND].action_id, "robin")
    world.homeserver.down = False
    account(world)["suspended"] = True
    overturn(world, case_id)
    world.enforcer.run_due()
    assert not account(world)["suspended"]


def exhaust(world: World) -> None:
    for _ in range(6):
        world.enforcer.run_due()
        world.clock.at += DAY_MS


# Other decisions about the same account


def test_what_another_decision_ordered_is_not_lifted(world: World) -> None:
    first, second = decided(world, SUSPEND, LOCK), decided(world, SUSPEND, event=world.opening)
    world.enforcer.run_due()
    undoing = world.desk.case(first, "kim").undoing
    assert undoing is not None
    assert [one.other_case for one in undoing.having(Fate.STAYS)] == [second]
    overturn(world, first)
    world.enforcer.run_due()
    assert (account(world)["suspended"], account(world)["locked"]) == (True, False)
    assert "unsuspend" not in states(world, first)
    overturn(world, second)
    world.enforcer.run_due()
    assert not account(world)["suspended"]
    world.audit()


def test_decision_made_before_the_undoing_got_through_keeps_what_it_orders(world: World) -> None:
    first = decided(world, SUSPEND)
    world.enforcer.run_due()
    overturn(world, first)
    case_id = world.report(world.opening).report.case_id or ""
    world.homeserver.down = True
    world.enforcer.run_due()
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.SPAM, "what was found", [SUSPEND])
    world.homeserver.down = False
    for _ in range(4):
        world.clock.at += LEASE_MS
        world.enforcer.run_due()
    assert account(world)["suspended"]
    assert states(world, first)["unsuspend"] == "cancelled"
    assert states(world, case_id)["suspend"] == "done"
    world.audit()
    overturn(world, case_id)
    world.enforcer.run_due()
    assert not account(world)["suspended"]


def test_suspension_that_was_left_for_a_decision_that_never_got_to_it_is_lifted_with_that_one(world: World) -> None:
    first = decided(world, SUSPEND)
    world.enforcer.run_due()
    second = decided(world, SUSPEND, event=world.opening)
    overturn(world, first)
    assert "unsuspend" not in states(world, first)
    overturn(world, second)
    assert states(world, second) == {"suspend": "cancelled", "unsuspend": "pending"}
    world.enforcer.run_due()
    assert not account(world)["suspended"]


def test_nothing_is_enforced_while_its_undoing_may_be_under_way(world: World) -> None:
    """Two tries at once would leave it to the network what the account is in the end."""
    first = decided(world, SUSPEND)
    world.enforcer.run_due()
    overturn(world, first)
    slow = world.enforcer
    undo = slow._claim()
    assert undo is not None
    assert undo.kind is UNSUSPEND
    second = decided(world, SUSPEND, LOCK, event=world.opening)
    world.enforcer.run_due()
    assert (states(world, second)["suspend"], states(world, second)["lock"]) == ("pending", "done")
    slow._perform(undo)
    slow._settle(undo, ActionState.DONE, None)
    world.enforcer.run_due()
    assert account(world)["suspended"]


def test_undoing_that_outlives_its_lease_does_not_lift_what_stands(world: World) -> None:
    first = decided(world, SUSPEND)
    world.enforcer.run_due()
    overturn(world, first)
    slow = world.enforcer
    undo = slow._claim()
    assert undo is not None
    second = decided(world, SUSPEND, event=world.opening)
    world.clock.at += LEASE_MS
    world.enforcer.run_due()
    assert states(world, first)["unsuspend"] == "cancelled"
    slow._perform(undo)
    assert not account(world)["suspended"]
    slow._settle(undo, ActionState.DONE, None)
    world.enforcer.run_due()
    assert account(world)["suspended"]
    assert states(world, second)["suspend"] == "done"
    world.audit()


@on_sqlite
def test_account_ends_as_the_standing_decisions_say_in_whatever_order_things_happen(world: World) -> None:
    """Two decisions, each carried out, tried or not begun, overturned in either order, with and without a pause."""
    number = itertools.count()
    for early, late, pause, order in itertools.product((True, False), (True, False), (True, False), (0, 1)):
        who = world.homeserver.account(f"someone{next(number)}")
        room = world.homeserver.room(world.bob, who)
        cases = []
        for carried in (early, late):
            case_id = decided(world, SUSPEND, event=world.homeserver.say(room, who, "[abusive message 1]"), room=room)
            cases.append(case_id)
            if carried:
                world.enforcer.run_due()
        remaining = sorted(cases) if order else sorted(cases, reverse=True)
        while remaining:
            overturn(world, remaining.pop())
            if pause or not remaining:
                world.clock.at += LEASE_MS
                world.enforcer.run_due()
                began = any(action.attempts for case in cases for action in actions(world, case).values())
                assert world.homeserver.accounts[who]["suspended"] is (bool(remaining) and began)
    world.audit()


def test_somebody_else_lifted_or_closed_it_on_the_homeserver_meanwhile(world: World) -> None:
    case_id = decided(world, SUSPEND, LOCK)
    world.enforcer.run_due()
    account(world).update(suspended=False, locked=False)  # by hand
    overturn(world, case_id)
    world.enforcer.run_due()
    assert states(world, case_id)["unsuspend"] == "done"
    del world.homeserver.accounts[world.mallory]
    other = decided(world, event=world.opening)
    overturn(world, other)
    assert world.enforcer.run_due() == 0


# The log and the tables


TAMPERED = {
    "taken back": "UPDATE decisions SET overturned_at = NULL, overturned_by = NULL, overturn_reason = NULL, "
    "overturned_to = NULL WHERE case_id = '{overturned}'",
    "who": "UPDATE decisions SET overturned_by = 'robin' WHERE case_id = '{overturned}'",
    "why": "UPDATE decisions SET overturn_reason = 'another reason' WHERE case_id = '{overturned}'",
    "when": "UPDATE decisions SET overturned_at = overturned_at + 1 WHERE case_id = '{overturned}'",
    "what holds": "UPDATE decisions SET overturned_to = 'insufficient_evidence' WHERE case_id = '{overturned}'",
    "only the copy": "UPDATE cases SET outcome = 'violation' WHERE case_id = '{overturned}'",
    "both": "UPDATE cases SET outcome = 'insufficient_evidence' WHERE case_id = '{stands}'",
    "to free a friend": "UPDATE decisions SET overturned_at = 1, overturned_by = 'kim', overturn_reason = 'x', "
    "overturned_to = 'no_violation' WHERE case_id = '{stands}'",
    "without a time": "UPDATE decisions SET overturned_to = 'no_violation' WHERE case_id = '{stands}'",
    "cancelled quietly": "UPDATE actions SET state = 'cancelled' WHERE case_id = '{stands}'",
    "put back": "UPDATE actions SET state = 'pending' WHERE case_id = '{overturned}' AND kind = 'warn'",
    "undoing removed": "DELETE FROM actions WHERE case_id = '{overturned}' AND kind = 'unsuspend'",
    "undoing of another": "UPDATE actions SET target = '@friend:sim.example' WHERE kind = 'unsuspend'",
}


@on_sqlite
def test_whatever_is_changed_about_an_overturn_in_the_tables_is_found(world: World) -> None:
    overturned = decided(world, SUSPEND)
    world.enforcer.run_due()
    stands = decided(world, LOCK, event=world.opening)
    other = world.homeserver.account("another")
    room = world.homeserver.room(world.bob, other)
    warned = decided(world, ActionKind.WARN, event=world.homeserver.say(room, other, "[abusive message 1]"), room=room)
    overturn(world, warned)
    overturn(world, overturned)
    world.audit()
    found = {
        how: found_by_audit(
            world,
            statement.format(overturned=overturned, stands=stands)
            if how != "put back"
            else statement.format(overturned=warned),
        )
        for how, statement in TAMPERED.items()
    }
    assert [how for how, was in found.items() if not was] == []


# Keeping and erasing


def test_overturned_case_is_kept_by_what_holds_and_from_when_it_holds(world: World) -> None:
    """A violation's evidence is kept for a year, one of no violation for 30 days: from the overturn, not before."""
    case_id = decided(world)
    world.clock.at += 200 * DAY_MS
    overturn(world, case_id)
    world.eraser.sweep()
    with world.store.read() as tx:
        assert tx.announced() == []
        kept = tx.kept_case(case_id, world.clock.at)
        assert kept is not None
        assert [kept] == list(tx.kept_cases(world.clock.at))
        assert (kept.outcome, kept.decided_at) == (Outcome.NO_VIOLATION, world.clock.at)
    (line, *_) = case_plan(world.store, world.retention_rules, world.clock.at, case_id)
    assert (line.record, line.rule.id if line.rule else "") == (Record.CASE_EVIDENCE, "unfounded-evidence")
    world.clock.at += 33 * DAY_MS
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    world.eraser.sweep()
    assert Record.CASE_EVIDENCE in world.desk.case(case_id, "kim").erased
    world.audit()


def test_erased_overturn_keeps_that_and_when_and_loses_who_and_why(world: World) -> None:
    case_id = decided(world, SUSPEND)
    world.enforcer.run_due()
    overturn(world, case_id)
    world.enforcer.run_due()
    for _ in range(2):
        world.clock.at += 400 * DAY_MS
        world.eraser.sweep()
    file = world.desk.case(case_id, "kim")
    assert Record.DECISION in file.erased
    assert file.decision is not None
    overturn_ = file.decision.overturn
    assert overturn_ is not None
    assert (overturn_.by, overturn_.reason, overturn_.outcome) == ("", "", Outcome.NO_VIOLATION)
    assert {action.target for action in file.actions} == {""}
    assert world.audit().overturned == 1


def test_decision_whose_maker_is_erased_is_not_overturned(world: World) -> None:
    case_id = decided(world, SUSPEND)
    world.enforcer.run_due()
    for _ in range(2):
        world.clock.at += 900 * DAY_MS
        world.eraser.sweep()
    with refused("erased"):
        overturn(world, case_id)


def test_undoing_on_its_way_keeps_the_case_from_being_erased(world: World) -> None:
    case_id = decided(world, SUSPEND)
    world.enforcer.run_due()
    overturn(world, case_id)
    world.clock.at += 400 * DAY_MS
    for _ in range(3):
        world.eraser.sweep()
        world.clock.at += NOTICE_MS
    assert not world.desk.case(case_id, "kim").erased
    world.enforcer.run_due()
    assert not account(world)["suspended"]


def test_enforcer_of_another_process_carries_it_out(world: World) -> None:
    """Nothing of it is in the memory of the process that took the decision back."""
    case_id = decided(world, SUSPEND)
    world.enforcer.run_due()
    overturn(world, case_id)
    other = Enforcer(world.store, world.matrix, world.clock, 4, lambda: 1.0, world.events)
    assert other.run_due() == 2
    assert not account(world)["suspended"]
