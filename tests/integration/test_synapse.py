"""What Nightlight asks of a homeserver, asked of a real one, with clients that really encrypt."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.people import Person
from nightlight.demo.pictures import a_red_circle
from nightlight.demo.synapse import Synapse
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import verify_message
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from tests.integration.conftest import Loop

People = tuple[Person, Person]


async def a_chat(bob: Person, mallory: Person, *texts: str) -> tuple[str, list[str]]:
    room = await mallory.create_encrypted_room([bob.user_id])
    await bob.join(room)
    await mallory.sync()
    events = [await mallory.say(room, text) for text in texts]
    await bob.sync()
    return room, events


def message_key(bob: Person, room: str, event: dict[str, Any]) -> bytes:
    content = event["content"]
    index = MegolmMessage.parse(base64url.decode_standard(content["ciphertext"])).index
    exported = bob.session_export(room, content["session_id"], index)
    return SessionExport.parse(base64url.decode_standard(exported)).message_key(index)


def test_message_of_a_real_client_is_proven_by_its_message_key(
    run: Loop, people: People, matrix: MatrixHomeserver
) -> None:
    bob, mallory = people
    room, events = run(a_chat(bob, mallory, "[abusive message 1]", "[abusive message 2]"))
    raws = [matrix.fetch_event(event) or {} for event in events]
    opened = verify_message(check_stored_event(raws[0], events[0]), message_key(bob, room, raws[0]))
    assert (opened.body, opened.sender, opened.room_id) == ("[abusive message 1]", mallory.user_id, room)
    with pytest.raises(RefusedError) as caught:
        verify_message(check_stored_event(raws[1], events[1]), message_key(bob, room, raws[0]))
    assert caught.value.code == "wrong_key"


def test_openid_token_names_its_account_and_nothing_else_does(
    run: Loop, people: People, matrix: MatrixHomeserver
) -> None:
    bob, _ = people
    assert matrix.whois(run(bob.openid_token())) == bob.user_id
    for wrong in ("", "nonsense", bob.access_token, "a&b=c", "\N{SNOWMAN}"):
        with pytest.raises(RefusedError) as caught:
            matrix.whois(wrong)
        assert caught.value.code == "invalid_token"


def test_an_account_record_has_what_leads_to_the_account_and_none_of_strangers(
    people: People, matrix: MatrixHomeserver
) -> None:
    bob, _ = people
    record = matrix.account_records.record(bob.user_id)
    assert record is not None
    assert record.account == bob.user_id
    assert (record.emails, record.phones, record.deactivated) == ((), (), False)
    # Seconds and milliseconds are told apart: the account was made just now.
    assert record.created_at is not None
    assert abs(record.created_at - time.time() * 1000) < 3_600_000
    assert bob.client.device_id in record.devices
    assert {one.ip for one in record.seen} <= {"127.0.0.1"}
    for stranger in ("@nobody:town.example", "@bob:elsewhere.example", "bob", "", "@../../x:town.example"):
        assert matrix.account_records.record(stranger) is None


def test_membership_is_known_as_it_was_when_the_message_was_sent(
    run: Loop, people: People, matrix: MatrixHomeserver, synapse: Synapse, tmp_path: Any
) -> None:
    bob, mallory = people
    room, (while_joined,) = run(a_chat(bob, mallory, "[while Bob is there]"))
    run(bob.leave(room))
    after = run(mallory.say(room, "[after Bob left]"))
    run(mallory.invite(room, bob.user_id))
    while_invited = run(mallory.say(room, "[while Bob is invited]"))
    assert matrix.membership_at(room, while_joined, bob.user_id) == "join"
    assert matrix.membership_at(room, after, bob.user_id) == "leave"
    assert matrix.membership_at(room, while_invited, bob.user_id) == "invite"
    assert matrix.membership_at(room, while_joined, "@never:town.example") is None
    assert matrix.membership_at("!other:town.example", while_joined, bob.user_id) is None
    assert matrix.membership_at(room, "$unknown", bob.user_id) is None
    assert matrix.membership_now(room, bob.user_id) == "invite"
    assert matrix.membership_now("!unknown:town.example", bob.user_id) is None
    assert matrix.fetch_event("$unknown") is None


def test_ciphertext_outlives_a_redaction(run: Loop, people: People, matrix: MatrixHomeserver) -> None:
    bob, mallory = people
    room, (event,) = run(a_chat(bob, mallory, "[abusive message 1]"))
    before = matrix.fetch_event(event)
    run(mallory.redact(room, event))
    raw = matrix.fetch_event(event) or {}
    assert not run(bob.raw_event(room, event))["content"]
    assert raw["content"] == (before or {})["content"]
    assert verify_message(check_stored_event(raw, event), message_key(bob, room, raw)).body == "[abusive message 1]"


def test_reports_made_in_an_app_are_listed_in_order(run: Loop, people: People, matrix: MatrixHomeserver) -> None:
    bob, mallory = people
    room, events = run(a_chat(bob, mallory, "one", "two"))
    start = max([report.number for report in matrix.event_reports_after(0)], default=0)
    for event in events:
        run(bob.report_with_matrix(room, event, f"reason for {event}"))
    run(bob.report_account(mallory.user_id, "an account report"))
    reports = matrix.event_reports_after(start)
    assert [(r.event_id, r.reporter, r.reason) for r in reports] == [
        (e, bob.user_id, f"reason for {e}") for e in events
    ]
    assert matrix.event_reports_after(reports[-1].number) == []
    accounts = [(r.target, r.reporter, r.reason) for r in matrix.user_reports_after(0)]
    assert (mallory.user_id, bob.user_id, "an account report") in accounts


def test_module_redacts_exactly_one_event_and_twice_is_once(
    run: Loop, people: People, matrix: MatrixHomeserver
) -> None:
    bob, mallory = people
    room, events = run(a_chat(bob, mallory, "[abusive message 1]", "[a harmless message]"))
    matrix.redact(room, events[0], "reason")
    matrix.redact(room, events[0], "reason")
    assert not run(bob.raw_event(room, events[0]))["content"]
    assert run(bob.raw_event(room, events[1]))["content"]["ciphertext"]
    history = run(bob.request("GET", f"/rooms/{room}/messages?dir=b&limit=50"))["chunk"]
    assert sum(event["type"] == "m.room.redaction" for event in history) == 1


def test_sender_cannot_dodge_redaction_by_leaving(run: Loop, people: People, matrix: MatrixHomeserver) -> None:
    bob, mallory = people
    room, (event,) = run(a_chat(bob, mallory, "[abusive message 1]"))
    run(mallory.leave(room))
    matrix.suspend(mallory.user_id)
    matrix.redact(room, event, "reason")
    assert not run(bob.raw_event(room, event))["content"]


def test_module_refuses_what_it_should(run: Loop, people: People, matrix: MatrixHomeserver, synapse: Synapse) -> None:
    bob, mallory = people
    room, (event,) = run(a_chat(bob, mallory, "[abusive message 1]"))
    for wrong_room, wrong_event in (("!other:town.example", event), (room, "$unknown")):
        with pytest.raises(RefusedError):
            matrix.redact(wrong_room, wrong_event, "reason")
    url = f"{synapse.base_url}/_synapse/client/nightlight/v1/redact"
    body = {"room_id": room, "event_id": event, "reason": "r"}
    right = {"Authorization": "Bearer " + synapse.module_secret_path.read_text()}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {synapse.admin_token}"}):
        assert httpx.post(url, json=body, headers=headers).status_code == 401
    for data, status in ((b"{", 400), (b"[]", 400), (b"{}", 400), (b"x" * 20_000, 413)):
        assert httpx.post(url, content=data, headers=right).status_code == status
    assert httpx.get(url.replace("redact", "about"), headers=right).json()["module"] == "nightlight"
    assert httpx.get(url.replace("redact", "other"), headers=right).status_code == 404
    assert run(bob.raw_event(room, event))["content"]["ciphertext"]


def test_every_action_takes_effect(run: Loop, people: People, matrix: MatrixHomeserver) -> None:
    bob, mallory = people
    room, _ = run(a_chat(bob, mallory, "hello"))
    picture, media = run(mallory.send_picture(room, a_red_circle()))
    assert run(bob.can_download(media))
    matrix.quarantine(media)
    matrix.quarantine(media)
    assert not run(bob.can_download(media))
    matrix.unquarantine(media)
    matrix.unquarantine(media)
    assert run(bob.can_download(media))
    assert picture
    matrix.send_notice(mallory.user_id, "[the rule]", "key-" + mallory.user_id)
    matrix.send_notice(mallory.user_id, "[the rule]", "key-" + mallory.user_id)
    assert run(mallory.notices()).count("[the rule]") == 1
    assert run(mallory.can_send(room))
    matrix.suspend(mallory.user_id)
    assert not run(mallory.can_send(room))
    assert run(mallory.can_sync())
    matrix.unsuspend(mallory.user_id)
    matrix.unsuspend(mallory.user_id)
    assert run(mallory.can_send(room))
    matrix.lock(mallory.user_id)
    assert not run(mallory.can_sync())
    matrix.unlock(mallory.user_id)
    matrix.unlock(mallory.user_id)
    # With the session that it had: what a lock takes away comes back with it.
    assert run(mallory.can_sync())
    matrix.deactivate(bob.user_id)
    assert not run(bob.can_sync())


def test_acting_on_what_does_not_exist_is_refused(matrix: MatrixHomeserver, synapse: Synapse) -> None:
    nobody = "@nobody:town.example"
    for act in (matrix.suspend, matrix.lock, matrix.deactivate, matrix.unsuspend, matrix.unlock):
        with pytest.raises(RefusedError):
            act(nobody)
    with pytest.raises(RefusedError):
        matrix.send_notice(nobody, "text", "key")
    users = httpx.get(
        f"{synapse.base_url}/_synapse/admin/v2/users/{nobody}",
        headers={"Authorization": f"Bearer {synapse.admin_token}"},
    )
    assert users.status_code == 404  # locking did not create it


def test_token_that_is_no_admin_is_said_to_the_operator(run: Loop, people: People, synapse: Synapse) -> None:
    bob, _ = people
    for token in (bob.access_token, "nonsense"):
        matrix = MatrixHomeserver(synapse.base_url, synapse.server_name, token, "", 20)
        with pytest.raises(UnavailableError) as caught:
            matrix.fetch_event("$a")
        assert caught.value.code == "homeserver_refuses_us"
        with pytest.raises(RefusedError) as refused:
            matrix.redact("!a:b", "$c", "r")
        assert refused.value.code == "no_module"
        matrix.close()
