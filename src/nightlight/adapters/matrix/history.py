"""Room history as Synapse sends it to an application service, turned into events. What people wrote is dropped here.

Matrix application service API, "Pushing events"; client-server API, ``m.room.member``. Of an event's content no more is
read than ``membership``, ``is_direct``, ``join_rule``, and of an encrypted message how long it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.event import Event, EventKind, RoomHistory, SentMessage
from nightlight.prevent.event_reader import account_name, event_from

#: Leaves room for what we append. Event ids are chosen by servers in room versions 1 and 2.
_EVENT_ID = re.compile(r"[!-~]{1,240}\Z")
_MESSAGES = frozenset({"m.room.encrypted", "m.room.message", "m.sticker"})


class History:
    """``server_name``: only its own accounts' timestamps are believed; another server may write any time it likes."""

    def __init__(self, server_name: str) -> None:
        self._server_name = server_name

    def translate(self, raw: Sequence[object], now: int) -> RoomHistory:
        """What one transaction says.

        An entry that cannot be understood is left out: refusing it would make Synapse send it for ever.
        """
        events: list[Event] = []
        messages: list[SentMessage] = []
        lost = 0
        for item in raw:
            try:
                entry = _Entry(item)
                at = self._time(entry, now)
                if entry.kind in _MESSAGES and entry.state_key is None:
                    sender, room = account_name(entry.sender, "sender"), account_name(entry.room, "room_id")
                    messages.append(SentMessage(entry.event_id, sender, room, at, entry.size))
                else:
                    events.extend(map(event_from, _state(entry, at)))
            except RefusedError:
                lost += 1
        return RoomHistory(events, messages, lost)

    def _time(self, entry: _Entry, now: int) -> int:
        local = entry.sender.partition(":")[2] == self._server_name
        return min(entry.at, now) if local else now


class _Entry:
    """One event in client format; ``RefusedError`` unless it has the shape that the specification gives it."""

    __slots__ = ("at", "content", "event_id", "kind", "room", "sender", "size", "state_key", "unsigned")

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise _odd()
        texts = [value.get(name) for name in ("type", "event_id", "room_id", "sender")]
        at = value.get("origin_server_ts")
        if not all(isinstance(text, str) and text for text in texts) or type(at) is not int or at < 0:
            raise _odd()
        self.kind, self.event_id, self.room, self.sender = map(str, texts)
        self.at = at
        state_key = value.get("state_key")
        self.state_key = state_key if isinstance(state_key, str) else None
        self.content = _mapping(value.get("content"))
        self.unsigned = _mapping(value.get("unsigned"))
        ciphertext = self.content.get("ciphertext")
        self.size = len(ciphertext) if isinstance(ciphertext, str) else 0


def _state(entry: _Entry, at: int) -> Iterator[Mapping[str, object]]:
    base = {"id": _id(entry), "at": at, "actor": entry.sender, "room": entry.room}
    if entry.state_key is None:
        return
    match entry.kind:
        case "m.room.create":
            yield {**base, "kind": EventKind.ROOM_CREATED, "visibility": "private"}
        case "m.room.join_rules":
            closed = entry.content.get("join_rule") in ("invite", "private", "restricted", "knock", "knock_restricted")
            yield {**base, "kind": EventKind.ROOM_CHANGED, "visibility": "private" if closed else "public"}
        case "m.room.encryption":
            yield {**base, "kind": EventKind.ROOM_CHANGED, "encrypted": True}
        case "m.room.member":
            yield from _member(entry, base)


def _member(entry: _Entry, base: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    account = entry.state_key or ""
    # Synapse fills these two in for events that replace others, and takes them away from what other servers send.
    replaces = isinstance(entry.unsigned.get("replaces_state"), str)
    before = _mapping(entry.unsigned.get("prev_content")) if replaces else {}
    was, now = before.get("membership"), entry.content.get("membership")
    inviter = entry.unsigned.get("prev_sender")
    invited = was == "invite" and isinstance(inviter, str) and inviter != account
    if now == "invite" and account != entry.sender and (was != "invite" or inviter != entry.sender):
        yield {**base, "kind": EventKind.CONTACT_REQUESTED, "target": account, "via": _via(entry.content)}
    elif now == "join" and was != "join":
        yield {**base, "kind": EventKind.ROOM_JOINED, "actor": account}
        if invited:
            answered = {**base, "id": f"{base['id']}/accepted", "actor": account, "target": inviter}
            yield {**answered, "kind": EventKind.CONTACT_ACCEPTED, "via": _via(before)}
    elif now in ("leave", "ban") and was == "join":
        yield {**base, "kind": EventKind.ROOM_LEFT, "actor": account}
    elif now in ("leave", "ban") and invited:
        if entry.sender == account:
            yield {**base, "kind": EventKind.CONTACT_DECLINED, "target": inviter, "via": _via(before)}
        else:
            yield {**base, "kind": EventKind.CONTACT_WITHDRAWN, "actor": inviter, "target": account}


def _id(entry: _Entry) -> str:
    if _EVENT_ID.match(entry.event_id):
        return entry.event_id
    return "matrix/" + hashlib.blake2b(entry.event_id.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()


def _via(content: Mapping[str, Any]) -> str:
    return "direct" if content.get("is_direct") is True else "group"


def registration(url: str, as_token: str, hs_token: str) -> dict[str, object]:
    """What Synapse loads (application service API, "Registration").

    Every room, but no account: with one in ``users`` the token could act as that account.
    """
    return {
        "id": "nightlight",
        "url": url,
        "as_token": as_token,
        "hs_token": hs_token,
        "sender_localpart": "nightlight-history",
        "rate_limited": True,
        "namespaces": {"users": [], "aliases": [], "rooms": [{"exclusive": False, "regex": ".*"}]},
    }


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _odd() -> RefusedError:
    return RefusedError("history_malformed", "This is no event of a room.")
