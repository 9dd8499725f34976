"""One HTTP connection pool to the configured homeserver, and to no other place."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from nightlight.errors import RefusedError, UnavailableError

#: The state of a very large room comes in one answer.
ANSWER_BYTES_MAX = 64 * 2**20

# At its finest level it logs whole addresses, and an OpenID token stands in one of them.
logging.getLogger("httpcore").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON object of one answer; an empty object where the body is something else."""

    status: int
    body: dict[str, Any]


class Connection:
    """Sends requests. Safe to use from many threads. ``timeout`` in seconds, for each phase of one request."""

    def __init__(self, base_url: str, token: str, timeout: float) -> None:
        url = urlsplit(base_url.rstrip("/"))
        if url.scheme not in ("http", "https") or not url.netloc or url.query or url.fragment:
            raise RefusedError("homeserver_url", "The homeserver's address must start with http:// or https://.")
        self._base = base_url.rstrip("/")
        # httpcore, the transport beneath httpx: no redirects, no proxies, no cookies, and half the cost of a call.
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=64, max_keepalive_connections=64
        )
        self._extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}
        self._authorization = {"Authorization": f"Bearer {token}"}

    def as_admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A request with our admin token. ``UnavailableError`` if the homeserver does not accept that token."""
        answer = self.send(method, path, body, self._authorization)
        if answer.status in (401, 403) and answer.body.get("errcode") in _NOT_ADMIN:
            raise UnavailableError(
                "homeserver_refuses_us",
                "The homeserver does not accept Nightlight's access token, or the account is no server admin.",
            )
        return answer

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer; 429 and 5xx, silence and nonsense are ``UnavailableError``."""
        try:
            with self._pool.stream(
                method,
                self._base + path,
                headers=[*_HEADERS, *(headers or {}).items()],
                content=None if body is None else json.dumps(body).encode(),
                extensions=self._extensions,
            ) as response:
                status = response.status
                data = _bounded(response)
        except _TRANSPORT_ERRORS as e:
            raise UnavailableError(
                "homeserver_unreachable", f"The homeserver does not answer ({type(e).__name__})."
            ) from None
        if status == 429 or status >= 500:
            raise UnavailableError("homeserver_busy", f"The homeserver answers with status {status}.")
        try:
            value = json.loads(data) if data else {}
        except (ValueError, RecursionError):
            raise UnavailableError("homeserver_nonsense", "The homeserver's answer is not JSON.") from None
        return Answer(status, value if isinstance(value, dict) else {})

    def close(self) -> None:
        self._pool.close()


#: Error codes of Synapse where our own sign-in is what is wrong, not what was asked.
_NOT_ADMIN = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_FORBIDDEN", "M_USER_LOCKED", "M_USER_SUSPENDED"})


_HEADERS = [("Accept", "application/json"), ("Content-Type", "application/json"), ("User-Agent", "nightlight")]

_TRANSPORT_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
)


def _bounded(response: httpcore.Response) -> bytes:
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > ANSWER_BYTES_MAX:
            raise UnavailableError(
                "homeserver_nonsense", f"The homeserver's answer is larger than {ANSWER_BYTES_MAX:,} bytes."
            )
    return bytes(data)
