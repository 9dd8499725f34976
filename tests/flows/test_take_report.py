"""Reports: proven, refused, pending, never lost, never doubled. On SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import text

from nightlight.errors import RefusedError, UnavailableError
from nightlight.flows.take_report import IntakeLimits
from nightlight.model.report import Category, Disclosure, ReportState
from nightlight.model.verdict import Verdict
from tests.world import World


def test_a_message_with_its_key_is_proven_and_becomes_a_case(world: World) -> None:
    receipt = world.report(world.abusive)
    assert receipt.created
    assert world.codes(receipt) == ["ok"]
    case = world.only_case().case
    assert (case.subject, case.proven, case.messages) == (world.mallory, 1, 1)


def test_report_without_key_becomes_an_unverified_case(world: World) -> None:
    receipt = world.report(world.abusive, keys=False)
    assert receipt.report.messages[0].verdict.verdict is Verdict.UNVERIFIABLE
    assert world.codes(receipt) == ["no_key"]
    assert world.only_case().case.proven == 0


def test_proof_that_comes_later_joins_the_unverified_case(world: World) -> None:
    first = world.report(world.abusive, keys=False)
    second = world.report(world.abusive)
    assert first.report.report_id != second.report.report_id
    assert first.report.case_id == second.report.case_id
    assert world.only_case().case.proven == 1


def test_two_victims_of_one_message_make_one_case(world: World) -> None:
    carol = world.homeserver.account("carol")
    world.homeserver.rooms[world.room].members[carol] = "join"
    event = world.homeserver.say(world.room, world.mallory, "[abusive message 2]")
    world.report(event)
    world.report(event, by=carol)
    file = world.only_case()
    assert {report.reporter for report in file.reports} == {world.bob, carol}


def test_a_case_that_was_decided_does_not_swallow_a_new_report(world: World) -> None:
    from nightlight.model.case import Outcome, Policy

    first = world.report(world.abusive)
    world.desk.decide(first.report.case_id or "", "robin", Outcome.NO_VIOLATION, Policy.NONE, "looked", [])
    second = world.report(world.abusive, note="it goes on")
    assert second.report.case_id != first.report.case_id


@pytest.mark.parametrize("flip", [0, 7, 100, 255])
def test_key_one_bit_off_opens_nothing(world: World, flip: int) -> None:
    key = bytearray(world.key(world.abusive))
    key[flip // 8] ^= 1 << (flip % 8)
    receipt = world.report(messages=(Disclosure(world.abusive, bytes(key)),))
    assert world.codes(receipt) == ["wrong_key"]
    assert receipt.report.messages[0].message_key is None


def test_key_of_another_message_opens_nothing(world: World) -> None:
    receipt = world.report(messages=(Disclosure(world.abusive, world.key(world.opening)),))
    assert world.codes(receipt) == ["wrong_key"]


def test_a_forged_report_does_not_take_the_place_of_a_real_one(world: World) -> None:
    world.report(
        messages=(Disclosure(world.reply, world.key(world.opening)),), by=world.mallory, category=Category.THREAT
    )
    world.clock.at += 1000
    world.report(world.abusive)
    assert [case.proven for case in world.open_cases()] == [1, 0]


def test_stranger_cannot_report_from_a_room_they_are_not_in(world: World) -> None:
    receipt = world.report(world.abusive, by=world.eve)
    assert world.codes(receipt) == ["event_not_found"]
    assert world.only_case().case.subject is None
    with world.store.read() as tx:
        assert tx.preserved(world.abusive) is None


def test_stranger_learns_nothing_about_which_messages_exist(world: World) -> None:
    there = world.report(world.abusive, by=world.eve).report.messages[0]
    absent = world.report(messages=(Disclosure("$nowhere", bytes(32)),), by=world.eve).report.messages[0]
    assert replace(there, event_id="") == replace(absent, event_id="")


@pytest.mark.parametrize("membership", ["invite", "leave", "ban", "knock"])
def test_who_was_not_joined_when_it_was_sent_cannot_open_it(world: World, membership: str) -> None:
    world.homeserver.rooms[world.room].members[world.eve] = membership
    event = world.homeserver.say(world.room, world.mallory, "[abusive message 2]")
    assert world.codes(world.report(event, by=world.eve)) == ["event_not_found"]


def test_who_left_later_can_still_report(world: World) -> None:
    world.homeserver.rooms[world.room].members[world.bob] = "leave"
    assert world.codes(world.report(world.abusive)) == ["ok"]


def test_event_of_another_room_is_refused(world: World) -> None:
    other = world.homeserver.room(world.bob)
    assert world.codes(world.report(world.abusive, room_id=other)) == ["event_not_found"]


def test_ciphertext_copied_into_another_room_is_refused(world: World) -> None:
    # Mallory re-sends what was encrypted for another room; apps do not show it, and neither is it proof.
    other = world.homeserver.room(world.bob, world.mallory)
    event = world.homeserver.store(
        other, world.mallory, "m.room.encrypted", world.homeserver.events[world.abusive]["content"]
    )
    receipt = world.report(messages=(Disclosure(event, world.key(world.abusive)),), room_id=other)
    assert world.codes(receipt) == ["room_mismatch"]


def test_operator_cannot_put_another_event_under_the_id(world: World) -> None:
    stored = world.homeserver.events
    stored[world.abusive] = {**stored[world.abusive], "sender": world.bob}
    assert world.codes(world.report(world.abusive)) == ["event_hash_mismatch"]
    stored[world.opening] = stored[world.reply]
    assert world.codes(world.report(world.opening)) == ["event_hash_mismatch"]


def test_sender_cannot_dodge_by_malformed_content(world: World) -> None:
    raw = b'{"type":"m.room.message","room_id":"' + world.room.encode() + b'","content":{"body":"[a]","body":"[b]"}}'
    event = world.homeserver.encrypt(world.room, world.mallory, raw)
    receipt = world.report(event)
    assert world.codes(receipt) == ["content_ambiguous"]
    revealed = world.desk.reveal(receipt.report.case_id or "", event, "robin")
    assert revealed.ambiguous
    assert "[a]" in revealed.body
    assert "[b]" in revealed.body


def test_message_that_was_never_encrypted_needs_no_key(world: World) -> None:
    event = world.homeserver.store(
        world.room, world.mallory, "m.room.message", {"msgtype": "m.text", "body": "[plain]"}
    )
    assert world.codes(world.report(event, keys=False)) == ["not_encrypted"]
    assert world.codes(world.report(messages=(Disclosure(event, bytes(32)),))) == ["key_not_needed"]


def test_unknown_algorithm_is_said(world: World) -> None:
    event = world.homeserver.store(
        world.room, world.mallory, "m.room.encrypted", {"algorithm": "m.new", "ciphertext": "AA"}
    )
    assert world.codes(world.report(messages=(Disclosure(event, bytes(32)),))) == ["unsupported_algorithm"]


# Redaction


def test_redaction_after_the_report_changes_nothing(world: World) -> None:
    world.report(world.abusive, keys=False)
    world.homeserver.prune(world.abusive)
    receipt = world.report(world.abusive)
    assert world.codes(receipt) == ["ok"]
    assert world.desk.reveal(receipt.report.case_id or "", world.abusive, "robin").body == "[abusive message 1]"


def test_purge_after_the_report_changes_nothing(world: World) -> None:
    world.report(world.abusive, keys=False)
    del world.homeserver.events[world.abusive]
    assert world.codes(world.report(world.abusive)) == ["ok"]


def test_redaction_before_the_report_is_explained(world: World) -> None:
    world.homeserver.prune(world.abusive)
    receipt = world.report(world.abusive)
    assert world.codes(receipt) == ["event_redacted"]
    assert receipt.report.messages[0].sender == world.mallory
    assert "deleted" in receipt.report.messages[0].verdict.explanation


# The same report again


def test_the_same_report_again_is_the_same_report(world: World) -> None:
    first, second = world.report(world.abusive), world.report(world.abusive)
    assert (first.created, second.created) == (True, False)
    assert first.report.report_id == second.report.report_id
    assert world.audit().reports == 1


def test_idempotency_key_holds_for_its_reporter_only(world: World) -> None:
    first = world.report(world.abusive, key="k")
    assert world.report(world.abusive, key="k").report.report_id == first.report.report_id
    assert world.report(world.opening, by=world.mallory, key="k").created


def test_idempotency_key_reused_for_another_report_is_refused(world: World) -> None:
    world.report(world.abusive, key="k")
    with pytest.raises(RefusedError) as caught:
        world.report(world.opening, key="k")
    assert caught.value.code == "idempotency_key_reused"


def test_many_at_once_store_one(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    receipts = []

    def take() -> None:
        receipts.append(world.intake.take(world.request(world.abusive), token, "once"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({receipt.report.report_id for receipt in receipts}) == 1
    assert sum(receipt.created for receipt in receipts) == 1
    assert world.audit().reports == 1


# Who reports


@pytest.mark.parametrize(
    "token", ["", "never-issued", "syt_an_access_token", "x" * 900, "../../admin", "a&access_token=b"]
)
def test_token_that_the_homeserver_did_not_issue_is_refused(world: World, token: str) -> None:
    with pytest.raises(RefusedError) as caught:
        world.intake.take(world.request(world.abusive), token, None)
    assert caught.value.code == "invalid_token"
    assert world.audit().reports == 0


@pytest.mark.parametrize("sub", ["@bob:evil.example", "bob", "@:sim.example", "", "@bob:sim.example:evil"])
def test_account_of_another_server_cannot_report(world: World, sub: str) -> None:
    world.homeserver.tokens["foreign"] = sub
    with pytest.raises(RefusedError) as caught:
        world.intake.take(world.request(world.abusive), "foreign", None)
    assert caught.value.code == "invalid_token"


def test_flood_of_reports_is_bounded_for_each_account(world: World) -> None:
    world.limits = IntakeLimits(2, 100, 3_600_000)
    world.report(world.abusive)
    world.report(world.opening)
    with pytest.raises(RefusedError) as caught:
        world.report(world.reply)
    assert caught.value.code == "too_many_reports"
    assert world.report(world.abusive).created is False  # sending again is not a new report
    assert world.report(world.abusive, by=world.mallory).created
    world.clock.at += 3_600_001
    assert world.report(world.reply).created


def test_report_of_a_whole_room_needs_to_have_been_in_it(world: World) -> None:
    assert world.report().created
    with pytest.raises(RefusedError) as caught:
        world.report(by=world.eve)
    assert caught.value.code == "room_not_found"


# The homeserver is down


def test_homeserver_down_makes_the_report_wait_and_lose_nothing(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.down = True
    waiting = world.intake.take(world.request(world.abusive), token, "k")
    assert waiting.report.state is ReportState.PENDING
    assert world.codes(waiting) == ["pending_verification"]
    assert world.desk.queue().pending == 1
    assert world.intake.check_pending() == 0
    world.homeserver.down = False
    world.clock.at += 120_000
    assert world.intake.check_pending() == 1
    assert world.only_case().case.proven == 1
    assert world.desk.queue().pending == 0
    world.audit()


def test_the_same_report_while_waiting_and_after_is_one_report(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.down = True
    first = world.intake.take(world.request(world.abusive), token, "k")
    assert world.intake.take(world.request(world.abusive), token, "k").report.report_id == first.report.report_id
    world.homeserver.down = False
    assert world.intake.take(world.request(world.abusive), token, "k").report.report_id == first.report.report_id
    world.intake.check_pending()
    again = world.report(world.abusive)
    assert (again.created, again.report.report_id) == (False, first.report.report_id)


def test_waiting_report_and_one_sent_anew_with_a_new_token_make_one_case(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.down = True
    first = world.intake.take(world.request(world.abusive), token, None)
    world.homeserver.down = False
    second = world.report(world.abusive)
    world.intake.check_pending()
    with world.store.read() as tx:
        settled = tx.report(first.report.report_id)
    assert settled is not None
    assert settled.state is ReportState.CHECKED
    assert settled.case_id == second.report.case_id
    world.audit()


def test_idempotency_key_used_again_during_an_outage_blocks_nobody(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.down = True
    first = world.intake.take(world.request(world.abusive), token, "k")
    world.homeserver.down = False
    second = world.report(world.opening, key="k")  # a new token: nobody can tell yet that it is the same person
    world.homeserver.down = True
    third = world.intake.take(world.request(world.reply), world.homeserver.token_for(world.mallory), None)
    world.homeserver.down = False
    world.intake.check_pending()
    with world.store.read() as tx:
        for receipt in (first, second, third):
            report = tx.report(receipt.report.report_id)
            assert report is not None
            assert [m.verdict.code for m in report.messages] == ["ok"]
    world.audit()


def test_one_report_that_cannot_be_checked_does_not_stand_in_front_of_others(world: World) -> None:
    world.homeserver.down = True
    tokens = [world.homeserver.token_for(world.bob), world.homeserver.token_for(world.mallory)]
    world.intake.take(world.request(world.abusive), tokens[0], None)
    world.clock.at += 1
    world.intake.take(world.request(world.reply), tokens[1], None)
    world.homeserver.down = False
    with world.store.engine.connect() as connection:
        # What the first one preserved was damaged on the disk, which no check expects.
        connection.execute(
            text(
                "INSERT INTO evidence (event_id, room_id, sender, event, sha256, preserved_at)"
                " VALUES (:e, 'r', 's', :x, :x, 0)"
            ),
            {"e": world.abusive, "x": b"{"},
        )
        connection.commit()
    with pytest.raises(ValueError, match="Expecting"):
        world.intake.check_pending()
    assert world.intake.check_pending() == 1
    assert world.desk.queue().pending == 1


def test_forged_token_cannot_use_an_outage_to_open_anything(world: World) -> None:
    world.homeserver.down = True
    waiting = world.intake.take(world.request(world.abusive), "forged-token", None)
    world.homeserver.down = False
    world.intake.check_pending()
    with world.store.read() as tx:
        settled = tx.report(waiting.report.report_id)
    assert settled is not None
    assert [m.verdict.code for m in settled.messages] == ["reporter_unconfirmed"]
    assert settled.messages[0].message_key is None  # destroyed
    assert settled.reporter is None
    world.audit()


def test_outage_longer_than_the_token_lives_keeps_the_report_and_destroys_the_key(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.down = True
    waiting = world.intake.take(world.request(world.abusive), token, None)
    world.clock.at += 3_600_001
    assert world.intake.check_pending() == 1
    with world.store.read() as tx:
        settled = tx.report(waiting.report.report_id)
    assert settled is not None
    assert settled.case_id is not None
    assert settled.messages[0].message_key is None


def test_outage_between_sign_in_and_check_needs_no_second_sign_in(world: World) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.down_after = "/openid/userinfo"
    waiting = world.intake.take(world.request(world.abusive), token, None)
    assert (waiting.report.state, waiting.report.reporter) == (ReportState.PENDING, world.bob)
    world.homeserver.down, world.homeserver.down_after = False, None
    world.homeserver.tokens.clear()
    world.clock.at += 100_000_000
    world.intake.check_pending()
    assert world.only_case().case.proven == 1


def test_waiting_reports_are_bounded(world: World) -> None:
    world.limits = IntakeLimits(300, 1, 3_600_000)
    world.homeserver.down = True
    world.intake.take(world.request(world.abusive), "one", None)
    with pytest.raises(UnavailableError) as caught:
        world.intake.take(world.request(world.abusive), "two", None)
    assert caught.value.code == "intake_full"


@pytest.mark.parametrize("answer", ["", "[]", "null", "{", '{"event": 5}', '{"event": {}, "state": 3}', "[" * 5000])
def test_homeserver_that_answers_nonsense_loses_no_report(world: World, answer: str) -> None:
    token = world.homeserver.token_for(world.bob)
    world.homeserver.broken_answer = answer
    receipt = world.intake.take(world.request(world.abusive), token, "k")
    assert receipt.report.state is ReportState.PENDING
    world.homeserver.broken_answer = None
    world.intake.check_pending()
    assert world.only_case().case.proven == 1
