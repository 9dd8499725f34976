"""A picture in a real encrypted chat, by a real client, on a real homeserver: checked unseen, kept, gone."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import httpx
import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.demo.closed_doors import found_in
from nightlight.demo.people import Person
from nightlight.demo.pictures import a_red_circle
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.service import Service
from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from tests.integration.conftest import Loop

PASSWORD = "a long enough password"


def message_key(bob: Person, room: str, event: dict[str, object]) -> str:
    content = event["content"]
    assert isinstance(content, dict)
    session_id = content["session_id"]
    export = SessionExport.parse(base64url.decode_standard(bob.session_export(room, session_id, 0)))
    index = MegolmMessage.parse(base64url.decode_standard(content["ciphertext"])).index
    return base64url.encode_urlsafe(export.message_key(index))


def report(run: Loop, service: Service, bob: Person, room: str, event_id: str) -> str:
    """Bob reports the event with its message key; returns the case."""
    key = message_key(bob, room, run(bob.raw_event(room, event_id)))
    body = {"room_id": room, "category": "abuse_imagery", "messages": [{"event_id": event_id, "message_key": key}]}
    headers = {"Authorization": f"Bearer {run(bob.openid_token())}"}
    answer = httpx.post(f"{service.url}/v1/reports", json=body, headers=headers)
    assert (answer.status_code, answer.json()["messages"][0]["verdict"]) == (201, "VERIFIED")
    return str(answer.json()["report_id"])


def cases(session: ReviewerSession) -> list[str]:
    return re.findall(r'/cases/(case_[0-9a-f]+)"', session.queue())


def checked(session: ReviewerSession, case_id: str) -> str:
    """The case page once its attachment has a verdict."""
    for _ in range(200):
        page = session.case(case_id)
        if 'data-attachment="' in page and 'data-attachment="pending"' not in page:
            return page
        time.sleep(0.1)
    raise AssertionError("the attachment was not checked")


def test_picture_is_checked_unseen_and_what_was_kept_outlives_a_quarantine(
    run: Loop, people: tuple[Person, Person], service: Service, matrix: MatrixHomeserver
) -> None:
    bob, mallory = people
    picture = a_red_circle(96)

    async def chat() -> tuple[str, list[tuple[str, str]]]:
        room = await mallory.create_encrypted_room([bob.user_id])
        await bob.join(room)
        await mallory.sync()
        sent = [await mallory.send_picture(room, picture) for _ in range(2)]
        await bob.sync()
        return room, sent

    room, ((first, first_mxc), (second, second_mxc)) = run(chat())
    blob = b"".join(matrix.download(first_mxc))
    assert blob != picture
    report(run, service, bob, room, first)
    with ReviewerSession(service.url) as session:
        session.sign_in("robin", PASSWORD)
        (case_id,) = cases(session)
        page = checked(session, case_id)
        assert 'data-attachment="matches_event"' in page
        assert "Not compared" in page
        assert "shape.png" not in page  # what it is called is content, and nobody has asked for content
        assert "shape.png" in session.reveal(case_id, first)
        (attachment,) = re.findall(r'<li id="(attachment_[0-9a-f]+)"', page)
        session.keep_attachment(case_id, first, attachment, "[a referral]")
        kept = service.folder / "vault" / "cases" / case_id / hashlib.sha256(blob).hexdigest()
        assert kept.read_bytes().startswith(b"age-encryption.org/v1\n")
        # One file is quarantined before anybody could check it, one after it was kept.
        for mxc in (first_mxc, second_mxc):
            matrix.quarantine(mxc)
            with pytest.raises(RefusedError) as caught:
                b"".join(matrix.download(mxc))
            assert caught.value.code == "media_quarantined"
        report(run, service, bob, room, second)
        (other,) = set(cases(session)) - {case_id}
        assert 'data-attachment="gone"' in checked(session, other)
        session.check_attachment_again(case_id, first, attachment)
        assert 'data-attachment="matches_event"' in checked(session, case_id)
    assert service.run("log", "verify").returncode == 0
    service.stop()
    # Neither the picture nor, outside of the homeserver, its ciphertext: what is kept is encrypted once more.
    assert found_in([service.folder], [picture, picture[40:140], blob, blob[40:140]]) == {}
    assert _children_of(service.folder) == []


def test_unknown_media_are_gone(matrix: MatrixHomeserver, run: Loop, people: tuple[Person, Person]) -> None:
    server = people[0].user_id.partition(":")[2]
    with pytest.raises(RefusedError) as caught:
        b"".join(matrix.download(f"mxc://{server}/nosuchmedia"))
    assert caught.value.code == "media_gone"


def _children_of(folder: Path) -> list[str]:
    """Drafts that were left behind."""
    return [path.name for path in (folder / "vault").iterdir() if path.name.startswith(".")]
