# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the Nightlight service asks of Synapse beyond its admin interface."""

from __future__ import annotations

import hmac
import json
import logging
from typing import Any

from synapse.http.site import SynapseRequest
from synapse.module_api import DirectServeJsonResource
from synapse.module_api.errors import SynapseError

from nightlight_synapse.about import About
from nightlight_synapse.invitation import ANSWERS, Invitations
from nightlight_synapse.redaction import Redactor

BODY_BYTES_MAX = 16_384
_log = logging.getLogger(__name__)


class NightlightResource(DirectServeJsonResource):
    """``GET …/v1/about``, ``POST …/v1/redact`` and ``POST …/v1/invitation``, all with the shared secret as bearer."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, secret: str, redactor: Redactor, invitations: Invitations | None, about: About) -> None:
        super().__init__()
        self._secret = secret.encode()
        self._redactor = redactor
        self._invitations = invitations
        self._about = about

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 - Synapse's name
        self._authorize(request)
        if _path(request) != "v1/about":
            raise SynapseError(404, "There is nothing at this address.", "M_UNRECOGNIZED")
        return 200, await self._about.tell()

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 - Synapse's name
        self._authorize(request)
        path = _path(request)
        if path == "v1/redact":
            body = _body(request)
            event_id = _text(body, "event_id")
            done = await self._redactor.redact(_text(body, "room_id"), event_id, _text(body, "reason"))
            _log.info("Redacted %s at Nightlight's request", event_id)
            return 200, {"already": not done}
        if path == "v1/invitation" and self._invitations is not None:
            body = _body(request)
            answer = _text(body, "answer")
            if answer not in ANSWERS:
                raise SynapseError(400, f"answer: one of {', '.join(ANSWERS)}.", "M_INVALID_PARAM")
            who, inviter, room_id = (_text(body, key) for key in ("account", "inviter", "room_id"))
            return 200, {"already": not await self._invitations.answer(who, inviter, room_id, answer)}
        raise SynapseError(404, "There is nothing at this address.", "M_UNRECOGNIZED")

    def _authorize(self, request: SynapseRequest) -> None:
        given = (request.getHeader(b"Authorization") or b"").strip()
        kind, _, secret = given.partition(b" ")
        if kind.lower() != b"bearer" or not hmac.compare_digest(secret.strip(), self._secret):
            raise SynapseError(401, "The secret is missing or wrong.", "M_MISSING_TOKEN")


def _path(request: SynapseRequest) -> str:
    return b"/".join(request.postpath or []).decode("ascii", "replace")


def _body(request: SynapseRequest) -> dict[str, Any]:
    data = request.content.read(BODY_BYTES_MAX + 1)
    if len(data) > BODY_BYTES_MAX:
        raise SynapseError(413, "The body is too large.", "M_TOO_LARGE")
    try:
        body: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise SynapseError(400, "The body is not JSON.", "M_NOT_JSON") from None
    if not isinstance(body, dict):
        raise SynapseError(400, "The body is not a JSON object.", "M_BAD_JSON")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise SynapseError(400, f"{key} must be a string.", "M_BAD_JSON")
    return value
