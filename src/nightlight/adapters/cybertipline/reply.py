"""The service's answers: two small XML documents, read without DTD and entities, and what each code asks us to do.

``reportResponse{responseCode, responseDescription, reportId?, fileId?, hash?}`` and, to ``/finish``,
``reportDoneResponse{responseCode, reportId, files/fileId*}``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem

ANSWER_BYTES_MAX = 262_144
_WORDS_MAX = 300
_FILES_MAX = 10_000
_REPORT_ID = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_CODE = re.compile(r"[0-9]{1,6}\Z", re.ASCII)
_FILE_ID = re.compile(r"[0-9A-Za-z._:-]{1,200}\Z", re.ASCII)
_MD5 = re.compile(r"[0-9A-Fa-f]{32}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a response code says, what we do about it, and whether the service did what was asked."""

    words: str
    outcome: Outcome
    acted: Acted


#: Every documented code. Of a failure inside of the service nobody can tell how far it had got.
CODES: dict[int, Meaning] = {
    0: Meaning("Success", Outcome.OK, Acted.YES),
    1000: Meaning("Server error", Outcome.RETRY, Acted.UNKNOWN),
    1100: Meaning("Save failed", Outcome.RETRY, Acted.UNKNOWN),
    1110: Meaning("Upload failed", Outcome.RETRY, Acted.UNKNOWN),
    1111: Meaning("File upload failed", Outcome.RETRY, Acted.UNKNOWN),
    1210: Meaning("Resource not found", Outcome.REFUSED, Acted.NO),
    1300: Meaning("Update failed", Outcome.RETRY, Acted.UNKNOWN),
    2000: Meaning("Authentication required", Outcome.FIX_CREDENTIALS, Acted.NO),
    3000: Meaning("Not authorized", Outcome.FIX_CREDENTIALS, Acted.NO),
    3100: Meaning("Not authorized to submit reports", Outcome.FIX_CREDENTIALS, Acted.NO),
    3300: Meaning("Not authorized to change reports", Outcome.FIX_CREDENTIALS, Acted.NO),
    4000: Meaning("Invalid request", Outcome.REFUSED, Acted.NO),
    4100: Meaning("Validation failed", Outcome.FIX_DOCUMENT, Acted.NO),
    4110: Meaning("Malformed XML", Outcome.FIX_DOCUMENT, Acted.NO),
    4200: Meaning("Malformed file", Outcome.REFUSED, Acted.NO),
    5001: Meaning("Report does not exist", Outcome.REPORT_GONE, Acted.NO),
    5002: Meaning("File does not exist", Outcome.REPORT_GONE, Acted.NO),
    5101: Meaning("Report already retracted", Outcome.ALREADY_RETRACTED, Acted.NO),
    5102: Meaning("Report already finished", Outcome.ALREADY_FINISHED, Acted.NO),
}

_UNDOCUMENTED = Meaning("The service answers with a code that is not documented", Outcome.REFUSED, Acted.UNKNOWN)


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
    meaning = CODES.get(int(code), _UNDOCUMENTED)
    if meaning.outcome is Outcome.OK and not 200 <= status < 300:
        return _nonsense(request_id, f"The service says that all is well, with status {status}.")
    said = _plain(texts.get("responseDescription", "")) or meaning.words
    description = said if meaning.outcome is Outcome.OK else f"{meaning.words} ({code})."
    if meaning.outcome is not Outcome.OK and said != meaning.words:
        description = f"{description} The agency says: {said}"
    report_id = texts.get("reportId", "")
    file_id, md5 = texts.get("fileId", ""), texts.get("hash", "")
    return AgencyReply(
        outcome=meaning.outcome,
        acted=meaning.acted,
        description=description,
        code=int(code),
        report_id=int(report_id) if _REPORT_ID.match(report_id) else None,
        file_id=file_id if _FILE_ID.match(file_id) else "",
        md5=bytes.fromhex(md5) if _MD5.match(md5) else b"",
        file_ids=_file_ids(root),
        request_id=request_id,
    )


_ROOTS = ("reportResponse", "reportDoneResponse")


def _root(body: bytes) -> etree._Element | None:
    """The document element; None for what is no XML, or carries a DTD, with which it could name entities."""
    if not body or len(body) > ANSWER_BYTES_MAX:
        return None
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return None if root.getroottree().docinfo.internalDTD is not None else root


def _file_ids(root: etree._Element) -> tuple[str, ...]:
    found: list[str] = []
    for files in root:
        if isinstance(files.tag, str) and etree.QName(files).localname == "files":
            for child in files:
                text = (child.text or "").strip()
                if len(found) < _FILES_MAX and _FILE_ID.match(text):
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
