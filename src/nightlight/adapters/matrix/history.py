"""Room history as Synapse sends it to an application service, turned into events. What people wrote is dropped here.

Matrix application service API, "Pushing events"; client-server API, ``m.room.member``. Of an event's content no more is
read than ``membership``, ``is_direct``, ``join_rule``, and of an encrypted message how long it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.event import Event, EventKind
from nightlight.prevent.event_reader import event_from

_HOUR_MS = 3_600_000
_MESSAGES = frozenset({"m.room.encrypted", "m.room.message", "m.sticker"})


class History:
    """``server_name``: only its own accounts' timestamps are believed; another server may write any time it likes."""

    def __init__(self, server_name: str) -> None:
        self._server_name = server_name

    def translate(self, raw: Sequence[object], now: int) -> tuple[list[Event], int]:
        """Events for one transaction, and how many entries could not be understood.

        An entry that cannot be understood is left out: refusing it would make Synapse send it for ever.
        """
        found: list[Event] = []
        lost = 0
        messages: dict[tuple[str, str, int], list[tuple[str, int]]] = {}
        for item in raw:
            try:
                entry = _Entry(item)
                at = self._time(entry, now)
                if entry.kind in _MESSAGES and entry.state_key is None:
                    hour = at - at % _HOUR_MS
                    messages.setdefault((entry.room, entry.sender, hour), []).append((entry.event_id, entry.size))
                else:
                    found.extend(map(event_from, _state(entry, at)))
            except RefusedError:
                lost += 1
        for (room, sender, hour), sent in messages.items():
            try:
                found.extend(map(event_from, _spoken(room, sender, hour, sent, now)))
            except RefusedError:
                lost += 1
        return found, lost

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
    base = {"id": entry.event_id, "at": at, "actor": entry.sender, "room": entry.room}
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
    before = _mapping(entry.unsigned.get("prev_content"))
    was, now = before.get("membership"), entry.content.get("membership")
    inviter = entry.unsigned.get("prev_sender")
    invited = was == "invite" and isinstance(inviter, str) and inviter != account
    if now == "invite" and was != "invite" and account != entry.sender:
        yield {**base, "kind": EventKind.CONTACT_REQUESTED, "target": account, "via": _via(entry.content)}
    elif now == "join" and was != "join":
        yield {**base, "kind": EventKind.ROOM_JOINED, "actor": account}
        if invited:
            answered = {**base, "id": f"{entry.event_id}/accepted", "actor": account, "target": inviter}
            yield {**answered, "kind": EventKind.CONTACT_ACCEPTED, "via": _via(before)}
    elif now in ("leave", "ban") and was == "join":
        yield {**base, "kind": EventKind.ROOM_LEFT, "actor": account}
    elif now in ("leave", "ban") and invited:
        if entry.sender == account:
            yield {**base, "kind": EventKind.CONTACT_DECLINED, "target": inviter, "via": _via(before)}
        else:
            yield {**base, "kind": EventKind.CONTACT_WITHDRAWN, "actor": inviter, "target": account}


def _via(content: Mapping[str, Any]) -> str:
    return "direct" if content.get("is_direct") is True else "group"


def _spoken(
    room: str, sender: str, hour: int, sent: Sequence[tuple[str, int]], now: int
) -> Iterator[Mapping[str, object]]:
    """How much somebody sent in an hour. The id comes from the messages: the same ones sent again count once."""
    ids = sorted(event_id for event_id, _ in sent)
    name = hashlib.blake2b("\n".join(ids).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    base = {"actor": sender, "room": room, "at": min(now, hour + _HOUR_MS)}
    size = sum(size for _, size in sent)
    volume = {"kind": EventKind.VOLUME, "hour": hour, "messages": len(sent), "bytes": size}
    yield {**base, **volume, "id": f"volume/{name}"}
    yield {**base, "kind": EventKind.FIRST_MESSAGE, "id": f"first/{name}"}


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
