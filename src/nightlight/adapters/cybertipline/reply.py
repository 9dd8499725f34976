"""The service's answers: two small XML documents, read without DTD and entities, and what each code asks us to do.

``reportResponse{responseCode, responseDescription, reportId?, fileId?, hash?}`` and, to ``/finish``,
``reportDoneResponse{responseCode, reportId, files/fileId*}``.
"""

from __future__ import annotations

import re

from lxml import etree

from nightlight.adapters.cybertipline.codes import CODES, ResponseCode, response_code
from nightlight.adapters.cybertipline.schema import NoXmlError, parse
from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem

ANSWER_BYTES_MAX = 262_144
_WORDS_MAX = 300
_FILES_MAX = 10_000
_REPORT_ID = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_CODE = re.compile(r"[0-9]{1,6}\Z", re.ASCII)
_FILE_ID = re.compile(r"[0-9A-Za-z._:-]{1,200}\Z", re.ASCII)
_MD5 = re.compile(r"[0-9A-Fa-f]{32}\Z", re.ASCII)


def read_reply(status: int, body: bytes, request_id: str = "") -> AgencyReply:
    """The answer as a value; what is none is ``nonsense``, by its HTTP status as far as that says something."""
    root = _root(body)
    if root is None or etree.QName(root).localname not in _ROOTS:
        return _without_document(status, request_id)
    texts: dict[str, str] = {}
    for child in root:
        if isinstance(child.tag, str):
            texts.setdefault(etree.QName(child).localname, (child.text or "").strip())
    code = texts.get("responseCode", "")
    if not _CODE.match(code):
        return _without_document(status, request_id)
    known = response_code(int(code))
    if known.outcome is Outcome.OK and not 200 <= status < 300:
        return _nonsense(request_id, f"The service says that all is well, with status {status}.")
    said = _plain(texts.get("responseDescription", ""))
    description = f"{known.meaning} (code {known.code})" + (f" The agency says: {said}" if said else "")
    report_id = texts.get("reportId", "")
    file_id, md5 = texts.get("fileId", ""), texts.get("hash", "")
    return AgencyReply(
        outcome=known.outcome,
        acted=_acted(known),
        description=description,
        code=known.code,
        report_id=int(report_id) if _REPORT_ID.match(report_id) else None,
        file_id=file_id if _FILE_ID.match(file_id) else "",
        md5=bytes.fromhex(md5) if _MD5.match(md5) else b"",
        file_ids=_file_ids(root),
        request_id=request_id,
    )


def _acted(known: ResponseCode) -> Acted:
    """Of a failure inside of the service, and of a code that nobody knows, it cannot be told how far it had got."""
    if known.outcome is Outcome.OK:
        return Acted.YES
    return Acted.UNKNOWN if known.outcome is Outcome.RETRY or known.code not in CODES else Acted.NO


_ROOTS = ("reportResponse", "reportDoneResponse")


def _root(body: bytes) -> etree._Element | None:
    """The document element; None for what is no XML, or carries a DTD, with which it could name entities."""
    try:
        root: etree._Element = parse(body, ANSWER_BYTES_MAX)
    except NoXmlError:
        return None
    return root


def _file_ids(root: etree._Element) -> tuple[str, ...]:
    found: list[str] = []
    for files in root:
        if isinstance(files.tag, str) and etree.QName(files).localname == "files":
            for child in files:
                text = (child.text or "").strip()
                if isinstance(child.tag, str) and len(found) < _FILES_MAX and _FILE_ID.match(text):
                    found.append(text)
    return tuple(found)


def _without_document(status: int, request_id: str) -> AgencyReply:
    if status in (401, 403):
        return AgencyReply(
            Outcome.FIX_CREDENTIALS,
            Acted.NO,
            f"The service does not accept our user name and password (status {status}).",
            problem=Problem.CREDENTIALS,
            request_id=request_id,
        )
    if 300 <= status < 400:
        return AgencyReply(
            Outcome.RETRY,
            Acted.UNKNOWN,
            f"The service sends us elsewhere (status {status}); Nightlight goes nowhere but to the address it was set.",
            problem=Problem.REDIRECT,
            request_id=request_id,
        )
    if status == 429 or status >= 500:
        return AgencyReply(
            Outcome.RETRY,
            Acted.NO if status == 429 else Acted.UNKNOWN,
            f"The service answers with status {status}.",
            problem=Problem.BUSY,
            request_id=request_id,
        )
    return _nonsense(request_id, f"The answer (status {status}) is none that the service is known to give.")


def _nonsense(request_id: str, words: str) -> AgencyReply:
    return AgencyReply(Outcome.NONSENSE, Acted.UNKNOWN, words, request_id=request_id)


def _plain(text: str) -> str:
    """Somebody else's words in one line, bounded, without anything that is no character to read."""
    line = " ".join(text.split())
    return "".join(char for char in line if char.isprintable())[:_WORDS_MAX]
