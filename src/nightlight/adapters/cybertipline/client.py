"""The calls of the CyberTipline's reporting interface. Every answer, and every lack of one, becomes a typed reply.

A connection serves one call: on one that was kept open, a call could fail because the service was just closing it, and
nobody could tell whether it had acted.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from nightlight.adapters.cybertipline.reply import ANSWER_BYTES_MAX, read_reply
from nightlight.errors import RefusedError, UnavailableError
from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem

SCHEMA_BYTES_MAX = 4_194_304
_XML = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml, application/xml"}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_REQUEST_ID_CHARS = 200
_NAME_BYTES = 255

#: User name and password, looked up for every call.
Credentials = Callable[[], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TiplineTimes:
    """In seconds. ``connect``, ``read``, ``write``: without anything happening. ``call``: a whole call.

    ``upload``: a whole upload, however large the file.
    """

    connect: float = 10.0
    read: float = 60.0
    write: float = 60.0
    call: float = 120.0
    upload: float = 43_200.0


class CredentialsFile:
    """A file with the user name in its first line and the password in its second, read anew for every call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> tuple[str, str]:
        """``RefusedError('credentials_unreadable')``; nothing of what stands in the file is said."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            lines = []
        if len(lines) < 2 or not lines[0].strip() or not lines[1].strip() or ":" in lines[0]:
            raise RefusedError(
                "credentials_unreadable",
                f"{self._path} does not hold a user name and a password, a line each.",
                "The agency issues both.",
            )
        return lines[0].strip(), lines[1].strip()


class TiplineClient:
    """Implements ``nightlight.ports.ReportingService``. ``base_url``: for instance ``https://…/ispws``.

    ``roots``: a file of certificates to trust instead of the system's.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        times: TiplineTimes | None = None,
        roots: Path | None = None,
    ) -> None:
        self._base = _checked(base_url)
        self._credentials = credentials
        self._times = times or TiplineTimes()
        if self._base.startswith("https:"):
            tls = ssl.create_default_context(cafile=None if roots is None else str(roots))
        else:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and would trust nobody: loading roots takes long
        limits = self._times
        self._http = httpx.Client(
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.write, pool=limits.connect),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=0),
            headers={"User-Agent": "nightlight", "Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        self._http.close()

    def status(self) -> AgencyReply:
        """Whether the service is there and takes our credentials."""
        return self._asked("GET", "/status")

    def schema(self) -> bytes:
        """The service's own schema, as it is today, unread. ``UnavailableError`` by the name of what went wrong."""
        reply, body = self._exchange("GET", "/xsd", {}, SCHEMA_BYTES_MAX)
        if body is None:
            raise UnavailableError(reply.error_code, reply.description)
        return body

    def submit(self, document: bytes) -> AgencyReply:
        reply = self._asked("POST", "/submit", content=document, headers=_XML)
        if reply.outcome is Outcome.OK and reply.report_id is None:
            return _unlike(reply, "The service opened a report and does not say which.")
        return reply

    def upload(self, report_id: int, name: str, content: Iterable[bytes]) -> AgencyReply:
        source = _Source(content)
        if not _can_be_sent(name):
            source.end()
            return AgencyReply(Outcome.REFUSED, Acted.NO, "The file's name cannot be sent, so the file was not.")
        form: dict[str, Any] = {
            "data": {"id": str(report_id)},
            "files": {"file": (name, source, "application/octet-stream")},
        }
        try:
            reply = self._asked("POST", "/upload", seconds=self._times.upload, **form)
        finally:
            source.end()
        if reply.outcome is not Outcome.OK:
            # A form without its end cannot have been taken for a file.
            broken_off = reply.code is None and reply.acted is Acted.UNKNOWN and not source.exhausted
            return replace(reply, acted=Acted.NO) if broken_off else reply
        if (wrong := _wrong_report(reply, report_id)) is not None:
            return wrong
        if not reply.file_id or len(reply.md5) != 16:
            return _unlike(reply, "The service took a file and does not say as which.")
        if not source.exhausted or not hmac.compare_digest(reply.md5, source.md5):
            damaged = "The agency has the file with other bytes than those that were sent."
            return replace(reply, outcome=Outcome.RETRY, problem=Problem.FILE_DAMAGED, description=damaged)
        return reply

    def describe(self, report_id: int, document: bytes) -> AgencyReply:
        reply = self._asked("POST", "/fileinfo", content=document, headers=_XML)
        return _wrong_report(reply, report_id) or reply

    def finish(self, report_id: int) -> AgencyReply:
        reply = self._asked("POST", "/finish", data={"id": str(report_id)})
        if reply.outcome is Outcome.OK and reply.report_id is None:
            return _unlike(reply, "The service finished a report and does not say which.")
        return _wrong_report(reply, report_id) or reply

    def retract(self, report_id: int) -> AgencyReply:
        reply = self._asked("POST", "/retract", data={"id": str(report_id)})
        return _wrong_report(reply, report_id) or reply

    def _asked(self, method: str, path: str, *, seconds: float | None = None, **sent: Any) -> AgencyReply:
        reply, _ = self._exchange(method, path, sent, ANSWER_BYTES_MAX, seconds)
        return reply

    def _exchange(
        self, method: str, path: str, sent: Mapping[str, Any], bytes_max: int, seconds: float | None = None
    ) -> tuple[AgencyReply, bytes | None]:
        """The reply, and the body where its status is 200."""
        try:
            user, password = self._credentials()
        except RefusedError as e:
            return AgencyReply(Outcome.FIX_CREDENTIALS, Acted.NO, e.message, problem=Problem.CREDENTIALS), None
        try:
            with _deadline(self._times.call if seconds is None else seconds) as deadline:
                try:
                    with self._http.stream(
                        method,
                        self._base + path,
                        auth=httpx.BasicAuth(user, password),
                        extensions={"trace": deadline.trace},
                        **sent,
                    ) as response:
                        body = bytearray()
                        for chunk in response.iter_raw():
                            body += chunk
                            if len(body) > bytes_max:
                                request_id = _request_id(response)
                                return _too_long(request_id), None
                except httpx.HTTPError:
                    if deadline.passed:
                        raise httpx.ReadTimeout("the call took too long") from None
                    raise
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            return _unanswered(e), None
        reply = read_reply(response.status_code, bytes(body), _request_id(response))
        return reply, bytes(body) if response.status_code == 200 else None


class _Source(io.RawIOBase):
    """What is uploaded, as a file that can be read once; digests what goes by. Holds one chunk at a time."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = content
        self._chunks: Iterator[bytes] = iter(content)
        self._rest = memoryview(b"")
        self._digest = hashlib.md5(usedforsecurity=False)  # the interface asks for it (``hash``)
        self.exhausted = False

    @property
    def md5(self) -> bytes:
        return self._digest.digest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.exhausted = True
                return 0
            self._digest.update(chunk)
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def end(self) -> None:
        """What the content holds open is given back, also where nobody read to its end."""
        getattr(self._content, "close", lambda: None)()


class _Deadline:
    """Cuts the connection of one call when its time is over. httpx itself bounds only the silence between two bytes."""

    def __init__(self) -> None:
        self.passed = False
        self._handle: int | None = None
        self._lock = threading.Lock()

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """httpx's trace extension: here the socket can be had as soon as there is one."""
        if name != "connection.connect_tcp.complete":
            return
        connected = info["return_value"].get_extra_info("socket")
        with self._lock:
            # A handle of our own: TLS wraps the socket afterwards, and it may be closed before the time is over.
            self._handle = os.dup(connected.fileno())

    def cut(self) -> None:
        with self._lock:
            self.passed = True
            if self._handle is not None:
                with suppress(OSError), socket.socket(fileno=os.dup(self._handle)) as ours:
                    ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline()
    timer = threading.Timer(seconds, deadline.cut)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
        deadline.close()


def _checked(base_url: str) -> str:
    """``RefusedError('agency_url')`` for what our credentials must not be sent to."""
    try:
        url = urlsplit(base_url)
        safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
        usable = safe and url.hostname and url.port != 0 and not (url.query or url.fragment or url.username)
    except ValueError:
        usable = False
    if not usable:
        raise RefusedError(
            "agency_url",
            "The reporting service's address must start with https://.",
            "Only a training service on this machine may be asked by http://.",
        )
    return base_url.rstrip("/")


def _can_be_sent(name: str) -> bool:
    """Whether it is a name at all, and text: a lone surrogate is half a character, which no encoding carries."""
    try:
        return 0 < len(name.encode("utf-8")) <= _NAME_BYTES
    except UnicodeEncodeError:
        return False


def _unanswered(e: httpx.HTTPError | httpx.InvalidURL) -> AgencyReply:
    """Why there is no answer, and whether it may have been acted on all the same."""
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(e)) and isinstance(e, httpx.ConnectError):
        certificate = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(e))
        words = (
            "The service's certificate is not one that we trust." if certificate else "There is no secure connection."
        )
        return AgencyReply(Outcome.RETRY, Acted.NO, words, problem=Problem.CERTIFICATE)
    if isinstance(e, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol):
        words = f"The service cannot be reached ({type(e).__name__})."
        return AgencyReply(Outcome.RETRY, Acted.NO, words, problem=Problem.UNREACHABLE)
    if isinstance(e, httpx.TimeoutException):
        words = "The service did not answer in time."
        return AgencyReply(Outcome.RETRY, Acted.UNKNOWN, words, problem=Problem.TIMEOUT)
    words = f"The connection broke off before there was a whole answer ({type(e).__name__})."
    return AgencyReply(Outcome.RETRY, Acted.UNKNOWN, words, problem=Problem.CUT_SHORT)


def _causes(e: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = e
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _wrong_report(reply: AgencyReply, report_id: int) -> AgencyReply | None:
    if reply.outcome is not Outcome.OK or reply.report_id in (None, report_id):
        return None
    words = f"The service answers about another report ({reply.report_id}) than it was asked about."
    return replace(
        reply, outcome=Outcome.NONSENSE, acted=Acted.UNKNOWN, problem=Problem.WRONG_REPORT, description=words
    )


def _unlike(reply: AgencyReply, words: str) -> AgencyReply:
    return replace(reply, outcome=Outcome.NONSENSE, acted=Acted.UNKNOWN, description=words)


def _too_long(request_id: str) -> AgencyReply:
    return AgencyReply(Outcome.NONSENSE, Acted.UNKNOWN, "The service's answer is far too long.", request_id=request_id)


def _request_id(response: httpx.Response) -> str:
    text = response.headers.get("Request-ID", "")
    return "".join(char for char in text if char.isascii() and char.isprintable())[:_REQUEST_ID_CHARS]
