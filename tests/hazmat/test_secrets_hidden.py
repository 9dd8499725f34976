"""What a log line, a traceback or a debugger prints holds no key and no text."""

from __future__ import annotations

import base64

import pytest

from nightlight.evidence.key_export import ExportedSession
from nightlight.evidence.stored_event import StoredEvent
from nightlight.evidence.verify import AmbiguousContentError, OpenedContent, open_content
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.model.report import Disclosure, ReportedMessage
from nightlight.model.verdict import Code, verdict_for
from tests.hazmat.sender import Sender

RATCHET, PUBLIC = b"R" * 128, b"P" * 32
PRINTED = [
    (
        SessionExport(7, RATCHET, PUBLIC),
        "SessionExport(index=7, public_key=b'PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP')",
    ),
    (
        ExportedSession("!r:example.org", "id", SessionExport(7, RATCHET, PUBLIC)),
        "ExportedSession(room_id='!r:example.org', session_id='id')",
    ),
    (Disclosure("$e", b"K" * 32), "Disclosure(event_id='$e', role=<MessageRole.REPORTED: 'reported'>)"),
    (
        OpenedContent({"body": "[abusive message 1]"}, b"[abusive message 1]", "id", 7),
        "OpenedContent(session_id='id', index=7)",
    ),
    (
        StoredEvent("$e", "!r", "@m", "m.room.message", 5, {"body": "[abusive message 1]"}, b"[abusive]", False, 7),
        "StoredEvent(event_id='$e', room_id='!r', sender='@m', type='m.room.message', sent_at=5, "
        "redacted=False, depth=7)",
    ),
    (
        ReportedMessage(0, "$e", verdict_for(Code.OK), "@m", 5, b"K" * 32),
        "ReportedMessage(position=0, event_id='$e', "
        "verdict=MessageVerdict(verdict=<Verdict.VERIFIED: 'VERIFIED'>, code=<Code.OK: 'ok'>), "
        "sender='@m', sent_at=5, role=<MessageRole.REPORTED: 'reported'>, depth=None, omitted=None, relation=None)",
    ),
]


@pytest.mark.parametrize(("thing", "printed"), PRINTED, ids=lambda value: type(value).__name__)
def test_printing_hides_secrets(thing: object, printed: str) -> None:
    assert repr(thing) == printed
    assert str(thing) == printed


def test_printing_a_message_shows_no_ciphertext() -> None:
    message = MegolmMessage.parse(Sender().send(7, b"[abusive message 1]"))
    assert repr(message) == "MegolmMessage(index=7)"


@pytest.mark.parametrize(
    "raw",
    [b'{"[abusive message 1]":1,"[abusive message 1]":2}', b"[abusive message 1]", b'{"body":"[abusive message 1]"}'],
    ids=["duplicate key", "no JSON", "no message"],
)
def test_error_about_malformed_content_does_not_repeat_it(raw: bytes) -> None:
    sender = Sender()
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "session_id": sender.session_id,
        "ciphertext": base64.b64encode(sender.send(0, raw)).rstrip(b"=").decode(),
    }
    with pytest.raises(AmbiguousContentError) as caught:
        open_content("!r:example.org", content, sender.export.message_key(0))
    assert caught.value.raw == raw
    for shown in (str(caught.value), repr(caught.value), caught.value.message, caught.value.hint):
        assert "abusive" not in shown
