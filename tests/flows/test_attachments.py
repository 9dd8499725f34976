"""Attachments of reported messages: noted with the report, checked once, seen by nobody, kept only by decision."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nightlight.demo.closed_doors import found_in
from nightlight.demo.pictures import a_red_circle
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.hash_list import parse_hash_list
from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import AttachmentPolicy, AttachmentView
from nightlight.flows.check_attachments import AttachmentChecker
from nightlight.hazmat import base64url
from nightlight.model.action import ActionKind
from nightlight.model.attachment import AttachmentCode, AttachmentState, Digests, ListMatch
from nightlight.model.case import Outcome, Policy
from tests.world import World

CIRCLE = a_red_circle()


def a_picture(world: World, plaintext: bytes = CIRCLE, **changes: Any) -> str:
    """Mallory sends a picture; returns the event id."""
    return world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(plaintext, **changes))


def reported(world: World, event: str, **changes: Any) -> str:
    return world.report(event, **changes).report.case_id or ""


def views(world: World, case_id: str, event: str) -> list[AttachmentView]:
    return list(world.desk.case(case_id, "robin").attachments.get(event, ()))


def view(world: World, case_id: str, event: str) -> AttachmentView:
    (only,) = views(world, case_id, event)
    return only


def code(world: World, case_id: str, event: str) -> AttachmentCode:
    return view(world, case_id, event).attachment.code


def test_reported_picture_is_bound_to_its_message_and_nobody_saw_it(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    assert code(world, case_id, event) is AttachmentCode.PENDING
    assert world.checker.run_due() == 1
    attachment = view(world, case_id, event).attachment
    assert (attachment.state, attachment.code) == (AttachmentState.CHECKED, AttachmentCode.MATCHES_EVENT)
    assert attachment.digests is not None
    assert attachment.digests.sha256 == hashlib.sha256(CIRCLE).digest()
    (entry,) = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.ATTACHMENT_CHECKED]
    assert json.loads(entry.detail)["verdict"] == "matches_event"
    assert world.checker.run_due() == 0
    world.audit()


def test_no_digest_of_the_content_stands_in_the_log(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    world.checker.run_due()
    digests = view(world, case_id, event).attachment.digests
    assert digests is not None
    log = "".join(entry.detail for entry in world.desk.case(case_id, "robin").log)
    assert all(digest.hex() not in log for digest in (digests.sha256, digests.sha1, digests.md5))
    assert digests.sha256.hex() not in repr(view(world, case_id, event))


def test_nothing_the_message_says_of_the_file_is_stored(world: World) -> None:
    description = world.homeserver.upload(CIRCLE)
    event = world.homeserver.send_file(world.room, world.mallory, description, info={"mimetype": "image/x-odd"})
    reported(world, event)
    world.checker.run_due()
    with world.store.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM attachments")).all())
    key = base64url.decode_urlsafe(description["key"]["k"])
    for said in (description["url"], description["key"]["k"], key.hex(), str(key), description["iv"], "image/x-odd"):
        assert said not in rows


def test_message_without_proof_has_no_attachments(world: World) -> None:
    event = a_picture(world)
    reported(world, event, keys=False)
    assert world.checker.run_due() == 0
    assert world.homeserver.requests == [r for r in world.homeserver.requests if "media" not in r]


def test_same_message_in_two_reports_is_checked_once(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    reported(world, event, note="again")
    assert world.checker.run_due() == 1
    assert len(views(world, case_id, event)) == 1


# What can be the matter


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        ("other event's blob", AttachmentCode.HASH_MISMATCH),
        ("truncated blob", AttachmentCode.HASH_MISMATCH),
        ("empty blob", AttachmentCode.HASH_MISMATCH),
        ("huge blob", AttachmentCode.TOO_LARGE),
        ("lost", AttachmentCode.GONE),
        ("quarantined", AttachmentCode.GONE),
    ],
)
def test_blob_that_is_not_the_one_sent_is_found(world: World, attack: str, expected: AttachmentCode) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    (mxc,) = world.homeserver.blobs
    world.homeserver.upload(b"[another file]")
    blobs = world.homeserver.blobs
    if attack == "lost":
        del blobs[mxc]
    elif attack == "quarantined":
        world.homeserver.quarantined.add(mxc)
    else:
        other = list(blobs.values())[-1]
        blobs[mxc] = {
            "other event's blob": other,
            "truncated blob": blobs[mxc][:-1],
            "empty blob": b"",
            "huge blob": bytes(1_000_001),
        }[attack]
    world.checker.run_due()
    attachment = view(world, case_id, event).attachment
    assert (attachment.code, attachment.digests, attachment.state) == (expected, None, AttachmentState.CHECKED)
    assert view(world, case_id, event).match is None
    world.audit()


def test_unencrypted_and_malformed_files_have_their_verdict_and_are_not_fetched(world: World) -> None:
    sim = world.homeserver
    plain = sim.say(world.room, world.mallory, "x", msgtype="m.image", url="mxc://sim.example/plain")
    odd = sim.say(world.room, world.mallory, "x", msgtype="m.image", file={"url": "mxc://sim.example/odd", "key": 7})
    case_id = reported(world, plain)
    other = reported(world, odd)
    assert world.checker.run_due() == 2
    assert code(world, case_id, plain) is AttachmentCode.NOT_BOUND
    assert code(world, other, odd) is AttachmentCode.MALFORMED
    assert not [request for request in sim.requests if "download" in request]


def test_swapped_key_is_the_senders_own_and_finds_nothing_known(world: World) -> None:
    """The message binds the key, so nobody but its sender can have swapped it."""
    first = a_picture(world)
    swapped = a_picture(world, key={"k": base64url.encode_urlsafe(bytes(32))})
    case_id = reported(world, first)
    other = reported(world, swapped)
    world.checker.run_due()
    found = view(world, other, swapped)
    assert found.attachment.digests is not None
    assert found.attachment.digests.sha256 != hashlib.sha256(CIRCLE).digest()
    assert not found.same_cases
    assert view(world, case_id, first).attachment.code is AttachmentCode.MATCHES_EVENT


def test_salamander_one_ciphertext_two_pictures_are_two_files(world: World) -> None:
    """Dodis et al., CRYPTO 2018: sameness is of plaintext, never of ciphertext."""
    description = world.homeserver.upload(CIRCLE)
    other_key = {**description, "key": {"k": base64url.encode_urlsafe(b"k" * 32)}}
    first = world.homeserver.send_file(world.room, world.mallory, description)
    second = world.homeserver.send_file(world.room, world.mallory, other_key)
    case_id = reported(world, first, messages=world.request(first, second).messages)
    world.checker.run_due()
    both = [view(world, case_id, event) for event in (first, second)]
    assert [v.attachment.code for v in both] == [AttachmentCode.MATCHES_EVENT] * 2
    assert len({v.attachment.digests.sha256 for v in both if v.attachment.digests}) == 2
    assert not any(v.same_here or v.same_cases for v in both)


def test_same_picture_encrypted_twice_is_the_same_file(world: World) -> None:
    first, second = a_picture(world), a_picture(world)
    assert len(set(world.homeserver.blobs.values())) == 2
    case_id = reported(world, first)
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "a circle", [])
    other = reported(world, second)
    world.checker.run_due()
    assert other != case_id
    assert view(world, other, second).same_cases == (case_id,)
    assert view(world, case_id, first).same_cases == (other,)
    third = a_picture(world)
    world.report(second, third)
    world.checker.run_due()
    assert view(world, other, third).same_here


# The operator's list


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (hashlib.md5(CIRCLE).hexdigest(), ListMatch.MATCH),  # noqa: S324 - what lists are kept in
        (hashlib.sha256(CIRCLE).hexdigest(), ListMatch.MATCH),
        ("0" * 64, ListMatch.NO_MATCH),
        (None, ListMatch.NO_LIST),
    ],
)
def test_case_says_whether_the_file_is_on_the_list(world: World, lines: str | None, match: ListMatch) -> None:
    world.policy = AttachmentPolicy(known=None if lines is None else parse_hash_list(lines.encode()))
    event = a_picture(world)
    case_id = reported(world, event)
    assert view(world, case_id, event).match is None  # before the check nothing is known
    world.checker.run_due()
    assert view(world, case_id, event).match is match


def test_switched_off_nothing_is_fetched_and_switched_on_it_is_made_up_for(world: World) -> None:
    world.policy = AttachmentPolicy(check=False)
    event = a_picture(world)
    case_id = reported(world, event)
    assert world.checker.run_due() == 0
    assert not view(world, case_id, event).checked_here
    with pytest.raises(RefusedError) as caught:
        world.desk.keep_attachment(case_id, event, view(world, case_id, event).attachment.attachment_id, "robin", "why")
    assert caught.value.code == "attachments_off"
    world.policy = AttachmentPolicy()
    assert world.checker.run_due() == 1


# Never lost, never doubled


def test_homeserver_down_delays_the_check_and_then_it_happens(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    world.homeserver.down = True
    world.checker.run_due()
    attachment = view(world, case_id, event).attachment
    assert (attachment.state, attachment.attempts) == (AttachmentState.PENDING, 1)
    assert attachment.error
    assert world.checker.run_due() == 0
    world.homeserver.down = False
    world.clock.at += 10_000
    assert world.checker.run_due() == 1
    assert code(world, case_id, event) is AttachmentCode.MATCHES_EVENT


def test_check_that_keeps_failing_is_given_up_in_words_and_can_be_tried_again(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    world.homeserver.down = True
    for _ in range(6):
        world.checker.run_due()
        world.clock.at += 1_000_000
    attachment = view(world, case_id, event).attachment
    assert (attachment.state, attachment.code, attachment.attempts) == (
        AttachmentState.FAILED,
        AttachmentCode.UNCHECKED,
        4,
    )
    world.audit()
    world.homeserver.down = False
    world.desk.check_attachment_again(case_id, event, attachment.attachment_id, "robin")
    world.audit()
    world.checker.run_due()
    assert code(world, case_id, event) is AttachmentCode.MATCHES_EVENT
    world.audit()
    with pytest.raises(RefusedError) as caught:
        world.desk.check_attachment_again(case_id, event, attachment.attachment_id, "robin")
    assert caught.value.code == "not_failed"


def test_redirecting_media_repository_is_not_followed_and_not_asked_for_ever(world: World) -> None:
    world.homeserver.media_redirect = "https://cdn.example/blob"
    event = a_picture(world)
    case_id = reported(world, event)
    world.checker.run_due()
    attachment = view(world, case_id, event).attachment
    assert (attachment.state, attachment.attempts) == (AttachmentState.FAILED, 1)
    assert "cdn.example" not in (attachment.error or "")


class Dying:
    """A digester whose process dies with the machine, before anything is written down."""

    def digest(self, *_asked: object) -> Digests:
        raise KeyboardInterrupt


class Lying:
    def digest(self, *_asked: object) -> Digests:
        raise UnavailableError("worker_failed", "The sealed worker contradicts what was sent to it.")


def test_crash_in_the_middle_of_a_check_loses_and_doubles_nothing(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    with pytest.raises(KeyboardInterrupt):
        replace(world.checker, digester=Dying()).run_due()
    assert world.checker.run_due() == 0  # the lease still runs
    world.clock.at += 120_001
    assert world.checker.run_due() == 1
    entries = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.ATTACHMENT_CHECKED]
    assert len(entries) == 1
    assert code(world, case_id, event) is AttachmentCode.MATCHES_EVENT


def test_lying_worker_proves_nothing(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    for _ in range(5):
        replace(world.checker, digester=Lying()).run_due()
        world.clock.at += 1_000_000
    assert code(world, case_id, event) is AttachmentCode.UNCHECKED


def test_worker_that_outlives_its_lease_writes_nothing(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    fast = world.checker

    class Slow:
        def digest(self, *_asked: object) -> Digests:
            world.clock.at += 120_001
            assert fast.run_due() == 1  # somebody else takes it over, and is done
            return Digests(1, b"x" * 32, b"x" * 20, b"x" * 16)

    replace(fast, digester=Slow()).run_due()
    digests = view(world, case_id, event).attachment.digests
    assert digests is not None
    assert digests.sha256 == hashlib.sha256(CIRCLE).digest()
    assert sum(e.kind == LogKind.ATTACHMENT_CHECKED for e in world.desk.case(case_id, "robin").log) == 1


def test_several_checkers_check_each_file_once(world: World) -> None:
    events = [a_picture(world, CIRCLE + bytes([number])) for number in range(4)]
    case_id = reported(world, events[0], messages=world.request(*events).messages)
    tried: list[int] = []

    def work(checker: AttachmentChecker) -> None:
        tried.append(checker.run_due())

    threads = [threading.Thread(target=work, args=(world.checker,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(tried) == 4
    assert {code(world, case_id, event) for event in events} == {AttachmentCode.MATCHES_EVENT}
    world.audit()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE attachments SET code = 'hash_mismatch'",
        "UPDATE attachments SET sha256 = md5",
        "UPDATE attachments SET size = 5",
        "UPDATE attachments SET kept_at = NULL",
        "UPDATE attachments SET event_id = '$other'",
        "DELETE FROM attachments",
    ],
)
def test_operator_cannot_change_a_verdict_unseen(world: World, tampering: str) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    world.checker.run_due()
    world.desk.keep_attachment(case_id, event, view(world, case_id, event).attachment.attachment_id, "robin", "why")
    world.audit()
    with world.store.engine.connect() as connection:
        connection.execute(text(tampering))
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"


# Keeping


def test_kept_file_is_the_ciphertext_and_can_be_checked_again_when_it_is_gone(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    world.checker.run_due()
    attachment = view(world, case_id, event).attachment
    kept = world.desk.keep_attachment(case_id, event, attachment.attachment_id, "robin", " for a referral ")
    (blob,) = world.homeserver.blobs.values()
    assert kept.blob == hashlib.sha256(blob).digest()
    assert b"".join(world.vault.read(case_id, hashlib.sha256(blob).digest())) == blob
    (entry,) = [e for e in world.desk.case(case_id, "robin").log if e.kind == LogKind.ATTACHMENT_KEPT]
    assert (entry.actor, json.loads(entry.detail)["reason"]) == ("robin", "for a referral")
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_IMAGERY, "shapes", [ActionKind.QUARANTINE])
    world.enforcer.run_due()
    world.desk.check_attachment_again(case_id, event, attachment.attachment_id, "robin")
    world.checker.run_due()
    assert code(world, case_id, event) is AttachmentCode.MATCHES_EVENT
    world.audit()


def test_damaged_kept_file_is_not_taken_for_the_homeservers_doing(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    world.checker.run_due()
    attachment_id = view(world, case_id, event).attachment.attachment_id
    world.desk.keep_attachment(case_id, event, attachment_id, "robin", "why")
    (path,) = world.kept_paths()
    path.write_bytes(path.read_bytes()[:-1])
    world.desk.check_attachment_again(case_id, event, attachment_id, "robin")
    world.checker.run_due()
    attachment = view(world, case_id, event).attachment
    assert attachment.code is AttachmentCode.UNCHECKED
    assert "damaged" in (attachment.error or "")


def test_deep_content_can_still_be_revealed(world: World) -> None:
    deep: Any = "end"
    for _ in range(400):
        deep = {"a": deep}
    content = {"msgtype": "m.text", "body": "[a text]", "deep": deep, "url": "mxc://sim.example/plain"}
    event = world.homeserver.store(world.room, world.mallory, "m.room.message", content)
    case_id = reported(world, event, keys=False)
    assert world.desk.reveal(case_id, event, "robin").body == "[a text]"


def test_keeping_twice_is_keeping_once(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    attachment_id = view(world, case_id, event).attachment.attachment_id
    first = world.desk.keep_attachment(case_id, event, attachment_id, "robin", "why")
    world.homeserver.blobs.clear()
    assert world.desk.keep_attachment(case_id, event, attachment_id, "robin", "again") == first
    assert sum(e.kind == LogKind.ATTACHMENT_KEPT for e in world.desk.case(case_id, "robin").log) == 1


def test_what_is_not_the_file_is_not_kept(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    (mxc,) = world.homeserver.blobs
    world.homeserver.blobs[mxc] = b"another"
    attachment_id = view(world, case_id, event).attachment.attachment_id
    with pytest.raises(RefusedError) as caught:
        world.desk.keep_attachment(case_id, event, attachment_id, "robin", "why")
    assert caught.value.code == "attachment_hash_mismatch"
    assert view(world, case_id, event).attachment.kept_at is None


@pytest.mark.parametrize(
    ("reason", "expected"), [("", "reason_missing"), (" \n", "reason_missing"), ("x" * 4001, "reason_too_long")]
)
def test_keeping_needs_a_reason(world: World, reason: str, expected: str) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    attachment_id = view(world, case_id, event).attachment.attachment_id
    with pytest.raises(RefusedError) as caught:
        world.desk.keep_attachment(case_id, event, attachment_id, "robin", reason)
    assert caught.value.code == expected


def test_only_attachments_of_the_case_can_be_kept(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    other = reported(world, world.reply, by=world.mallory)
    attachment_id = view(world, case_id, event).attachment.attachment_id
    for where, which in ((other, event), (case_id, world.abusive), ("case_none", event)):
        with pytest.raises(RefusedError) as caught:
            world.desk.keep_attachment(where, which, attachment_id, "robin", "why")
        assert caught.value.code == "attachment_not_found"


def test_unbound_file_is_not_kept(world: World) -> None:
    event = world.homeserver.say(world.room, world.mallory, "x", msgtype="m.image", url="mxc://sim.example/plain")
    case_id = reported(world, event)
    attachment_id = view(world, case_id, event).attachment.attachment_id
    with pytest.raises(RefusedError) as caught:
        world.desk.keep_attachment(case_id, event, attachment_id, "robin", "why")
    assert caught.value.code == "attachment_not_bound"


def test_crash_after_the_file_and_before_its_row_is_completed_by_the_next_try(world: World) -> None:
    event = a_picture(world)
    case_id = reported(world, event)
    (blob,) = world.homeserver.blobs.values()
    world.vault.keep(case_id, hashlib.sha256(blob).digest(), [blob])  # what a crash left
    world.audit()
    attachment_id = view(world, case_id, event).attachment.attachment_id
    kept = world.desk.keep_attachment(case_id, event, attachment_id, "robin", "why")
    assert kept.kept_at is not None


def test_plaintext_is_nowhere_on_the_disk(world: World) -> None:
    marker = b"[a red circle, marked 7f3a9c]"
    event = a_picture(world, marker * 100)
    case_id = reported(world, event)
    world.checker.run_due()
    attachment_id = view(world, case_id, event).attachment.attachment_id
    world.desk.keep_attachment(case_id, event, attachment_id, "robin", "why")
    folders = [Path(world.folder.name)]
    if world.store.engine.url.database and world.store.engine.dialect.name == "sqlite":
        folders.append(Path(world.store.engine.url.database).parent)
    assert found_in(folders, [marker]) == {}
