"""A homeserver in memory: the endpoints of Synapse 1.163 that Nightlight uses, with real Megolm ciphertext.

Paths, status codes and shapes are those that ``tests/integration`` sees on a real Synapse. It stands in where a test
or a bench needs a homeserver to fail on purpose, or to cost nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

import vodozemac
from canonicaljson import encode_canonical_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import SessionExport

SERVER_NAME = "sim.example"
ADMIN_TOKEN = "simulated-admin-token"
MODULE_SECRET = "simulated-module-secret-0123456789abcdef"


@dataclass
class SimulatedRoom:
    """Membership by account, and one Megolm session for each sender."""

    room_id: str
    members: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, vodozemac.GroupSession] = field(default_factory=dict)
    inbound: dict[str, vodozemac.InboundGroupSession] = field(default_factory=dict)
    depth: int = 5


@dataclass
class SimulatedHomeserver:
    """The state, the ways to change it, and an ASGI application in front of it (``app``)."""

    tokens: dict[str, str] = field(default_factory=dict)
    rooms: dict[str, SimulatedRoom] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    members_at: dict[str, dict[str, str]] = field(default_factory=dict)
    redacted: set[str] = field(default_factory=set)
    message_keys: dict[str, bytes] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    quarantined: set[str] = field(default_factory=set)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_reports: list[dict[str, Any]] = field(default_factory=list)
    user_reports: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    down: bool = False
    down_after: str | None = None
    broken_answer: str | None = None

    # Changing the world

    def account(self, localpart: str) -> str:
        name = f"@{localpart}:{SERVER_NAME}"
        self.accounts.setdefault(name, {"locked": False, "suspended": False, "deactivated": False})
        return name

    def token_for(self, account: str) -> str:
        token = f"openid-{len(self.tokens)}-{hashlib.sha256(account.encode()).hexdigest()[:12]}"
        self.tokens[token] = account
        return token

    def room(self, *members: str) -> str:
        room_id = "!" + base64url.encode_urlsafe(hashlib.sha256(f"room {len(self.rooms)}".encode()).digest())
        self.rooms[room_id] = SimulatedRoom(room_id, dict.fromkeys(members, "join"))
        return room_id

    def say(self, room_id: str, sender: str, text: str, **content: Any) -> str:
        """An encrypted message; returns its event id. Its message key is in ``message_keys``."""
        payload = {
            "type": "m.room.message",
            "room_id": room_id,
            "content": {"msgtype": "m.text", "body": text, **content},
        }
        return self.encrypt(room_id, sender, json.dumps(payload).encode())

    def encrypt(self, room_id: str, sender: str, plaintext: bytes) -> str:
        """Any plaintext as an encrypted event; returns its event id."""
        room = self.rooms[room_id]
        if sender not in room.sessions:
            room.sessions[sender] = vodozemac.GroupSession()
            room.inbound[sender] = vodozemac.InboundGroupSession(room.sessions[sender].session_key)
        session = room.sessions[sender]
        index = session.message_index
        ciphertext = session.encrypt(plaintext)
        event_id = self.store(
            room_id,
            sender,
            "m.room.encrypted",
            {
                "algorithm": "m.megolm.v1.aes-sha2",
                "ciphertext": ciphertext.to_base64(),
                "device_id": "SIMULATED",
                "sender_key": "K" * 43,
                "session_id": session.session_id,
            },
        )
        self.message_keys[event_id] = self.session(room_id, sender).message_key(index)
        return event_id

    def session(self, room_id: str, sender: str) -> SessionExport:
        """The sender's whole session, as a member of the room holds it."""
        exported = self.rooms[room_id].inbound[sender].export_at(0)
        assert exported is not None
        return SessionExport.parse(base64url.decode_standard(exported.to_base64()))

    def store(self, room_id: str, sender: str, kind: str, content: dict[str, Any]) -> str:
        """An event of room version 12 with its hashes (server-server API, "Calculating the content hash" ff.)."""
        room = self.rooms[room_id]
        room.depth += 1
        event: dict[str, Any] = {
            "auth_events": ["$" + "a" * 43],
            "content": content,
            "depth": room.depth,
            "origin_server_ts": int(time.time() * 1000),
            "prev_events": ["$" + "p" * 43],
            "room_id": room_id,
            "sender": sender,
            "type": kind,
        }
        event["hashes"] = {"sha256": base64.b64encode(_sha256(event)).rstrip(b"=").decode()}
        event_id = "$" + base64url.encode_urlsafe(_sha256({**event, "content": {}}))
        self.events[event_id] = {**event, "signatures": {SERVER_NAME: {"ed25519:a": "S" * 86}}}
        self.members_at[event_id] = dict(room.members)
        return event_id

    def prune(self, event_id: str) -> None:
        """What is left of a redacted event when the retention of its content has ended."""
        self.events[event_id] = {**self.events[event_id], "content": {}}

    def report(self, reporter: str, room_id: str, event_id: str, reason: str) -> None:
        number = len(self.event_reports) + 1
        entry = {"id": number, "received_ts": 1_700_000_000_000 + number, "user_id": reporter, "room_id": room_id}
        self.event_reports.append({**entry, "event_id": event_id, "reason": reason, "score": -100})

    def report_account(self, reporter: str, target: str, reason: str) -> None:
        number = len(self.user_reports) + 1
        entry = {"id": number, "received_ts": 1_700_000_000_000 + number, "user_id": reporter}
        self.user_reports.append({**entry, "target_user_id": target, "reason": reason})

    # Answering

    @property
    def app(self) -> Starlette:
        admin = "/_synapse/admin"
        return Starlette(
            routes=[
                self._route("/_matrix/federation/v1/openid/userinfo", self._userinfo, admin=False),
                self._route(f"{admin}/v1/fetch_event/{{event_id}}", self._fetch_event),
                self._route(f"{admin}/v1/rooms/{{room_id}}/context/{{event_id}}", self._context),
                self._route(f"{admin}/v1/rooms/{{room_id}}/state", self._state),
                self._route(f"{admin}/v1/event_reports", self._list_event_reports),
                self._route(f"{admin}/v1/user_reports", self._list_user_reports),
                self._route(f"{admin}/v1/send_server_notice/{{key}}", self._notice, "PUT"),
                self._route(f"{admin}/v1/suspend/{{account}}", self._suspend, "PUT"),
                self._route(f"{admin}/v2/users/{{account}}", self._user, "GET", "PUT"),
                self._route(f"{admin}/v1/deactivate/{{account}}", self._deactivate, "POST"),
                self._route(f"{admin}/v1/media/quarantine/{{server}}/{{media}}", self._quarantine, "POST"),
                self._route("/_synapse/client/nightlight/v1/redact", self._redact, "POST", admin=False),
            ]
        )

    def _route(self, path: str, answer: Any, *methods: str, admin: bool = True) -> Route:
        async def endpoint(request: Request) -> Response:
            self.requests.append(f"{request.method} {request.url.path}")
            if self.down:
                return Response("upstream is down", 503)
            if self.broken_answer is not None:
                return Response(self.broken_answer, 200, media_type="application/json")
            if admin and request.headers.get("authorization") != f"Bearer {ADMIN_TOKEN}":
                return _error(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")
            body = await request.json() if request.method in ("PUT", "POST") else {}
            result: Response = answer(request, body)
            if self.down_after is not None and request.url.path.endswith(self.down_after):
                self.down = True
            return result

        return Route(path, endpoint, methods=list(methods or ("GET",)))

    def _userinfo(self, request: Request, _body: Any) -> Response:
        account = self.tokens.get(request.query_params.get("access_token", ""))
        if account is None:
            return _error(401, "M_UNKNOWN_TOKEN", "Access Token unknown or expired")
        return JSONResponse({"sub": account})

    def _fetch_event(self, request: Request, _body: Any) -> Response:
        event = self.events.get(request.path_params["event_id"])
        if event is None:
            return _error(404, "M_NOT_FOUND", "Event not found")
        return JSONResponse({"event": {**event, "unsigned": {"age": 1}}})

    def _context(self, request: Request, _body: Any) -> Response:
        event = self.events.get(request.path_params["event_id"])
        if event is None or event["room_id"] != request.path_params["room_id"]:
            return _error(404, "M_NOT_FOUND", "Event not found.")
        members = self.members_at[request.path_params["event_id"]]
        return JSONResponse({"event": event, "events_before": [], "events_after": [], "state": _state_of(members)})

    def _state(self, request: Request, _body: Any) -> Response:
        room = self.rooms.get(request.path_params["room_id"])
        if room is None:
            return _error(404, "M_NOT_FOUND", "Room not found")
        return JSONResponse({"state": _state_of(room.members)})

    def _list_event_reports(self, request: Request, _body: Any) -> Response:
        return _page(request, "event_reports", self.event_reports)

    def _list_user_reports(self, request: Request, _body: Any) -> Response:
        return _page(request, "user_reports", self.user_reports)

    def _notice(self, request: Request, body: Any) -> Response:
        if body["user_id"] not in self.accounts:
            return _error(404, "M_NOT_FOUND", "User not found")
        self.notices.setdefault(request.path_params["key"], body)
        return JSONResponse({"event_id": "$notice"})

    def _suspend(self, request: Request, body: Any) -> Response:
        return self._set(request, suspended=body["suspend"])

    def _user(self, request: Request, body: Any) -> Response:
        if request.method == "GET":
            return self._set(request)
        return self._set(request, **body)

    def _deactivate(self, request: Request, body: Any) -> Response:
        return self._set(request, deactivated=True, erased=body["erase"])

    def _set(self, request: Request, **values: Any) -> Response:
        account = self.accounts.get(request.path_params["account"])
        if account is None:
            return _error(404, "M_NOT_FOUND", "User not found")
        account.update(values)
        return JSONResponse({"name": request.path_params["account"], **account})

    def _quarantine(self, request: Request, _body: Any) -> Response:
        self.quarantined.add(f"mxc://{request.path_params['server']}/{request.path_params['media']}")
        return JSONResponse({})

    def _redact(self, request: Request, body: Any) -> Response:
        if request.headers.get("authorization") != f"Bearer {MODULE_SECRET}":
            return _error(401, "M_MISSING_TOKEN", "The secret is missing or wrong.")
        event = self.events.get(body["event_id"])
        if event is None or event["room_id"] != body["room_id"]:
            return _error(404, "M_NOT_FOUND", "There is no such event in this room.")
        already = body["event_id"] in self.redacted
        self.redacted.add(body["event_id"])
        return JSONResponse({"already": already})


def _state_of(members: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"type": "m.room.create", "state_key": "", "content": {"room_version": "12"}},
        *(
            {"type": "m.room.member", "state_key": account, "content": {"membership": membership}}
            for account, membership in members.items()
        ),
    ]


def _page(request: Request, key: str, entries: list[dict[str, Any]]) -> Response:
    start, limit = int(request.query_params["from"]), int(request.query_params["limit"])
    ordered = entries[::-1] if request.query_params["dir"] == "b" else entries
    return JSONResponse({key: ordered[start : start + limit], "total": len(entries)})


def _error(status: int, code: str, text: str) -> JSONResponse:
    return JSONResponse({"errcode": code, "error": text}, status)


def _sha256(value: dict[str, Any]) -> bytes:
    return hashlib.sha256(encode_canonical_json(value)).digest()
