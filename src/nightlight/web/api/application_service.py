"""The door for Synapse's stream of room history (Matrix application service API, version 1)."""

from __future__ import annotations

import hmac
import logging

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from nightlight.errors import RefusedError
from nightlight.flows.take_history import HistoryIntake
from nightlight.web.api import deep_json
from nightlight.web.body import read_bytes

_log = logging.getLogger(__name__)

#: Synapse sends at most 100 events at once, each of at most 64 KiB, and may add device lists and receipts.
_BODY_BYTES_MAX = 33_554_432


def application_service_router(history: HistoryIntake, hs_token: str) -> APIRouter:
    """``hs_token``: what the homeserver shows us, from the registration file."""
    router = APIRouter(include_in_schema=False)
    expected = hs_token.encode()

    def take(data: bytes) -> None:
        try:
            body = deep_json.read(data)
        except (ValueError, RecursionError):
            _log.error("A transaction of room history is not JSON. The homeserver will send it again.")
            raise RefusedError("json_malformed", "Not JSON that can be read.") from None
        events = body.get("events") if isinstance(body, dict) else None
        if not isinstance(events, list):
            raise RefusedError("body_malformed", "A transaction has a list of events.")
        history.take(events)

    def require(request: Request) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise RefusedError("homeserver_token", "The homeserver's token is missing or wrong.")

    @router.put("/_matrix/app/v1/transactions/{transaction_id}")
    async def transaction(transaction_id: str, request: Request) -> JSONResponse:  # noqa: ARG001 - events carry ids
        require(request)
        data = await read_bytes(request, _BODY_BYTES_MAX)
        await run_in_threadpool(take, data)
        return JSONResponse({})

    @router.post("/_matrix/app/v1/ping")
    async def ping(request: Request) -> JSONResponse:
        require(request)
        return JSONResponse({})

    @router.get("/_matrix/app/v1/{what}/{name:path}")
    async def query(what: str, name: str, request: Request) -> JSONResponse:  # noqa: ARG001
        require(request)
        return JSONResponse({"errcode": "M_NOT_FOUND", "error": "Nightlight has no accounts, rooms or aliases."}, 404)

    return router
