"""A homeserver in memory: the endpoints of Synapse 1.163 that Nightlight uses.

Paths, status codes and shapes are those that ``tests/integration`` sees on a real Synapse. It stands in where a test
or a bench needs a homeserver to fail on purpose, or to cost little.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.simulators.world import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedRoom, SimulatedWorld

__all__ = ["ADMIN_TOKEN", "MODULE_SECRET", "SERVER_NAME", "SimulatedHomeserver", "SimulatedRoom"]


@dataclass
class SimulatedHomeserver(SimulatedWorld):
    """The simulated world with an ASGI application in front of it (``app``)."""

    @property
    def app(self) -> ASGIApp:
        admin = "/_synapse/admin"
        answers = Starlette(
            routes=[
                self._route("/_matrix/key/v2/server", self._server_keys, admin=False),
                self._route("/_matrix/federation/v1/openid/userinfo", self._userinfo, admin=False),
                self._route(f"{admin}/v1/fetch_event/{{event_id}}", self._fetch_event),
                self._route(f"{admin}/v1/rooms/{{room_id}}/context/{{event_id}}", self._context),
                self._route(f"{admin}/v1/rooms/{{room_id}}/messages", self._messages),
                self._route(f"{admin}/v1/rooms/{{room_id}}/state", self._state),
                self._route(f"{admin}/v1/event_reports", self._list_event_reports),
                self._route(f"{admin}/v1/user_reports", self._list_user_reports),
                self._route(f"{admin}/v1/send_server_notice/{{key}}", self._notice, "PUT"),
                self._route(f"{admin}/v1/suspend/{{account}}", self._suspend, "PUT"),
                self._route(f"{admin}/v2/users/{{account}}", self._user, "GET", "PUT"),
                self._route(f"{admin}/v1/deactivate/{{account}}", self._deactivate, "POST"),
                self._route(f"{admin}/v1/media/quarantine/{{server}}/{{media}}", self._quarantine, "POST"),
                self._route(f"{admin}/v1/media/unquarantine/{{server}}/{{media}}", self._unquarantine, "POST"),
                self._route(f"{admin}/v1/media/{{server}}/{{media}}", self._media),
                self._route("/_matrix/client/v1/media/download/{server}/{media}", self._download),
                self._route("/_synapse/client/nightlight/v1/redact", self._redact, "POST", admin=False),
            ],
            exception_handlers={404: _unrecognized},
        )

        async def as_sent(scope: Scope, receive: Receive, send: Send) -> None:
            # Synapse splits the path before it decodes it: a quoted slash belongs to an id.
            if scope["type"] == "http":
                scope = {**scope, "path": scope["raw_path"].decode("ascii")}
            await answers(scope, receive, send)

        return as_sent

    def _route(self, path: str, answer: Any, *methods: str, admin: bool = True) -> Route:
        async def endpoint(request: Request) -> Response:
            path = unquote(request.scope["path"])
            self.requests.append(f"{request.method} {path}")
            if self.before_answer is not None:
                self.before_answer(path)
            for ending, seconds in self.delays.items():
                if path.endswith(ending):
                    await asyncio.sleep(seconds)
            if self.down:
                return Response("upstream is down", 503)
            if self.broken_answer is not None:
                return Response(self.broken_answer, 200, media_type="application/json")
            if admin and request.headers.get("authorization") != f"Bearer {ADMIN_TOKEN}":
                return _error(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")
            body = await request.json() if request.method in ("PUT", "POST") else {}
            params = request.scope["path_params"]
            request.scope["path_params"] = {name: unquote(value) for name, value in params.items()}
            result: Response = answer(request, body)
            if self.down_after is not None and path.endswith(self.down_after):
                self.down = True
            return result

        return Route(path, endpoint, methods=list(methods or ("GET",)))

    def _userinfo(self, request: Request, _body: Any) -> Response:
        account = self.tokens.get(request.query_params.get("access_token", ""))
        if account is None:
            return _error(401, "M_UNKNOWN_TOKEN", "Access Token unknown or expired")
        return JSONResponse({"sub": account})

    def _server_keys(self, _request: Request, _body: Any) -> Response:
        return JSONResponse(self.published_keys())

    def _fetch_event(self, request: Request, _body: Any) -> Response:
        event_id = request.path_params["event_id"]
        event = self.events.get(event_id)
        if event is None:
            return _error(404, "M_NOT_FOUND", "Event not found")
        return JSONResponse({"event": {**event, "event_id": event_id, "unsigned": {"age": 1}}})

    def _context(self, request: Request, _body: Any) -> Response:
        event_id = request.path_params["event_id"]
        event = self.events.get(event_id)
        if event is None:
            return _error(404, "M_NOT_FOUND", "Event not found.")
        if event["room_id"] != request.path_params["room_id"]:
            return _error(404, "M_UNKNOWN", "No row found (events)")
        shown = {key: event[key] for key in ("content", "origin_server_ts", "room_id", "sender", "type")}
        types = json.loads(request.query_params.get("filter", "{}")).get("types")
        state = [entry for entry in _state_of(self.members_at[event_id]) if types is None or entry["type"] in types]
        at = list(self.events).index(event_id)
        answer = {"event": {**shown, "event_id": event_id}, "events_before": [], "events_after": [], "state": state}
        return JSONResponse({**answer, "start": f"t0-{at}", "end": f"t0-{at + 1}"})

    def _messages(self, request: Request, _body: Any) -> Response:
        query = request.query_params
        assert query["dir"] == "f"
        start, limit = int(query["from"].removeprefix("t0-")), int(query["limit"])
        types = json.loads(query.get("filter", "{}")).get("types")
        room_id = request.path_params["room_id"]
        if room_id not in self.rooms:
            return _error(404, "M_NOT_FOUND", "Room not found")
        chunk: list[dict[str, Any]] = []
        for at, (event_id, event) in enumerate(self.events.items()):
            if at >= start and event["room_id"] == room_id and (types is None or event["type"] in types):
                if len(chunk) == limit:
                    return JSONResponse({"chunk": chunk, "start": query["from"], "end": f"t0-{at}"})
                chunk.append({"event_id": event_id, "type": event["type"], "room_id": room_id})
        answer = {"chunk": chunk, "start": query["from"]}
        return JSONResponse({**answer, "end": f"t0-{len(self.events)}"} if chunk else answer)

    def _state(self, request: Request, _body: Any) -> Response:
        room = self.rooms.get(request.path_params["room_id"])
        if room is None:
            return _error(404, "M_NOT_FOUND", "Room not found")
        kind = request.query_params.get("type")
        return JSONResponse({"state": [entry for entry in _state_of(room.members) if kind in (None, entry["type"])]})

    def _list_event_reports(self, request: Request, _body: Any) -> Response:
        return _page(request, "event_reports", self.event_reports)

    def _list_user_reports(self, request: Request, _body: Any) -> Response:
        return _page(request, "user_reports", self.user_reports)

    def _notice(self, request: Request, body: Any) -> Response:
        if body["user_id"] not in self.accounts:
            return _no_user(body["user_id"])
        self.notices.setdefault(request.path_params["key"], body)
        return JSONResponse({"event_id": "$" + hashlib.sha256(request.path_params["key"].encode()).hexdigest()[:43]})

    def _suspend(self, request: Request, body: Any) -> Response:
        account = request.path_params["account"]
        answer = {f"user_{account}_suspended": body["suspend"]}
        return self._set(account, answer, suspended=body["suspend"])

    def _user(self, request: Request, body: Any) -> Response:
        account = request.path_params["account"]
        if request.method == "PUT" and account.endswith(f":{SERVER_NAME}"):
            # As in Synapse: PUT creates who is not there.
            self.accounts.setdefault(account, {"locked": False, "suspended": False, "deactivated": False})
        return self._set(account, None, **body)

    def _deactivate(self, request: Request, body: Any) -> Response:
        answer = {"id_server_unbind_result": "success"}
        return self._set(request.path_params["account"], answer, deactivated=True, erased=body["erase"])

    def _set(self, name: str, answer: dict[str, Any] | None, **values: Any) -> Response:
        account = self.accounts.get(name)
        if account is None:
            return _no_user(name)
        account.update(values)
        return JSONResponse({"name": name, **account} if answer is None else answer)

    def _quarantine(self, request: Request, _body: Any) -> Response:
        mxc = _mxc(request)
        if mxc not in self.lost_media | self.protected:
            self.quarantined.add(mxc)
        return JSONResponse({})

    def _unquarantine(self, request: Request, _body: Any) -> Response:
        self.quarantined.discard(_mxc(request))
        return JSONResponse({})

    def _media(self, request: Request, _body: Any) -> Response:
        mxc = _mxc(request)
        if mxc in self.lost_media:
            return _error(404, "M_NOT_FOUND", "Unknown media")
        by = "@nightlight:" + SERVER_NAME if mxc in self.quarantined else None
        info = {"media_id": request.path_params["media"], "quarantined_by": by}
        return JSONResponse({"media_info": {**info, "safe_from_quarantine": mxc in self.protected}})

    def _download(self, request: Request, _body: Any) -> Response:
        """As in Synapse: of quarantined media it says what it says of media that it does not have."""
        mxc = _mxc(request)
        if self.media_redirect is not None:
            return Response(status_code=307, headers={"Location": self.media_redirect})
        if mxc not in self.blobs or mxc in self.lost_media | self.quarantined:
            return _error(404, "M_NOT_FOUND", "Not found")
        return Response(self.blobs[mxc], media_type="application/octet-stream")

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
    page = ordered[start : start + limit]
    answer: dict[str, Any] = {key: page, "total": len(entries)}
    if start + limit < len(entries):
        answer["next_token"] = start + len(page)
    return JSONResponse(answer)


def _mxc(request: Request) -> str:
    return f"mxc://{request.path_params['server']}/{request.path_params['media']}"


def _no_user(account: str) -> JSONResponse:
    if not account.startswith("@"):
        return _error(400, "M_INVALID_PARAM", "Expected UserID string to start with '@'")
    if not account.endswith(f":{SERVER_NAME}"):
        return _error(400, "M_UNKNOWN", "Only local users")
    return _error(404, "M_NOT_FOUND", "User not found")


async def _unrecognized(_request: Request, _error_found: Exception) -> Response:
    return _error(404, "M_UNRECOGNIZED", "Unrecognized request")


def _error(status: int, code: str, text: str) -> JSONResponse:
    return JSONResponse({"errcode": code, "error": text}, status)
