"""Who may call the interface for services: a messenger's backend and our module in Synapse, each for what it needs."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import StrEnum

from starlette.requests import Request

from nightlight.errors import RefusedError

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]{1,1024})\Z")


class Scope(StrEnum):
    """What a service may do."""

    EVENTS = "events"
    ACCOUNTS = "accounts"
    CONTACTS = "contacts"
    #: What our module in Synapse asks; no other service may.
    MODULE = "module"


class ServiceTokens:
    """``scopes``: token → what it is good for. Without a token the interface is closed."""

    def __init__(self, scopes: Mapping[str, frozenset[Scope]]) -> None:
        self._scopes = {hashlib.sha256(token.encode()).digest(): allowed for token, allowed in scopes.items() if token}

    def require(self, request: Request, scope: Scope) -> None:
        """``RefusedError``: ``invalid_service_token``, ``service_scope``."""
        match = _BEARER.match(request.headers.get("authorization", ""))
        given = hashlib.sha256(match.group(1).encode()).digest() if match else b""
        allowed: frozenset[Scope] | None = None
        for known, scopes in self._scopes.items():
            if hmac.compare_digest(known, given):
                allowed = scopes
        if allowed is None:
            raise RefusedError(
                "invalid_service_token",
                "This interface is for services, with the header Authorization: Bearer and their token.",
                "The operator sets it with NIGHTLIGHT_SERVICE_TOKEN_FILE.",
            )
        if scope not in allowed:
            raise RefusedError("service_scope", f"This token is not for {scope}.", "Use the service token.")
