"""Promise 1: no server-side component ever holds a key or the plaintext of a message that nobody reported."""

from __future__ import annotations

import hmac
import json
import secrets
from pathlib import Path

import httpx
import pytest

from nightlight.demo.closed_doors import encodings, found_in
from nightlight.demo.people import Person
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import SessionExport
from tests.integration.conftest import Loop

MESSAGES = 4
REPORTED = 2


def derived(export: SessionExport, index: int) -> list[bytes]:
    """Everything that opens message ``index``: ratchet parts, message key, and the keys expanded from it (RFC 5869)."""
    ratchet = export.at(index).ratchet
    key = export.message_key(index)
    t1 = hmac.digest(key, b"MEGOLM_KEYS\x01", "sha256")
    t2 = hmac.digest(key, t1 + b"MEGOLM_KEYS\x02", "sha256")
    # The fourth part turns with every message; the others are the same for the whole session.
    return [ratchet[96:], key, t1, t2]


def test_servers_hold_no_key_and_no_text_of_what_nobody_reported(
    run: Loop, people: tuple[Person, Person], synapse: Synapse, service: Service
) -> None:
    bob, mallory = people
    texts = [f"[message {number}: {secrets.token_hex(12)}]" for number in range(MESSAGES)]

    async def chat() -> tuple[str, list[str]]:
        room = await mallory.create_encrypted_room([bob.user_id])
        await bob.join(room)
        await mallory.sync()
        events = [await mallory.say(room, text) for text in texts]
        await bob.sync()
        return room, events

    room, events = run(chat())
    session_id = run(bob.raw_event(room, events[0]))["content"]["session_id"]
    export = SessionExport.parse(base64url.decode_standard(bob.session_export(room, session_id, 0)))
    session_wide = [export.ratchet[part : part + 32] for part in (0, 32, 64)]

    def secrets_of(number: int) -> list[bytes]:
        return [texts[number].encode(), *derived(export, number)]

    folders = [synapse.data_dir, service.folder]
    everything = session_wide + [secret for number in range(MESSAGES) for secret in secrets_of(number)]
    assert found_in(folders, everything) == {}, "before any report"

    async def report() -> httpx.Response:
        key = base64url.encode_urlsafe(export.message_key(REPORTED))
        body = {"room_id": room, "category": "threat", "messages": [{"event_id": events[REPORTED], "message_key": key}]}
        headers = {"Authorization": f"Bearer {await bob.openid_token()}"}
        async with httpx.AsyncClient() as http:
            return await http.post(f"{service.url}/v1/reports", json=body, headers=headers)

    answer = run(report())
    assert (answer.status_code, answer.json()["messages"][0]["verdict"]) == (201, "VERIFIED")
    with ReviewerSession(service.url) as session:
        session.sign_in("robin", "a long enough password")
        case_id = session.queue().split("/cases/")[1].split('"')[0]
        assert texts[REPORTED] in session.reveal(case_id, events[REPORTED])
    service.stop()

    unreported = [secret for number in range(MESSAGES) if number != REPORTED for secret in secrets_of(number)]
    assert found_in(folders, session_wide + unreported) == {}, "after another message of the same session was reported"
    # The reported message's key is kept, and encrypted: it was revealed with it, and stands nowhere as it is.
    assert found_in(folders, secrets_of(REPORTED)) == {}
    # The search itself works: what is no secret it finds.
    event_id = events[REPORTED].encode()
    assert found_in([service.folder], [event_id]).keys() == {event_id}


@pytest.mark.parametrize("prefix", [b"", b"a", b"ab"])
def test_the_search_finds_a_secret_however_it_was_written_down(tmp_path: Path, prefix: bytes) -> None:
    import base64

    secret = secrets.token_bytes(32)
    for number, written in enumerate(
        [
            secret,
            secret.hex().encode(),
            base64.b64encode(prefix + secret + b"after"),
            base64.urlsafe_b64encode(prefix + secret),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "page").write_bytes(b"before" + written + b"after")
        assert secret in found_in([folder], [secret])
    assert found_in([tmp_path / "0"], [secrets.token_bytes(32)]) == {}


def test_the_search_finds_text_in_json_and_utf_16() -> None:
    forms = encodings('a "quoted" text — ü'.encode())
    assert json.dumps('a "quoted" text — ü')[1:-1].encode() in forms
    assert 'a "quoted" text — ü'.encode("utf-16-le") in forms
