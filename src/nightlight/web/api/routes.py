"""``POST /v1/reports`` and ``GET status_url``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from nightlight.errors import RefusedError
from nightlight.flows.take_report import Intake
from nightlight.model.report import ReportState
from nightlight.ports import Store
from nightlight.web.api.report_body import ProblemBody, ReceiptBody, ReportBody, StatusBody, report_request
from nightlight.web.api.status import StatusLinks, receipt, status
from nightlight.web.body import read_json

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}\Z")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]{1,1024})\Z")


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes of a body, characters of a note, messages in a report and how many of them as context, nesting levels."""

    body_bytes: int
    note_chars: int
    messages: int
    context: int
    json_depth: int


def api_router(intake: Intake, store: Store, links: StatusLinks, limits: BodyLimits) -> APIRouter:
    """The routes for reporters."""
    router = APIRouter(tags=["reports"])

    @router.post(
        "/v1/reports",
        summary="Report messages",
        description="Takes a report from somebody in the conversation. The bearer token is a Matrix OpenID token "
        "(POST /_matrix/client/v3/user/{userId}/openid/request_token), never an access token or a password. "
        "Sending the same report again, or the same Idempotency-Key, answers with the first one.",
        status_code=201,
        response_model=ReceiptBody,
        responses={
            200: {"model": ReceiptBody, "description": "This very report was here before."},
            202: {"model": ReceiptBody, "description": "Stored; checked as soon as the homeserver can be asked."},
            **{code: _problem(text) for code, text in _PROBLEMS.items()},
        },
        openapi_extra={
            "security": [{"MatrixOpenID": []}],
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
                    "description": "One for each report; makes sending it again safe.",
                }
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReportBody"}}},
            },
        },
    )
    async def post_report(request: Request) -> JSONResponse:
        token = _bearer(request)
        key = _idempotency_key(request)
        value = await read_json(request, bytes_max=limits.body_bytes, depth_max=limits.json_depth)
        wanted = report_request(
            value, note_chars_max=limits.note_chars, messages_max=limits.messages, context_max=limits.context
        )
        taken = await run_in_threadpool(intake.take, wanted, token, key)
        fresh = 202 if taken.report.state is ReportState.PENDING else 201
        code = fresh if taken.created else 200
        body = receipt(taken.report, links)
        return JSONResponse(body.model_dump(mode="json"), code, {"Location": body.status_url})

    @router.get(
        "/v1/reports/{report_id}/{status_token}",
        summary="What became of a report",
        description="The address that the reporter was given. It needs no sign-in: knowing it is the permission.",
        response_model=StatusBody,
        responses={404: _problem("No such report.")},
    )
    def get_status(report_id: str, status_token: str) -> StatusBody:
        links.check(report_id, status_token)
        return status(store, report_id, links)

    return router


_PROBLEMS = {
    400: "Not strict JSON, or not a report.",
    401: "The OpenID token is missing, expired, foreign or forged.",
    404: "No such room, or the reporter was never in it.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The Idempotency-Key came with a different report before.",
    429: "Too many reports from this account.",
    503: "The report could not be stored. Nothing was accepted.",
}


def _problem(description: str) -> dict[str, Any]:
    return {"model": ProblemBody, "description": description}


def _bearer(request: Request) -> str:
    match = _BEARER.match(request.headers.get("authorization", ""))
    if not match:
        raise RefusedError(
            "invalid_token",
            "A report needs the header Authorization: Bearer, with a Matrix OpenID token.",
            "Ask your homeserver for one: POST /_matrix/client/v3/user/{userId}/openid/request_token",
        )
    return match.group(1)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.match(key):
        raise RefusedError("idempotency_key_malformed", "Idempotency-Key: 1 to 255 printable ASCII characters.")
    return key


#: Components of the OpenAPI document that no response model brings in.
OPENAPI_SCHEMAS = (ReportBody,)
OPENAPI_SECURITY = {
    "MatrixOpenID": {"type": "http", "scheme": "bearer", "description": "A Matrix OpenID token of the reporter."},
    "ServiceToken": {"type": "http", "scheme": "bearer", "description": "The operator's token for a service."},
}
