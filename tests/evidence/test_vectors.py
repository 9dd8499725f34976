"""Bytes that other implementations made, read back. Their origin: tests/vectors/README.md."""

from __future__ import annotations

import json
from pathlib import Path

from nightlight.adapters.timestamp import in_der
from nightlight.evidence.bundle.trust import Trust
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.disclosure import disclose
from nightlight.evidence.key_export import open_key_export
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.timestamp import verify_timestamp
from nightlight.evidence.verify import verify_message
from nightlight.hazmat.base64url import decode_standard
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from tests.bundles import public
from tests.evidence.homeserver import build_event, encrypted

VECTORS = Path(__file__).parents[1] / "vectors"
SESSION = json.loads((VECTORS / "megolm.json").read_text())


def test_message_keys_are_the_ones_openssl_derives_and_open_what_vodozemac_wrote() -> None:
    export = SessionExport.parse(decode_standard(SESSION["session_key"]))
    assert len(SESSION["messages"]) == 5
    for vector in SESSION["messages"]:
        key = export.message_key(vector["index"])
        assert key == decode_standard(vector["message_key"])
        message = MegolmMessage.parse(decode_standard(vector["message"]))
        message.verify_signature(export.public_key)
        assert (message.index, message.open(key).decode()) == (vector["index"], vector["plaintext"])


def test_key_export_of_nio_leads_to_proof() -> None:
    data = (VECTORS / "key_export.txt").read_bytes()
    (session,) = open_key_export(data, "placeholder passphrase")
    assert (session.room_id, session.session_id) == (SESSION["room_id"], SESSION["session_id"])
    for vector in SESSION["messages"]:
        content = encrypted(session.session_id, decode_standard(vector["message"]))
        event = check_stored_event(*build_event(content))
        disclosure, _ = disclose(event.event_id, event.room_id, event.content, session.session)
        message = verify_message(event, disclosure.message_key)
        assert message.content == json.loads(vector["plaintext"])["content"]


def test_what_was_handed_over_once_is_verified_for_good() -> None:
    report = verify_bundle((VECTORS / "case.bundle").read_bytes(), Trust(operators=(public("operator"),)))
    assert [shown.message.body for shown in report.messages if shown.message] == [
        "[abusive message 1]", "[abusive message 2]", "[a reply]", "shape.png",
    ]  # fmt: skip
    assert [file.proven for file in report.files] == [True]
    assert {shown.server_signature for shown in report.messages} == {"ed25519:a"}
    # Its messages were dated by the clock of the day, the rest by the tests' own.
    assert "Times that contradict each other" in [step.name for step in report.steps]


def test_time_stamp_of_openssl() -> None:
    ordered, raw = ((VECTORS / name).read_bytes() for name in ("timestamp.tsr", "timestamp_unordered.tsr"))
    assert in_der(raw) == ordered
    found = verify_timestamp(ordered, b"what was signed", [(VECTORS / "timestamp_root.pem").read_bytes()])
    assert (found.authority, found.trusted) == ("Example Root", True)
