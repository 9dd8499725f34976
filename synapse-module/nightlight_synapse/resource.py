# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two requests that the Nightlight service makes of Synapse beyond its admin interface."""

from __future__ import annotations

import hmac
import json
import logging
from typing import Any

from synapse.http.site import SynapseRequest
from synapse.module_api import DirectServeJsonResource
from synapse.module_api.errors import SynapseError

from nightlight_synapse.redaction import Redactor

BODY_BYTES_MAX = 16_384
_log = logging.getLogger(__name__)


class NightlightResource(DirectServeJsonResource):
    """``GET …/v1/about`` and ``POST …/v1/redact``, with ``Authorization: Bearer`` and the shared secret."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, secret: str, redactor: Redactor) -> None:
        super().__init__()
        self._secret = secret.encode()
        self._redactor = redactor

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 - Synapse's name
        self._authorize(request)
        if _path(request) != "v1/about":
            raise SynapseError(404, "There is nothing at this address.", "M_UNRECOGNIZED")
        return 200, {"module": "nightlight", "version": 1}

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 - Synapse's name
        self._authorize(request)
        if _path(request) != "v1/redact":
            raise SynapseError(404, "There is nothing at this address.", "M_UNRECOGNIZED")
        room_id, event_id, reason = _redact_body(request)
        done = await self._redactor.redact(room_id, event_id, reason)
        _log.info("Redacted %s at Nightlight's request", event_id)
        return 200, {"already": not done}

    def _authorize(self, request: SynapseRequest) -> None:
        given = (request.getHeader(b"Authorization") or b"").strip()
        kind, _, secret = given.partition(b" ")
        if kind.lower() != b"bearer" or not hmac.compare_digest(secret.strip(), self._secret):
            raise SynapseError(401, "The secret is missing or wrong.", "M_MISSING_TOKEN")


def _path(request: SynapseRequest) -> str:
    return b"/".join(request.postpath or []).decode("ascii", "replace")


def _redact_body(request: SynapseRequest) -> tuple[str, str, str]:
    data = request.content.read(BODY_BYTES_MAX + 1)
    if len(data) > BODY_BYTES_MAX:
        raise SynapseError(413, "The body is too large.", "M_TOO_LARGE")
    try:
        body: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise SynapseError(400, "The body is not JSON.", "M_NOT_JSON") from None
    if not isinstance(body, dict):
        raise SynapseError(400, "The body is not a JSON object.", "M_BAD_JSON")
    return _text(body, "room_id"), _text(body, "event_id"), _text(body, "reason")


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise SynapseError(400, f"{key} must be a string.", "M_BAD_JSON")
    return value
