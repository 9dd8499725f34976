"""A training service that behaves as the CyberTipline's reporting interface does, and sends nothing anywhere.

For the demo, for people who learn the referral desk, and for tests: HTTP Basic, numbers in sequence, MD5 answers,
validation, expiry, and faults that can be planned.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nightlight.adapters.cybertipline.codes import CODES
from nightlight.adapters.cybertipline.schema import NoXmlError, parse
from nightlight.demo.tipline_faults import BEFORE, CALLS, Fault, FaultKind, FaultPlan
from nightlight.demo.tipline_store import TiplineStore, TrainingReport, TrainingState
from nightlight.errors import RefusedError

DOCUMENT_BYTES_MAX = 16_777_216
_CHUNK = 1_048_576
_ID_DIGITS_MAX = 18

#: What it returns does not matter.
Validate = Callable[[bytes], object]


class CyberTipline:
    """An ASGI application, made for uvicorn: a dropped connection is cut at its transport.

    ``validate`` raises ``RefusedError`` for a document that does not fit the schema. ``schema``: what ``/xsd`` answers.
    """

    def __init__(
        self,
        folder: Path,
        credentials: tuple[str, str],
        validate: Validate,
        now: Callable[[], int],
        *,
        schema: bytes = b"",
        faults: Sequence[Fault] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = TiplineStore(folder / "training.sqlite3")
        self.faults = FaultPlan(faults)
        self.credentials = credentials
        #: Every call that was heard, in its order.
        self.heard: list[str] = []
        self._validate = validate
        self._now = now
        self._schema = schema

    def finished(self) -> list[TrainingReport]:
        """The reports that would be looked at: those that were finished, and no others."""
        return self.store.reports(TrainingState.FINISHED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        call = scope["path"].rstrip("/").rpartition("/")[2]
        fault = self.faults.next(call) if call in CALLS else None
        self.heard.append(call)
        if fault is not None and fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind in BEFORE:
            await _broken(fault, request, b"", scope, receive, send)
            return
        try:
            answer = await self._answer(request, call)
            if fault is not None and fault.kind is FaultKind.DUPLICATE:
                answer = await self._answer(request, call)
        except ClientDisconnect:
            return
        answer.headers["Request-ID"] = secrets.token_hex(8)
        if fault is not None and fault.kind not in (FaultKind.DELAY, FaultKind.DUPLICATE):
            await _broken(fault, request, bytes(answer.body), scope, receive, send)
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request, call: str) -> Response:
        method = "GET" if call in ("status", "xsd") else "POST"
        if call not in CALLS or request.method != method:
            return Response("not found", 404)
        if not self._knows(request.headers.get("authorization", "")):
            refusal = _response(2000)
            return Response(
                refusal.body, 401, {"WWW-Authenticate": 'Basic realm="training"'}, media_type="application/xml"
            )
        self.store.expire(self._now())
        match call:
            case "status":
                return _response(0)
            case "xsd":
                return Response(self._schema, media_type="application/xml")
            case "submit":
                return self._submit(await _bounded(request))
            case "fileinfo":
                return self._fileinfo(await _bounded(request))
            case "upload":
                return await self._upload(request)
            case _:
                return await self._end(request, call)

    def _knows(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        try:
            given = b64decode(token.strip(), validate=True) if scheme.lower() == "basic" else b""
        except ValueError:
            given = b""
        return hmac.compare_digest(given, ":".join(self.credentials).encode())

    def _submit(self, document: bytes | None) -> Response:
        refusal = self._checked(document, "report")
        if refusal is not None:
            return refusal
        return _response(0, report_id=self.store.open(document or b"", self._now()))

    def _checked(self, document: bytes | None, root_name: str) -> Response | None:
        root = None if document is None else _parsed(document)
        if root is None or document is None:
            return _response(4110)
        if etree.QName(root).localname != root_name:
            return _response(4100, f"The document is no {root_name}.")
        try:
            self._validate(document)
        except RefusedError as e:
            return _response(4100, e.message)
        return None

    def _fileinfo(self, document: bytes | None) -> Response:
        refusal = self._checked(document, "fileDetails")
        if refusal is not None or document is None:
            return refusal or _response(4110)
        root = _parsed(document)
        report_id, file_id = (_text(root, name) for name in ("reportId", "fileId"))
        report, refusal = self._open_report(report_id)
        if report is None:
            return refusal
        file = next((one for one in report.files if one.file_id == file_id), None)
        if file is None:
            return _response(5002)
        if file.details is not None:
            return _response(4000, "The details of this file were submitted before.")
        self.store.describe(report.report_id, file.file_id, document, self._now())
        return _response(0, report_id=report.report_id)

    async def _upload(self, request: Request) -> Response:
        try:
            form = await request.form(max_files=1, max_fields=1)
        except MultiPartException:
            return _response(4200)
        sent = form.get("file")
        report, refusal = self._open_report(str(form.get("id", "")))
        if report is None:
            return refusal
        if not isinstance(sent, UploadFile):
            return _response(4200)
        await sent.seek(0)  # it may have been read before, where the request came twice
        digest, size = hashlib.md5(usedforsecurity=False), 0
        while chunk := await sent.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
        file_id = secrets.token_hex(16)
        name = sent.filename or ""
        self.store.add_file(report.report_id, file_id, name, size, digest.digest(), self._now())
        return _response(0, report_id=report.report_id, file_id=file_id, md5=digest.hexdigest())

    async def _end(self, request: Request, call: str) -> Response:
        try:
            form = await request.form(max_files=0, max_fields=1)
        except MultiPartException:
            return _response(4000)
        report, refusal = self._open_report(str(form.get("id", "")))
        if report is None:
            return refusal
        if call == "retract":
            self.store.end(report.report_id, TrainingState.RETRACTED, self._now())
            return _response(0, report_id=report.report_id)
        self.store.end(report.report_id, TrainingState.FINISHED, self._now())
        files = "".join(f"<fileId>{file.file_id}</fileId>" for file in report.files)
        return _xml(
            f"<reportDoneResponse><responseCode>0</responseCode><reportId>{report.report_id}</reportId>"
            f"<files>{files}</files></reportDoneResponse>"
        )

    def _open_report(self, text: str) -> tuple[TrainingReport | None, Response]:
        """The report, if it is there and open; else what is to be said of it."""
        known = text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX
        report = self.store.report(int(text)) if known else None
        if report is None:
            return None, _response(5001)
        if report.state is TrainingState.RETRACTED:
            return None, _response(5101)
        if report.state is TrainingState.FINISHED:
            return None, _response(5102)
        return report, _response(0)


def _parsed(document: bytes) -> etree._Element | None:
    try:
        root: etree._Element = parse(document, DOCUMENT_BYTES_MAX)
    except NoXmlError:
        return None
    return root


def _text(root: etree._Element | None, name: str) -> str:
    for child in root if root is not None else ():
        if isinstance(child.tag, str) and etree.QName(child).localname == name:
            return (child.text or "").strip()
    return ""


async def _bounded(request: Request) -> bytes | None:
    data = bytearray()
    if hasattr(request, "_body"):
        return await request.body()
    async for chunk in request.stream():
        data += chunk
        if len(data) > DOCUMENT_BYTES_MAX:
            return None
    request._body = bytes(data)  # so that a request that comes twice can be read twice
    return bytes(data)


def _response(
    code: int, words: str = "", *, report_id: int | None = None, file_id: str = "", md5: str = ""
) -> Response:
    parts = [
        f"<responseCode>{code}</responseCode>",
        f"<responseDescription>{escape(words or CODES[code].meaning)}</responseDescription>",
        "" if report_id is None else f"<reportId>{report_id}</reportId>",
        f"<fileId>{file_id}</fileId>" if file_id else "",
        f"<hash>{md5}</hash>" if md5 else "",
    ]
    return _xml(f"<reportResponse>{''.join(parts)}</reportResponse>")


def _xml(text: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', media_type="application/xml")


_PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"


async def _broken(fault: Fault, request: Request, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers as the fault has it. ``body``: what the answer would have been."""
    match fault.kind:
        case FaultKind.DROP_BEFORE | FaultKind.DROP_AFTER:
            await _drop(receive)
            return
        case FaultKind.HALF_ANSWER:
            headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await _drop(receive)
            return
        case FaultKind.ERROR_500 | FaultKind.ERROR_500_AFTER:
            answer = Response("Internal Server Error", 500)
        case FaultKind.ERROR_503 | FaultKind.ERROR_503_AFTER:
            answer = Response("Service Unavailable", 503)
        case FaultKind.REDIRECT:
            answer = Response(status_code=302, headers={"Location": "http://192.0.2.1/elsewhere"})
        case FaultKind.WRONG_REPORT:
            answer = Response(_one_more(body), media_type="application/xml")
        case _:
            answer = Response(_PAGE, media_type="text/html")
    if fault.kind in BEFORE:
        await _read_away(request)
    await answer(scope, receive, send)


def _one_more(body: bytes) -> bytes:
    """The same answer about the next report."""
    before, opening, rest = body.partition(b"<reportId>")
    number, closing, after = rest.partition(b"</reportId>")
    return before + opening + str(int(number) + 1).encode() + closing + after if opening else body


async def _read_away(request: Request) -> None:
    try:
        async for _ in request.stream():
            pass
    except ClientDisconnect:
        return


async def _drop(receive: Receive) -> None:
    """Cuts the connection without another word, as a machine that dies does."""
    cycle = getattr(receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("a connection can be dropped under uvicorn only")
    # What was said so far still goes out; nothing follows it.
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
