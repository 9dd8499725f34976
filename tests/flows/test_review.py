"""Reviewing: nobody looks unseen, a decision is made once, and it only reaches as far as the proof."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogKind
from nightlight.flows.enforce import UNANSWERED_MAX
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.case import CaseState, Outcome, Policy
from nightlight.model.report import Category
from tests.world import World

FILE: dict[str, Any] = {"url": "mxc://sim.example/picture1", "key": {}, "iv": "", "hashes": {}}


def decide(world: World, case_id: str, *kinds: ActionKind, **changes: Any) -> None:
    values = {"outcome": Outcome.VIOLATION, "policy": Policy.CHILD_GROOMING, "reason": "what was found", **changes}
    world.desk.decide(case_id, "robin", values["outcome"], values["policy"], values["reason"], kinds)


def case_of(world: World, *events: str, **changes: Any) -> str:
    return world.report(*events, **changes).report.case_id or ""


def test_every_view_is_in_the_log_before_it_is_shown(world: World) -> None:
    case_id = case_of(world, world.abusive)
    assert world.desk.reveal(case_id, world.abusive, "robin").body == "[abusive message 1]"
    world.desk.reveal(case_id, world.abusive, "robin")
    views = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.EVIDENCE_VIEWED]
    assert [entry.actor for entry in views] == ["robin", "robin"]


def test_without_the_log_nothing_is_shown(world: World) -> None:
    case_id = case_of(world, world.abusive)
    with world.store.engine.connect() as connection:
        connection.execute(text("UPDATE log_head SET number = number + 1"))  # somebody tampers with the log
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.desk.reveal(case_id, world.abusive, "robin")
    assert caught.value.code == "log_broken"


def test_unproven_message_cannot_be_revealed(world: World) -> None:
    case_id = case_of(world, world.abusive, keys=False)
    with pytest.raises(RefusedError) as caught:
        world.desk.reveal(case_id, world.abusive, "robin")
    assert caught.value.code == "not_open"


def test_only_messages_of_the_case_can_be_revealed(world: World) -> None:
    case_of(world, world.opening)
    other = case_of(world, world.reply, by=world.mallory)
    with pytest.raises(RefusedError) as caught:
        world.desk.reveal(other, world.opening, "robin")
    assert caught.value.code == "message_not_found"


def preserved(world: World, event_id: str) -> bytes:
    with world.store.read() as tx:
        event = tx.preserved(event_id)
    assert event is not None
    return event


def test_operator_cannot_change_preserved_evidence(world: World) -> None:
    case_id = case_of(world, world.abusive)
    with world.store.engine.connect() as connection:
        forged = preserved(world, world.abusive).replace(b"@mallory", b"@innocen")
        connection.execute(text("UPDATE evidence SET event = :e, sealed = NULL"), {"e": forged})
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.desk.reveal(case_id, world.abusive, "robin")
    assert caught.value.code == "event_hash_mismatch"
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE reports SET note = 'other words'",
        "UPDATE reports SET category = 'spam'",
        "UPDATE reports SET reporter = '@eve:sim.example'",
        "DELETE FROM reported_messages",
        "UPDATE decisions SET reason = 'other words'",
        "UPDATE decisions SET outcome = 'no_violation'",
        "DELETE FROM decisions",
        "DELETE FROM evidence",
        "UPDATE reported_messages SET verdict = 'VERIFIED', code = 'ok'",
        "UPDATE reported_messages SET sender = '@eve:sim.example'",
    ],
)
def test_operator_cannot_change_a_report_or_a_decision_unseen(world: World, tampering: str) -> None:
    case_id = case_of(world, world.abusive, keys=False)
    decide(world, case_id, ActionKind.WARN)
    world.audit()
    with world.store.engine.connect() as connection:
        connection.execute(text(tampering))
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"


def test_a_case_is_decided_once(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id)
    with pytest.raises(RefusedError) as caught:
        decide(world, case_id, outcome=Outcome.NO_VIOLATION, policy=Policy.NONE)
    assert caught.value.code == "already_decided"


def test_two_reviewers_at_once_make_one_decision(world: World) -> None:
    case_id = case_of(world, world.abusive)
    refused: list[str] = []

    def try_it() -> None:
        try:
            decide(world, case_id, ActionKind.SUSPEND)
        except RefusedError as e:
            refused.append(e.code)

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["already_decided"] * 3
    assert len(world.desk.case(case_id, "robin").actions) == 1
    world.audit()


@pytest.mark.parametrize("kind", [ActionKind.DEACTIVATE, ActionKind.REDACT])
def test_unverified_report_leads_to_nothing_irreversible(world: World, kind: ActionKind) -> None:
    case_id = case_of(world, world.abusive, keys=False)
    with pytest.raises(RefusedError) as caught:
        decide(world, case_id, kind)
    assert caught.value.code == "unproven_irreversible"
    assert world.desk.case(case_id, "robin").case.state is CaseState.OPEN


def test_the_reporters_own_messages_are_never_redacted(world: World) -> None:
    case_id = case_of(world, world.reply, world.abusive)
    decide(world, case_id, ActionKind.REDACT)
    targets = [action.target for action in world.desk.case(case_id, "robin").actions]
    assert targets == [world.abusive]


def test_quarantine_uses_the_media_id_of_the_opened_message(world: World) -> None:
    event = world.homeserver.say(world.room, world.mallory, "shape.png", msgtype="m.image", file=FILE)
    case_id = case_of(world, event)
    decide(world, case_id, ActionKind.QUARANTINE)
    world.enforcer.run_due()
    assert world.homeserver.quarantined == {"mxc://sim.example/picture1"}


@pytest.mark.parametrize(
    ("changes", "kinds", "code"),
    [
        ({"reason": "  "}, [], "reason_missing"),
        ({"reason": "x" * 4001}, [], "reason_too_long"),
        ({"policy": Policy.NONE}, [], "policy_missing"),
        ({"outcome": Outcome.NO_VIOLATION}, [], "policy_unfit"),
        ({"outcome": Outcome.INSUFFICIENT, "policy": Policy.NONE}, [ActionKind.LOCK], "actions_unfit"),
        ({}, [ActionKind.QUARANTINE], "no_media"),
        ({}, [ActionKind.NOTIFY_REPORTER], "action_unknown"),
    ],
)
def test_decision_that_does_not_hold_together_is_refused(
    world: World, changes: dict[str, Any], kinds: list[ActionKind], code: str
) -> None:
    case_id = case_of(world, world.abusive)
    with pytest.raises(RefusedError) as caught:
        decide(world, case_id, *kinds, **changes)
    assert caught.value.code == code
    assert world.desk.case(case_id, "robin").decision is None


# Carrying it out


def test_decision_is_carried_out_on_the_homeserver(world: World) -> None:
    case_id = case_of(world, world.abusive)
    kinds = (ActionKind.WARN, ActionKind.REDACT, ActionKind.SUSPEND, ActionKind.LOCK, ActionKind.DEACTIVATE)
    decide(world, case_id, *kinds)
    assert world.enforcer.run_due() == 5
    account = world.homeserver.accounts[world.mallory]
    assert (account["suspended"], account["locked"], account["deactivated"]) == (True, True, True)
    assert account["erased"] is False
    assert world.homeserver.redacted == {world.abusive}
    (notice,) = world.homeserver.notices.values()
    assert "grooming" in notice["content"]["body"]
    assert world.bob not in notice["content"]["body"]
    assert {a.state for a in world.desk.case(case_id, "robin").actions} == {ActionState.DONE}
    world.audit()


def test_homeserver_down_delays_an_action_and_then_it_happens(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id, ActionKind.LOCK)
    world.homeserver.down = True
    world.enforcer.run_due()
    (action,) = world.desk.case(case_id, "robin").actions
    assert (action.state, action.attempts) == (ActionState.PENDING, 1)
    assert action.error
    assert world.enforcer.run_due() == 0  # not before its time
    world.homeserver.down = False
    world.clock.at += 10_000
    assert world.enforcer.run_due() == 1
    assert world.homeserver.accounts[world.mallory]["locked"]


def test_homeserver_that_is_down_is_not_asked_for_everything_that_waits(world: World) -> None:
    with world.store.write() as tx:
        for number in range(8):
            waits = (ActionState.PENDING, 0, world.clock.at, None, world.clock.at)
            text_of = {"text": "[a notice]"}
            tx.add_action(Action(f"action_{number}", None, ActionKind.SAFETY_NOTICE, world.bob, text_of, *waits))
    world.homeserver.down = True
    assert world.enforcer.run_due() == UNANSWERED_MAX
    assert world.enforcer.run_due() == UNANSWERED_MAX
    world.homeserver.down = False
    world.clock.at += 10_000
    assert world.enforcer.run_due() == 8
    assert len(world.homeserver.notices) == 8


def test_action_that_keeps_failing_is_shown_as_failed_and_can_be_tried_again(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id, ActionKind.LOCK)
    world.homeserver.down = True
    for _ in range(6):
        world.enforcer.run_due()
        world.clock.at += 1_000_000
    (action,) = world.desk.case(case_id, "robin").actions
    assert (action.state, action.attempts) == (ActionState.FAILED, 4)
    world.homeserver.down = False
    world.desk.retry(action.action_id, "robin")
    world.enforcer.run_due()
    assert world.desk.case(case_id, "robin").actions[0].state is ActionState.DONE
    with pytest.raises(RefusedError):
        world.desk.retry(action.action_id, "robin")


def test_locking_an_account_that_does_not_exist_creates_none(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id, ActionKind.LOCK)
    del world.homeserver.accounts[world.mallory]
    world.enforcer.run_due()
    assert world.desk.case(case_id, "robin").actions[0].state is ActionState.FAILED
    assert world.mallory not in world.homeserver.accounts


def test_slow_worker_does_not_undo_what_a_faster_one_settled(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id, ActionKind.SUSPEND)
    slow = world.enforcer
    action = slow._claim()
    assert action is not None
    world.clock.at += 200_000  # its lease runs out, and somebody else does the work
    assert world.enforcer.run_due() == 1
    slow._settle(action, ActionState.FAILED, "too late")
    assert [a.state for a in world.desk.case(case_id, "robin").actions] == [ActionState.DONE]
    assert "action.failed" not in [entry.kind for entry in world.desk.case(case_id, "robin").log]


def test_account_is_not_deactivated_before_its_messages_are_removed(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id, ActionKind.REDACT, ActionKind.DEACTIVATE, ActionKind.SUSPEND)

    def fail_redaction(path: str) -> None:
        world.homeserver.down = path.endswith("/redact")

    world.homeserver.before_answer = fail_redaction
    world.enforcer.run_due()
    assert world.homeserver.accounts[world.mallory]["suspended"]
    assert not world.homeserver.accounts[world.mallory]["deactivated"]
    world.homeserver.before_answer = None
    world.homeserver.down = False
    world.clock.at += 60_000
    world.enforcer.run_due()
    assert world.homeserver.accounts[world.mallory]["deactivated"]
    assert world.abusive in world.homeserver.redacted


def test_crash_between_acting_and_noting_acts_again_and_notes_once(world: World) -> None:
    case_id = case_of(world, world.abusive)
    decide(world, case_id, ActionKind.WARN)
    claimed = world.enforcer._claim()  # the process dies after the homeserver acted, before it is noted
    assert claimed is not None
    world.enforcer._perform(claimed)
    assert world.enforcer.run_due() == 0  # nobody else takes it while it may still be at work
    world.clock.at += 200_000
    assert world.enforcer.run_due() == 1
    assert len(world.homeserver.notices) == 1
    done = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.ACTION_DONE]
    assert len(done) == 1


# The homeserver's own reports


def test_matrix_report_becomes_an_unverified_case_and_its_reporter_is_told_how_to_prove_it(world: World) -> None:
    world.homeserver.report(world.bob, world.room, world.abusive, "scares me")
    assert world.collector.collect() == 1
    file = world.only_case()
    assert (file.case.proven, file.case.subject) == (0, world.mallory)
    assert file.reports[0].note == "scares me"
    world.enforcer.run_due()
    (notice,) = world.homeserver.notices.values()
    assert notice["user_id"] == world.bob
    assert notice["content"]["body"] == f"prove {file.reports[0].report_id}"


def test_matrix_reports_are_collected_once(world: World) -> None:
    for number in range(250):
        world.homeserver.report(world.bob, world.room, world.abusive, f"again {number}")
    assert world.collector.collect() == 250
    assert world.collector.collect() == 0
    world.homeserver.report(world.bob, world.room, world.opening, "one more")
    assert world.collector.collect() == 1
    assert world.audit().reports == 251


def test_collecting_resumes_after_an_outage_without_loss(world: World) -> None:
    world.homeserver.report(world.bob, world.room, world.abusive, "one")
    world.homeserver.report(world.bob, world.room, world.opening, "two")
    world.homeserver.down_after = "/fetch_event/" + world.abusive
    with pytest.raises(UnavailableError):  # it goes away after the first message
        world.collector.collect()
    assert world.desk.queue().pending == 1
    world.homeserver.down, world.homeserver.down_after = False, None
    world.collector.collect()
    world.intake.check_pending()
    assert world.desk.queue().pending == 0
    assert len(world.open_cases()) == 2
    assert world.audit().reports == 2


def test_collecting_waits_while_the_homeserver_does_not_list_its_reports(world: World) -> None:
    world.homeserver.report(world.bob, world.room, world.abusive, "one")
    world.homeserver.down = True
    with pytest.raises(UnavailableError):
        world.collector.collect()
    world.homeserver.down = False
    assert world.collector.collect() == 1


def test_account_report_becomes_a_case_about_that_account(world: World) -> None:
    world.homeserver.report_account(world.bob, world.mallory, "pretends to be fourteen\x00")
    world.collector.collect()
    file = world.only_case()
    assert (file.case.subject, file.messages) == (world.mallory, [])


def test_matrix_report_of_a_message_the_reporter_never_got_is_marked_so(world: World) -> None:
    world.homeserver.report(world.eve, world.room, world.abusive, "made up")
    world.collector.collect()
    assert world.only_case().messages[0].verdict.code == "event_not_found"


def test_the_accused_cannot_turn_a_case_around(world: World) -> None:
    bobs = case_of(world, world.abusive, keys=False)
    mallorys = case_of(world, world.abusive, world.reply, by=world.mallory, category=Category.SPAM)
    assert mallorys != bobs
    assert world.desk.case(bobs, "robin").case.subject == world.mallory
    decide(world, bobs, ActionKind.LOCK)
    world.enforcer.run_due()
    assert world.homeserver.accounts[world.mallory]["locked"]
    assert not world.homeserver.accounts[world.bob]["locked"]


def test_the_accused_cannot_take_a_case_beforehand(world: World) -> None:
    case_of(world, world.abusive, world.reply, by=world.mallory)
    bobs = case_of(world, world.abusive)
    assert world.desk.case(bobs, "robin").case.subject == world.mallory


def test_unproven_reports_of_the_gravest_kind_do_not_bury_a_proven_one(world: World) -> None:
    for number in range(5):
        world.report(category=Category.SEXTORTION, note=f"{number}")
    proven = case_of(world, world.abusive, category=Category.HARASSMENT)
    assert world.open_cases()[0].case_id == proven


def test_strangers_cannot_fill_the_top_of_the_queue_during_an_outage(world: World) -> None:
    world.homeserver.down = True
    for number in range(3):
        world.intake.take(world.request(category=Category.SEXTORTION), f"invented-{number}", None)
    world.homeserver.down = False
    world.intake.check_pending()
    real = case_of(world, world.abusive, keys=False, category=Category.HARASSMENT)
    assert world.open_cases()[0].case_id == real


def test_auditing_a_running_service_raises_no_false_alarm(world: World) -> None:
    stop = threading.Event()

    def keep_reporting() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            world.report(world.abusive, note=f"{number}", by=world.bob if number % 2 else world.mallory)

    thread = threading.Thread(target=keep_reporting)
    thread.start()
    try:
        for _ in range(15):
            world.audit()
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE actions SET target = '@bob:sim.example'",
        "UPDATE actions SET kind = 'deactivate'",
        "DELETE FROM actions",
        "UPDATE cases SET state = 'open'",
        "UPDATE reports SET case_id = NULL",
    ],
)
def test_operator_cannot_redirect_a_decision_unseen(world: World, tampering: str) -> None:
    decide(world, case_of(world, world.abusive), ActionKind.LOCK)
    world.audit()
    with world.store.engine.connect() as connection:
        connection.execute(text(tampering))
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"


@pytest.mark.parametrize("address", ["mxc://x/\x00", "mxc://[text that nobody revealed]", "mxc://a", "mxc://../b"])
def test_media_address_that_is_none_neither_blocks_a_decision_nor_leaks_text(world: World, address: str) -> None:
    event = world.homeserver.say(world.room, world.mallory, "x", url=FILE["url"], file={"url": address})
    case_id = case_of(world, event)
    decide(world, case_id, ActionKind.QUARANTINE, ActionKind.LOCK)
    targets = [action.target for action in world.desk.case(case_id, "robin").actions]
    assert targets == [FILE["url"], world.mallory]
