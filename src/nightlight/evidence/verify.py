"""A stored event and a message key become a ``VerifiedMessage``, or nothing does.

The steps are numbered as in docs/adr/0002-message-key.md. Only ciphertext is taken from the homeserver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.media import find_media
from nightlight.evidence.relation import relation_of
from nightlight.evidence.stored_event import StoredEvent
from nightlight.hazmat import base64url, strict_json
from nightlight.hazmat.megolm import MegolmMessage
from nightlight.model.report import Relation, RelationKind
from nightlight.model.verdict import Code

MEGOLM = "m.megolm.v1.aes-sha2"

_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """What one message says and who sent it, proven. Built only in this module.

    ``sent_at`` in milliseconds since 1970, UTC, as the homeserver stamped it. ``session_id`` and ``index`` are None
    for a message that was never encrypted.
    """

    event_id: str
    room_id: str
    sender: str
    sent_at: int
    type: str
    content: Mapping[str, Any] = field(repr=False)
    session_id: str | None
    index: int | None
    relation: Relation | None
    _seal: InitVar[object]

    def __post_init__(self, _seal: object) -> None:
        if _seal is not _SEAL:
            raise TypeError("a VerifiedMessage comes out of verify_message and from nowhere else")

    @property
    def body(self) -> str:
        """The text as apps show it, empty if there is none: of an edit the new text, of a reaction its sign."""
        shown = self.content
        if self.relation and self.relation.kind is RelationKind.REACTION:
            relates = shown.get("m.relates_to")
            sign = relates.get("key") if isinstance(relates, dict) else None
            return sign if isinstance(sign, str) else ""
        new = shown.get("m.new_content")
        if self.relation and self.relation.kind is RelationKind.EDIT and isinstance(new, dict):
            shown = new
        body = shown.get("body")
        return body if isinstance(body, str) else ""

    @property
    def media(self) -> tuple[str, ...]:
        """``mxc://`` addresses of the media that this message carries (Matrix, "m.image" and its kin)."""
        found = dict.fromkeys(media.mxc for media in find_media(self.content))
        return tuple(address for address in found if address is not None)


class AmbiguousContentError(RefusedError):
    """The message is authentic and open, but its content can be read in more than one way.

    Not a dead end: ``raw`` holds the authentic bytes, so that a malformed message cannot dodge a report.
    """

    def __init__(self, raw: bytes, why: str) -> None:
        super().__init__(Code.CONTENT_AMBIGUOUS, why)
        self.raw = raw


@dataclass(frozen=True, slots=True)
class OpenedContent:
    """What one ciphertext opens to. ``raw``: the plaintext bytes; ``payload``: the same, parsed."""

    payload: Mapping[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)
    session_id: str
    index: int


def verify_message(event: StoredEvent, message_key: bytes | None) -> VerifiedMessage:
    """Opens exactly this event with its message key.

    ``message_key``: 32 bytes, or None for a message that was sent unencrypted. Raises ``RefusedError`` whose code is a
    ``Code``; ``AmbiguousContentError`` where the opened bytes are authentic but malformed.
    """
    if event.redacted:
        raise RefusedError(Code.EVENT_REDACTED, "The encrypted content is gone.")
    if not event.encrypted:
        return _plain(event, message_key)
    if message_key is None:
        raise RefusedError(Code.NO_KEY, "No message key came with this message.")

    # Steps 1 to 6.
    opened = open_content(event.room_id, event.content, message_key)
    # 7 Stored under this event id with this sender: `event` is a StoredEvent, so its hashes fit its id.
    return VerifiedMessage(
        event_id=event.event_id,
        room_id=event.room_id,
        sender=event.sender,
        sent_at=event.sent_at,
        type=opened.payload["type"],
        content=opened.payload["content"],
        session_id=opened.session_id,
        index=opened.index,
        # Apps go by the relation outside; one that only stands inside is what its sender meant.
        relation=relation_of(event.content) or relation_of(opened.payload["content"]),
        _seal=_SEAL,
    )


def open_content(room_id: str, content: Mapping[str, Any], message_key: bytes) -> OpenedContent:
    """Opens the content of an ``m.room.encrypted`` event. On the server, ``verify_message`` is the one to call:
    this function does not know whether the homeserver ever stored such an event.
    """
    # 1 Algorithm and fields (Matrix client-server API, "m.room.encrypted").
    session_id, data = ciphertext_of(content)
    # 2 Message format (Megolm, "Message format").
    message = MegolmMessage.parse(data)
    # 3 The session id is the Ed25519 public key of the session, and it signed this message (Megolm, "Session setup").
    try:
        public_key = base64url.decode_standard(session_id)
    except ValueError:
        raise RefusedError(Code.SIGNATURE_INVALID, "The session id is not a key.") from None
    message.verify_signature(public_key)
    # 4 MAC and decryption with keys that all come from the message key (RFC 5869 §2.3; Megolm, "Message encryption").
    raw = message.open(message_key)
    # 5 The plaintext is one JSON object that reads one way (Matrix, "m.megolm.v1.aes-sha2"; RFC 8259 §4).
    payload = _payload_of(raw)
    # 6 It was written for this room (same section: clients must check it, so that nobody moves messages).
    if payload["room_id"] != room_id:
        raise RefusedError(Code.ROOM_MISMATCH, "The message was written for another room.")
    return OpenedContent(payload, raw, session_id, message.index)


def _plain(event: StoredEvent, message_key: bytes | None) -> VerifiedMessage:
    if message_key is not None:
        raise RefusedError(Code.KEY_NOT_NEEDED, "This message was not encrypted.")
    return VerifiedMessage(
        event.event_id,
        event.room_id,
        event.sender,
        event.sent_at,
        event.type,
        event.content,
        None,
        None,
        relation_of(event.content),
        _SEAL,
    )


def ciphertext_of(content: Mapping[str, Any]) -> tuple[str, bytes]:
    if content.get("algorithm") != MEGOLM:
        raise RefusedError(Code.UNSUPPORTED_ALGORITHM, "Only m.megolm.v1.aes-sha2 can be opened.")
    session_id, ciphertext = content.get("session_id"), content.get("ciphertext")
    if not isinstance(session_id, str) or not isinstance(ciphertext, str):
        raise RefusedError(Code.CIPHERTEXT_MALFORMED, "The event has no ciphertext or no session id.")
    try:
        return session_id, base64url.decode_standard(ciphertext)
    except ValueError:
        raise RefusedError(Code.CIPHERTEXT_MALFORMED, "The ciphertext is not base64.") from None


def _payload_of(opened: bytes) -> dict[str, Any]:
    try:
        payload = strict_json.loads(opened, depth_max=64)
    except RefusedError as e:
        raise AmbiguousContentError(opened, e.message) from None
    if (
        not isinstance(payload, dict)
        or not isinstance(payload.get("room_id"), str)
        or not isinstance(payload.get("type"), str)
        or not isinstance(payload.get("content"), dict)
    ):
        raise AmbiguousContentError(opened, "The content is not a Matrix message.")
    return payload
