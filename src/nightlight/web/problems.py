"""Errors as answers: RFC 9457 problem details, with a code of our closed list and a hint what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse

from nightlight.errors import NightlightError, RefusedError, UnavailableError

_log = logging.getLogger(__name__)

#: Codes that are not 400 Bad Request.
STATUS_OF: dict[str, int] = {
    "invalid_token": 401,
    "invalid_service_token": 401,
    "service_scope": 403,
    "homeserver_token": 403,
    "not_found": 404,
    "room_not_found": 404,
    "report_not_found": 404,
    "request_not_found": 404,
    "decision_not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "not_json": 415,
    "request_answered": 409,
    "account_held": 409,
    "too_many_at_once": 413,
    "idempotency_key_reused": 422,
    "too_many_reports": 429,
}


def problem(error: NightlightError) -> JSONResponse:
    """The answer for an error; nothing of the inside is in it."""
    headers: dict[str, str] = {}
    hint = ""
    if error.code == "log_broken":
        # Nothing is taken that cannot be logged. That is for the operator to mend, not for the reporter.
        error = UnavailableError("store_unavailable", error.message)
    if isinstance(error, RefusedError):
        status = STATUS_OF.get(error.code, 400)
        hint = error.hint
    else:
        status = 503
        headers["Retry-After"] = "30"
    message = error.message
    if isinstance(error, UnavailableError) and error.code == "store_unavailable":
        message = "The service cannot store anything right now. Nothing was accepted; please try again."
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="nightlight"'
    if status == 429:
        headers["Retry-After"] = "600"
    return JSONResponse(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": str(error.code),
            "detail": message,
            "hint": hint,
        },
        status,
        headers,
        media_type="application/problem+json",
    )


def on_nightlight_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, UnavailableError):
        _log.warning("%s %s: %s", request.method, request.scope.get("route_name", "api"), error.code)
    assert isinstance(error, NightlightError)  # noqa: S101 - for the type checker
    return problem(error)
