"""An event as the homeserver stored it, checked against its own event id.

From room version 3 on, the event id is a hash of the event, and the event carries a hash of its content (Matrix
server-server API, "Calculating the reference hash for an event" and "Calculating the content hash for an event").
So nobody, the homeserver's operator included, can put other words under an id once it has been seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from canonicaljson import encode_canonical_json

from nightlight.errors import RefusedError
from nightlight.model.verdict import Code

#: Top-level keys that survive redaction (Matrix, "Redactions"): room version 11 and later, then 1 to 10.
#: The content of the message types we read is emptied by redaction in every version.
_KEPT_V11 = frozenset(
    {"event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures"}
    | {"depth", "prev_events", "auth_events", "origin_server_ts"}
)
_KEPT_V1 = _KEPT_V11 | {"prev_state", "origin", "membership"}

#: Synapse hashes without its own notes "outlier" and "destinations", wherever they came from.
_NOT_HASHED = ("signatures", "hashes", "outlier", "destinations")

#: What people send one another. Reactions are sent in the clear, in encrypted rooms too.
MESSAGE_TYPES = ("m.room.encrypted", "m.room.message", "m.sticker", "m.reaction")

_DEPTH_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A message event whose content fits its id. ``sent_at`` in milliseconds since 1970, UTC, as its server stamped it.

    ``depth``: how far from the room's beginning the event stands, as its server says (server-server API, "PDUs"); None
    where it says nothing usable.

    ``redacted``: the content was removed and cannot be checked any more; everything else still fits the id.
    ``encoded`` is canonical JSON without ``unsigned``: what is preserved as evidence.
    """

    event_id: str
    room_id: str
    sender: str
    type: str
    sent_at: int
    content: Mapping[str, Any] = field(repr=False)
    encoded: bytes = field(repr=False)
    redacted: bool
    depth: int | None

    @property
    def encrypted(self) -> bool:
        return self.type == "m.room.encrypted"

    @property
    def sha256(self) -> bytes:
        """Digest of the preserved bytes, for the log."""
        return hashlib.sha256(self.encoded).digest()


def check_stored_event(raw: Mapping[str, Any], event_id: str) -> StoredEvent:
    """A federation-format event to a ``StoredEvent``, or ``RefusedError`` with a ``Code``."""
    event = {key: value for key, value in raw.items() if key not in ("unsigned", "age_ts")}
    shape = (
        isinstance(event.get("room_id"), str)
        and isinstance(event.get("sender"), str)
        and isinstance(event.get("type"), str)
        and isinstance(event.get("content"), dict)
        and type(event.get("origin_server_ts")) is int
        and "state_key" not in event
    )
    if not shape or event["type"] not in MESSAGE_TYPES:
        raise RefusedError(Code.EVENT_MALFORMED, f"{event_id} is not a message event.")
    if ":" not in event_id:
        event.pop("event_id", None)  # room versions 3+ carry none; the admin interface may add it
    elif event.get("event_id") != event_id:
        raise RefusedError(Code.EVENT_HASH_MISMATCH, "The homeserver answered with another event.")
    try:
        encoded = encode_canonical_json(event)
        _check_reference_hash(event, event_id)
        redacted = not _content_hash_fits(event)
    except (ValueError, TypeError, RecursionError):
        raise RefusedError(Code.EVENT_MALFORMED, f"{event_id} cannot be written as canonical JSON.") from None
    if redacted and event["content"]:
        raise RefusedError(Code.EVENT_HASH_MISMATCH, "The content does not fit the hash that the event carries.")
    return StoredEvent(
        event_id=event_id,
        room_id=event["room_id"],
        sender=event["sender"],
        type=event["type"],
        sent_at=event["origin_server_ts"],
        content=event["content"],
        encoded=encoded,
        redacted=redacted,
        depth=_depth_of(event),
    )


def _depth_of(event: Mapping[str, Any]) -> int | None:
    depth = event.get("depth")
    return depth if type(depth) is int and 0 <= depth <= _DEPTH_MAX else None


def signed_bytes(event: StoredEvent) -> bytes | None:
    """What the sending server signed: the redacted event (server-server API, "Signing events").

    The same bytes whose hash the event id is. None in room versions 1 and 2, where the id is no hash: which of the
    redaction rules applies cannot be told from the event there.
    """
    fields = json.loads(event.encoded)
    return next((form for form in _reference_forms(fields) if _fits(form, event.event_id)), None)


def _check_reference_hash(event: Mapping[str, Any], event_id: str) -> None:
    if ":" in event_id:
        return  # room versions 1 and 2: the id is a name, not a hash; docs/limitations.md says so
    if not any(_fits(form, event_id) for form in _reference_forms(event)):
        raise RefusedError(Code.EVENT_HASH_MISMATCH, "The stored event does not fit its event id.")


def _reference_forms(event: Mapping[str, Any]) -> Iterator[bytes]:
    for kept in (_KEPT_V11, _KEPT_V1):
        reduced = {key: value for key, value in event.items() if key in kept and key != "signatures"}
        yield encode_canonical_json({**reduced, "content": {}})


def _fits(form: bytes, event_id: str) -> bool:
    digest = hashlib.sha256(form).digest()
    # Version 3 writes the hash in standard base64, 4 and later in base64url.
    texts = (base64.urlsafe_b64encode(digest), base64.b64encode(digest))
    return any(hmac.compare_digest(b"$" + text.rstrip(b"="), event_id.encode()) for text in texts)


def _content_hash_fits(event: Mapping[str, Any]) -> bool:
    hashes = event.get("hashes")
    claimed = hashes.get("sha256") if isinstance(hashes, dict) else None
    hashed = {key: value for key, value in event.items() if key not in _NOT_HASHED}
    digest = base64.b64encode(hashlib.sha256(encode_canonical_json(hashed)).digest()).rstrip(b"=")
    # Homeservers read the claimed hash leniently, so a server may write it padded or with the other alphabet.
    return isinstance(claimed, str) and hmac.compare_digest(
        digest, claimed.rstrip("=").replace("-", "+").replace("_", "/").encode()
    )
