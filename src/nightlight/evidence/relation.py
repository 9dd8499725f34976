"""What a message is to another one: a reply, an edit, a reaction, a part of a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlight.model.report import Relation, RelationKind

_KINDS = {
    "m.replace": RelationKind.EDIT,
    "m.annotation": RelationKind.REACTION,
    "m.thread": RelationKind.THREAD,
}
_EVENT_ID_CHARS_MAX = 255


def relation_of(content: Mapping[str, Any]) -> Relation | None:
    """The relation that ``content`` names, None where it names none that apps would show.

    Of an encrypted event this is the outer content: the relation stands there in the clear, and apps go by it
    (Matrix client-server API, "Relationships in encrypted rooms"). It is covered by the event id's hash, not by the
    sender's Megolm signature.
    """
    relates = content.get("m.relates_to")
    if not isinstance(relates, dict):
        return None
    kind = relates.get("rel_type")
    target = relates.get("event_id")
    if isinstance(kind, str) and kind in _KINDS:
        reply = _replied_to(relates)
        if kind == "m.thread" and reply and relates.get("is_falling_back") is not True:
            return Relation(RelationKind.REPLY, reply)
        return Relation(_KINDS[kind], target) if isinstance(target, str) and _is_event_id(target) else None
    answered = _replied_to(relates)
    return Relation(RelationKind.REPLY, answered) if answered else None


def only_relates(content: Mapping[str, Any]) -> bool:
    """Whether ``m.relates_to`` is a plain reply or reaction, and carries nothing else that could be shown."""
    relates = content.get("m.relates_to")
    if not isinstance(relates, dict):
        return False
    if relates.keys() == {"m.in_reply_to"}:
        return bool(_replied_to(relates)) and relates["m.in_reply_to"].keys() == {"event_id"}
    return relates.keys() == {"rel_type", "event_id", "key"} and relates["rel_type"] == "m.annotation"


def _replied_to(relates: Mapping[str, Any]) -> str | None:
    reply = relates.get("m.in_reply_to")
    target = reply.get("event_id") if isinstance(reply, dict) else None
    return target if isinstance(target, str) and _is_event_id(target) else None


def _is_event_id(value: str) -> bool:
    return 1 < len(value) <= _EVENT_ID_CHARS_MAX and value.startswith("$") and value.isprintable() and value.isascii()
