"""The messages of a bundle, opened again from their encrypted form, by the arithmetic that opened them at intake."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import Attestation
from nightlight.evidence.bundle.contents import CONVERSATION, MESSAGES_MAX, SERVER_KEYS
from nightlight.evidence.bundle.reading import Steps, read_json, typed
from nightlight.evidence.bundle.refusals import inconsistent
from nightlight.evidence.bundle.report import Shown
from nightlight.evidence.relation import relation_of
from nightlight.evidence.server_signature import verify_server_signature
from nightlight.evidence.stored_event import StoredEvent, check_stored_event
from nightlight.evidence.verify import AmbiguousContentError, VerifiedMessage, verify_message
from nightlight.hazmat import base64url, strict_json
from nightlight.model.verdict import Code, Verdict, verdict_for

_LINE: dict[str, tuple[type, ...]] = {
    "event_id": (str,),
    "file": (str,),
    "message_key": (str, type(None)),
    "role": (str,),
    "own": (bool,),
    "omitted_before": (int, type(None)),
    "relation": (dict, type(None)),
    "verdict": (str,),
    "code": (str,),
}


def verify_messages(
    members: Mapping[str, bytes], attestation: Attestation, steps: Steps
) -> tuple[tuple[Shown, ...], dict[str, StoredEvent]]:
    """Every message in its place, opened again, and the stored events by id."""
    value = read_json(members, CONVERSATION, {"case_id": str, "complete": bool, "messages": list})
    listed = value["messages"]
    if value["case_id"] != attestation.case_id or value["complete"] or len(listed) > MESSAGES_MAX:
        raise inconsistent(CONVERSATION, "it is about another case, or claims to be complete")
    if len(listed) != len(attestation.messages):
        raise inconsistent(CONVERSATION, "it lists other messages than the attestation")
    published = read_json(members, SERVER_KEYS, dict) if SERVER_KEYS in members else {}
    events: dict[str, StoredEvent] = {}
    shown: list[Shown] = []
    for number, (item, attested) in enumerate(zip(listed, attestation.messages, strict=True), 1):
        line = _line(item, number)
        name = f"messages/{number:04d}.json"
        encoded = members.get(name, b"")
        same = (line["event_id"], line["role"], line["verdict"], line["code"]) == (
            attested.event_id,
            attested.role,
            attested.verdict,
            attested.code,
        )
        if not same or not hmac.compare_digest(hashlib.sha256(encoded).digest(), attested.sha256):
            raise inconsistent(name, "it is not the message that was attested")
        if line["event_id"] in events:
            raise inconsistent(name, "the same message stands twice")
        event = _event(encoded, line["event_id"], name)
        events[line["event_id"]] = event
        shown.append(_open(event, line, number, published))
    _say(shown, published, steps)
    return tuple(shown), events


def _say(shown: Sequence[Shown], published: Mapping[str, Any], steps: Steps) -> None:
    proven = [item for item in shown if item.message is not None]
    steps.held(
        "The messages are what was sent",
        f"{len(proven)} of {len(shown)} messages were verified again, from their encrypted form: the event id is "
        "the hash of the event, the session named in it signed it, and its key opens it. Nobody who reported it, "
        "and nobody since it was stored, can have changed a word, its sender, its room or its time.",
        'Matrix, "m.megolm.v1.aes-sha2", "Calculating the reference hash"; RFC 8032; RFC 5869',
    )
    unsigned = [item for item in shown if not item.server_signature]
    if unsigned:
        steps.open(
            "The sending server's own signature",
            f"Not checked for {len(unsigned)} of {len(shown)} messages: the bundle does not hold that server's "
            "published keys.",
            'Matrix server-server API, "Signing events"',
        )
    else:
        servers = ", ".join(sorted(published))
        steps.held(
            "The sending server signed each message",
            f"{servers} accepted each message from the account named and put its own signature under it. The keys "
            "are in the bundle, signed by themselves: compare them with what the server publishes.",
            'Matrix server-server API, "Signing events"',
        )


def _line(item: Any, number: int) -> dict[str, Any]:
    where = f"{CONVERSATION}, message {number}"
    if not typed(item, _LINE):
        raise inconsistent(where, "it has other fields, or a field of the wrong kind")
    if item["file"] != f"messages/{number:04d}.json" or item["role"] not in ("reported", "context"):
        raise inconsistent(where, "it does not say what it should")
    if item["omitted_before"] is not None and item["omitted_before"] < 0:
        raise inconsistent(where, "a negative number of messages was left out")
    return dict(item)


def _event(encoded: bytes, event_id: str, name: str) -> StoredEvent:
    try:
        event = check_stored_event(strict_json.loads(encoded, depth_max=100), event_id)
    except RefusedError as e:
        raise RefusedError("message_not_proven", f"{name}: {e.message}") from None
    if event.encoded != encoded:
        raise inconsistent(name, "it is not written in canonical JSON")
    return event


def _open(event: StoredEvent, line: Mapping[str, Any], number: int, published: Mapping[str, Any]) -> Shown:
    name = line["file"]
    message, raw, code = _verdict(event, line["message_key"], name)
    if (verdict_for(Code(code)).verdict, code) != (line["verdict"], line["code"]):
        raise RefusedError("message_not_proven", f"{name}: the operator says {line['code']}, and it is {code}.")
    relation = relation_of(event.content) or (message.relation if message else None)
    said = line["relation"]
    outer = relation_of(event.content)
    if said != ({"kind": outer.kind, "event_id": outer.event_id} if outer else None):
        raise inconsistent(name, "it is related to another message than the conversation says")
    return Shown(
        number=number,
        event_id=event.event_id,
        message=message,
        raw=raw,
        sender=event.sender,
        sent_at=event.sent_at,
        role=line["role"],
        own=line["own"],
        omitted=line["omitted_before"],
        relation=(relation.kind, relation.event_id) if relation else None,
        code=code,
        server_signature=_server_signature(event, published),
    )


def _verdict(event: StoredEvent, key: str | None, name: str) -> tuple[VerifiedMessage | None, str, str]:
    try:
        message_key = None if key is None else base64url.decode_urlsafe(key)
    except ValueError:
        raise inconsistent(name, "its key is not base64url") from None
    try:
        message = verify_message(event, message_key)
    except AmbiguousContentError as e:
        return None, e.raw.decode("utf-8", "backslashreplace"), str(e.code)
    except RefusedError as e:
        if verdict_for(Code(e.code)).verdict is Verdict.REFUSED:
            raise RefusedError("message_not_proven", f"{name}: {e.message}") from None
        return None, "", str(e.code)
    return message, "", str(Code.OK if message.session_id is not None else Code.NOT_ENCRYPTED)


def _server_signature(event: StoredEvent, published: Mapping[str, Any]) -> str:
    try:
        return verify_server_signature(event, published)
    except RefusedError as e:
        if e.code == "server_keys_unknown":
            return ""
        raise
