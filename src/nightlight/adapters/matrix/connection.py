"""One HTTP connection pool to the configured homeserver, and to no other place."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    """Status and JSON object of one answer."""

    status: int
    body: dict[str, Any]


class Connection:
    """Sends requests. Safe to use from many threads. ``timeout`` in seconds, for each phase of one request.

    One thread at a time uses a connection, and the one used last is used next: a pool shared by 40 threads costs three
    times as much for each call, because every request walks over all connections under one lock.
    """

    def __init__(self, base_url: str, token: str, timeout: float) -> None:
        try:
            url = urlsplit(base_url)
            usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
        except ValueError as e:
            raise RefusedError("homeserver_url", f"The homeserver's address is not a URL: {e}.") from None
        if not usable or url.query or url.fragment:
            raise RefusedError("homeserver_url", "The homeserver's address must start with http:// or https://.")
        if not (token.isascii() and token.isprintable()):
            raise RefusedError("homeserver_token", "The homeserver's access token holds characters that none has.")
        self._base = base_url.rstrip("/")
        # httpcore, the transport beneath httpx: no redirects, no proxies, no cookies, and half the cost of a call.
        # Without TLS it is not used, and would trust nobody: reading the system's certificates takes long.
        secure = url.scheme == "https"
        self._tls = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._idle: deque[httpcore.ConnectionPool] = deque()
        self._timeout = timeout
        self._extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}
        self._authorization = {"Authorization": f"Bearer {token}"}

    def as_admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A request with our admin token. ``UnavailableError`` if the homeserver does not accept that token."""
        answer = self.send(method, path, body, self._authorization)
        if answer.status in (401, 403):
            raise UnavailableError(
                "homeserver_refuses_us",
                "The homeserver does not accept Nightlight's access token, or the account is no server admin. "
                "Check NIGHTLIGHT_HOMESERVER_TOKEN_FILE.",
            )
        return answer

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer; 429 and 5xx, silence and nonsense are ``UnavailableError``."""
        try:
            status, data = self._exchange(
                method,
                self._base + path,
                [*_HEADERS, *(headers or {}).items()],
                None if body is None else json.dumps(body).encode(),
            )
        except _TRANSPORT_ERRORS as e:
            raise UnavailableError(
                "homeserver_unreachable", f"The homeserver does not answer ({type(e).__name__})."
            ) from None
        if status == 429 or status >= 500:
            raise UnavailableError("homeserver_busy", f"The homeserver answers with status {status}.")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise UnavailableError("homeserver_nonsense", "The homeserver's answer is not JSON.") from None
        if not isinstance(value, dict):
            raise UnavailableError("homeserver_nonsense", "The homeserver's answer is not a JSON object.")
        return Answer(status, value)

    def download(self, path: str, bytes_max: int, seconds_max: float) -> Iterator[bytes | Answer]:
        """The body of one answer, as it arrives: of status 200 in chunks, of any other as one ``Answer``.

        ``RefusedError('media_too_large')`` as soon as it is more than ``bytes_max``; ``UnavailableError`` for silence,
        429 and 5xx, an answer cut short, and one that is not whole after ``seconds_max``.
        """
        deadline = time.monotonic() + seconds_max
        headers = [("Accept", "*/*"), ("User-Agent", "nightlight"), *self._authorization.items()]
        try:
            with self._response("GET", self._base + path, headers, None) as response:
                if response.status == 200:
                    yield from _limited(response, bytes_max, deadline)
                    return
                data = _bounded(response, min(deadline, time.monotonic() + self._timeout))
        except _TRANSPORT_ERRORS as e:
            raise UnavailableError(
                "homeserver_unreachable", f"The homeserver does not answer ({type(e).__name__})."
            ) from None
        if response.status == 429 or response.status >= 500:
            raise UnavailableError("homeserver_busy", f"The homeserver answers with status {response.status}.")
        yield Answer(response.status, _object_or_nothing(data))

    def close(self) -> None:
        """Closes what is idle; call it when no request is under way."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(
        self, method: str, url: str, headers: list[tuple[str, str]], content: bytes | None
    ) -> tuple[int, bytes]:
        deadline = time.monotonic() + self._timeout
        with self._response(method, url, headers, content) as response:
            return response.status, _bounded(response, deadline)

    @contextmanager
    def _response(
        self, method: str, url: str, headers: list[tuple[str, str]], content: bytes | None
    ) -> Iterator[httpcore.Response]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = httpcore.ConnectionPool(ssl_context=self._tls, max_connections=1)
        try:
            with connection.stream(
                method, url, headers=headers, content=content, extensions=self._extensions
            ) as response:
                yield response
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)


_HEADERS = [("Accept", "application/json"), ("Content-Type", "application/json"), ("User-Agent", "nightlight")]

_TRANSPORT_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
)


def _bounded(response: httpcore.Response, deadline: float) -> bytes:
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > ANSWER_BYTES_MAX:
            raise UnavailableError(
                "homeserver_nonsense", f"The homeserver's answer is larger than {ANSWER_BYTES_MAX:,} bytes."
            )
        if time.monotonic() > deadline:
            raise UnavailableError("homeserver_unreachable", "The homeserver's answer takes too long to arrive.")
    return bytes(data)


def _limited(response: httpcore.Response, bytes_max: int, deadline: float) -> Iterator[bytes]:
    headers = {name.lower(): value for name, value in response.headers}
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise UnavailableError("homeserver_nonsense", "The homeserver packs media in a way that was not asked for.")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    size = 0
    for chunk in response.iter_stream():
        size += len(chunk)
        if size > bytes_max:
            raise _too_large(bytes_max)
        if time.monotonic() > deadline:
            raise UnavailableError("media_slow", "The file takes too long to arrive.")
        yield chunk


def _too_large(bytes_max: int) -> RefusedError:
    return RefusedError("media_too_large", f"The file is larger than {bytes_max:,} bytes.")


def _object_or_nothing(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
