"""On the reporter's own device: from a session export to the disclosure of exactly one message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.verify import AmbiguousContentError, OpenedContent, ciphertext_of, open_content
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.model.report import Disclosure


def disclose(
    event_id: str, room_id: str, content: Mapping[str, Any], export: SessionExport
) -> tuple[Disclosure, OpenedContent]:
    """The message key of one ``m.room.encrypted`` event, and what it will open: the reporter sees it before sending.

    ``content``: the event's content as the homeserver gives it to clients. Raises ``RefusedError``: ``other_session``
    (the export belongs to another session), ``key_too_late`` (it starts after this message), or the event's own defect.
    """
    session_id, data = ciphertext_of(content)
    if session_id != base64url.encode_standard(export.public_key):
        raise RefusedError("other_session", "This session export belongs to another session than the message.")
    index = MegolmMessage.parse(data).index
    key = export.message_key(index)
    try:
        return Disclosure(event_id, key), open_content(room_id, content, key)
    except AmbiguousContentError as e:
        # Authentic and malformed: it can be reported all the same, else bad manners would be a way out.
        shown = {"type": "?", "content": {"body": e.raw.decode("utf-8", "backslashreplace")}}
        return Disclosure(event_id, key), OpenedContent(shown, e.raw, session_id, index)
