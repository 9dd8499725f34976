"""Everything that reads bytes of strangers, as functions that may raise nothing but ``RefusedError``.

``run.py`` lets a coverage-guided fuzzer look for other exceptions; ``test_corpus.py`` replays in CI what it kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nightlight.errors import RefusedError
from nightlight.evidence.key_export import ExportLimits, open_key_export
from nightlight.evidence.relation import relation_of
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import open_content
from nightlight.hazmat import base64url, strict_json
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.web.api.report_body import report_request
from tests.evidence.homeserver import build_event
from tests.evidence.key_file import key_file

VECTORS = Path(__file__).parents[1] / "vectors"
CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """``run`` takes any bytes. ``seeds``: good input to start from."""

    run: Callable[[bytes], None]
    seeds: list[bytes] = field(repr=False)


def _strict_json(data: bytes) -> None:
    strict_json.loads(data, depth_max=16)


def _megolm_message(data: bytes) -> None:
    message = MegolmMessage.parse(data)
    with suppress(RefusedError):
        message.verify_signature(_KEY)
    message.open(_KEY)


def _session_export(data: bytes) -> None:
    SessionExport.parse(data).message_key(2**32 - 1)


def _key_export(data: bytes) -> None:
    list(open_key_export(data, "a passphrase", ExportLimits(file_bytes=65_536, rounds=20, sessions=50)))


def _stored_event(data: bytes) -> None:
    event = strict_json.loads(data)
    if isinstance(event, dict):
        check_stored_event(event, str(event.get("event_id", _EVENT_ID)))


def _message_content(data: bytes) -> None:
    content = strict_json.loads(data)
    if isinstance(content, dict):
        relation_of(content)
        open_content("!room", content, _KEY)


def _report_body(data: bytes) -> None:
    value = strict_json.loads(data, depth_max=16)
    report_request(value, note_chars_max=4_000, messages_max=50, context_max=20)


def _megolm_seeds() -> list[bytes]:
    vectors = json.loads((VECTORS / "megolm.json").read_text())
    return [base64url.decode_standard(message["message"]) for message in vectors["messages"]]


_KEY = bytes(range(32))
_EVENT, _EVENT_ID = build_event({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA", "session_id": "S"})
_REPORT = {
    "room_id": "!room",
    "category": "grooming",
    "note": "a note",
    "language": "en",
    "messages": [{"event_id": "$event", "message_key": "A" * 43, "role": "context"}, {"event_id": "$other"}],
}

TARGETS: dict[str, Target] = {
    "strict_json": Target(_strict_json, [b'{"a": [1, 2.5, "\\u00e9", null, true]}', b'["\\ud83c\\udf19"]']),
    "megolm_message": Target(_megolm_message, _megolm_seeds()),
    "session_export": Target(_session_export, [b"\x01" + bytes(4) + bytes(160)]),
    "key_export": Target(_key_export, [(VECTORS / "key_export.txt").read_bytes(), key_file([], "a passphrase")]),
    "stored_event": Target(_stored_event, [json.dumps(_EVENT).encode()]),
    "message_content": Target(_message_content, [json.dumps(_EVENT["content"]).encode()]),
    "report_body": Target(_report_body, [json.dumps(_REPORT).encode()]),
}
