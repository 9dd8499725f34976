"""Conversation reports: context, order, gaps, relations. On SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nightlight.errors import RefusedError
from nightlight.model.action import ActionKind
from nightlight.model.case import Outcome, Policy
from nightlight.model.report import Disclosure, MessageRole, RelationKind, ReportRequest
from tests.world import World


def conversation_request(world: World, reported: list[str], context: list[str], **changes: Any) -> ReportRequest:
    request = world.request(*reported, **changes)
    around = tuple(Disclosure(event, world.key(event), MessageRole.CONTEXT) for event in context)
    return replace(request, messages=(*request.messages, *around))


def take(world: World, reported: list[str], context: list[str], by: str | None = None) -> None:
    token = world.homeserver.token_for(by or world.bob)
    world.intake.take(conversation_request(world, reported, context), token, None)


def test_context_is_shown_around_the_reported_message_in_the_order_of_the_room(world: World) -> None:
    for number in range(3):
        world.homeserver.say(world.room, world.mallory, f"[between {number}]")
    last = world.homeserver.say(world.room, world.bob, "[leave me alone]")
    take(world, [world.abusive], [last, world.opening])
    lines = world.only_case().lines
    assert [(line.message.event_id, line.message.reported, line.omitted, line.own) for line in lines] == [
        (world.opening, False, None, False),
        (world.abusive, True, 0, False),
        (last, False, 4, True),  # Bob's reply and three more
    ]
    assert world.audit().reports == 1


def test_state_events_between_messages_are_not_counted_as_omitted(world: World) -> None:
    world.homeserver.store(world.room, world.mallory, "m.room.topic", {"topic": "[topic]"})
    later = world.homeserver.say(world.room, world.mallory, "[abusive message 2]")
    world.report(world.reply, later)
    assert [line.omitted for line in world.only_case().lines] == [None, 0]


def test_context_weighs_nothing(world: World) -> None:
    """Neither the case's subject, nor what is proven, nor what is enforced, comes from context."""
    carol = world.homeserver.account("carol")
    world.homeserver.rooms[world.room].members[carol] = "join"
    carols = world.homeserver.say(world.room, carol, "[a bystander]")
    request = conversation_request(world, [world.abusive], [carols, world.opening], keys=False)
    world.intake.take(request, world.homeserver.token_for(world.bob), None)
    case = world.only_case().case
    assert (case.subject, case.proven, case.messages) == (world.mallory, 0, 1)
    with pytest.raises(RefusedError) as refused:
        world.desk.decide(
            case.case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "because", [ActionKind.REDACT]
        )
    assert refused.value.code == "unproven_irreversible"


def test_only_reported_messages_are_redacted(world: World) -> None:
    take(world, [world.abusive], [world.opening])
    case = world.only_case().case
    world.desk.decide(case.case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "because", [ActionKind.REDACT])
    actions = world.desk.case(case.case_id, "robin").actions
    assert [action.target for action in actions] == [world.abusive]


def test_context_does_not_join_cases(world: World) -> None:
    take(world, [world.abusive], [world.opening])
    world.report(world.opening)
    assert len(world.open_cases()) == 2


def test_reply_edit_and_reaction_are_shown_as_what_they_are(world: World) -> None:
    say, room, mallory = world.homeserver.say, world.room, world.mallory
    store = world.homeserver.store
    answer = say(room, mallory, "[answer]", **{"m.relates_to": {"m.in_reply_to": {"event_id": world.reply}}})
    edit = say(
        room,
        mallory,
        "* [abusive message 3]",
        **{
            "m.new_content": {"msgtype": "m.text", "body": "[abusive message 3]"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": answer},
        },
    )
    reaction = store(
        room,
        mallory,
        "m.reaction",
        {"m.relates_to": {"rel_type": "m.annotation", "event_id": world.reply, "key": "[sign]"}},
    )
    request = world.request(world.reply, answer, edit)
    request = replace(request, messages=(*request.messages, Disclosure(reaction)))
    receipt = world.intake.take(request, world.homeserver.token_for(world.bob), None)
    assert world.codes(receipt) == ["ok", "ok", "ok", "not_encrypted"]
    file = world.only_case()
    revealed = world.desk.reveal_all(file.case.case_id, "robin")
    assert (revealed[edit].changed, revealed[edit].body) == ("New text:", "[abusive message 3]")
    assert (revealed[reaction].changed, revealed[reaction].body) == ("Reaction:", "[sign]")
    assert revealed[answer].changed == ""
    # The relation of a reaction stands in the clear; of these simulated messages it stands only inside the encryption.
    by_event = {line.message.event_id: line for line in file.lines}
    assert by_event[reaction].answers == 1
    relation = by_event[reaction].relation
    assert relation is not None
    assert relation.kind is RelationKind.REACTION


def test_revealing_the_conversation_logs_every_message_by_itself(world: World) -> None:
    take(world, [world.abusive], [world.opening, world.reply])
    case_id = world.only_case().case.case_id
    revealed = world.desk.reveal_all(case_id, "robin")
    assert [revealed[event].body for event in (world.opening, world.abusive, world.reply)] == [
        "[opening]",
        "[abusive message 1]",
        "[a reply]",
    ]
    viewed = [entry for entry in world.desk.case(case_id, "robin").log if entry.kind == "evidence.viewed"]
    assert len(viewed) == 3


def test_homeserver_that_cannot_tell_the_timeline_does_not_hold_up_the_report(world: World) -> None:
    def fail(path: str) -> None:
        world.homeserver.down = path.endswith("/messages")

    world.homeserver.before_answer = fail
    receipt = world.report(world.opening, world.abusive)
    world.homeserver.before_answer = None
    assert world.codes(receipt) == ["ok", "ok"]
    assert [line.omitted for line in world.only_case().lines] == [None, None]


def test_context_of_a_pending_report_is_still_context_when_it_is_checked(world: World) -> None:
    world.homeserver.down = True
    take(world, [world.abusive], [world.opening])
    world.homeserver.down = False
    world.clock.at += 60_000
    assert world.intake.check_pending() == 1
    file = world.only_case()
    assert [line.message.reported for line in file.lines] == [False, True]
    assert [line.omitted for line in file.lines] == [None, 0]


def test_same_messages_with_other_roles_are_another_report(world: World) -> None:
    take(world, [world.abusive], [world.opening])
    receipt = world.report(world.abusive, world.opening)
    assert receipt.created


def test_operator_cannot_turn_context_into_a_reported_message(world: World) -> None:
    take(world, [world.abusive], [world.opening])
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reported_messages SET role = 'reported'")
    with pytest.raises(RefusedError) as refused:
        world.audit()
    assert refused.value.code == "record_changed"


def test_operator_cannot_hide_a_gap(world: World) -> None:
    world.report(world.opening, world.reply)
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reported_messages SET omitted = 0 WHERE omitted = 1")
    with pytest.raises(RefusedError) as refused:
        world.audit()
    assert refused.value.code == "record_changed"
