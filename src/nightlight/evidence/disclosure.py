"""On the reporter's own device: from a session export to the disclosure of exactly one message."""

from __future__ import annotations

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import StoredEvent
from nightlight.evidence.verify import MEGOLM, VerifiedMessage, verify_message
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.model.report import Disclosure
from nightlight.model.verdict import Code


def disclose(event: StoredEvent, export: SessionExport) -> tuple[Disclosure, VerifiedMessage]:
    """The message key of this event's message, and what it will open: the reporter sees it before sending.

    Raises ``RefusedError``: the export belongs to another session, starts later, or the event does not open.
    """
    if event.redacted:
        raise RefusedError(Code.EVENT_REDACTED, "This message was deleted; its ciphertext is gone.")
    if not event.encrypted:
        raise RefusedError(Code.KEY_NOT_NEEDED, "This message was not encrypted; report it without a key.")
    if event.content.get("algorithm") != MEGOLM or not isinstance(event.content.get("ciphertext"), str):
        raise RefusedError(Code.UNSUPPORTED_ALGORITHM, "Only m.megolm.v1.aes-sha2 messages can be disclosed.")
    if event.content.get("session_id") != base64url.encode_standard(export.public_key):
        raise RefusedError("other_session", "This session export belongs to another session than the message.")
    try:
        data = base64url.decode_standard(event.content["ciphertext"])
    except ValueError:
        raise RefusedError(Code.CIPHERTEXT_MALFORMED, "The ciphertext is not base64.") from None
    key = export.message_key(MegolmMessage.parse(data).index)
    return Disclosure(event.event_id, key), verify_message(event, key)
