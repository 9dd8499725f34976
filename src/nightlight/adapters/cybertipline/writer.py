"""Documents to XML: elements in the order of the schema, which the agency insists on, and nothing XML cannot carry."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from lxml import etree

from nightlight.adapters.cybertipline.contact import Address, EstimatedLocation, IpCaptureEvent
from nightlight.adapters.cybertipline.elements import Place, camel_case, layout
from nightlight.adapters.cybertipline.file_details import FileDetails, FileRelevance
from nightlight.adapters.cybertipline.incident import CellPhoneIncident
from nightlight.adapters.cybertipline.report import Report
from nightlight.errors import RefusedError
from nightlight.respond.country import country
from nightlight.respond.xml_text import xml_text

#: ``xs:int`` and ``xs:long`` (XML Schema part 2, 3.3.16 and 3.3.17).
_INT_MAX, _LONG_MAX = 2**31 - 1, 2**63 - 1
_LONGS = frozenset({"reportId", "priorCTReports", "priorCTReport"})
_TEXT_CHARS_MAX = 1_000_000
_NAME_CHARS_MAX = 255
_LATLONG = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{1,12})?\Z", re.ASCII)


def report_xml(report: Report) -> bytes:
    """The document of ``POST /submit``: UTF-8 with a declaration, the same report always the same bytes.

    ``RefusedError``: ``text_not_xml``, ``time_without_zone``, ``country_unknown``, ``value_malformed``; the message
    names the element, never its value.
    """
    return _bytes("report", report)


def file_details_xml(details: FileDetails) -> bytes:
    """The document of ``POST /fileinfo``. ``RefusedError`` as in ``report_xml``, and ``file_untrue``."""
    return _bytes("fileDetails", details)


def _bytes(tag: str, document: Any) -> bytes:
    root = etree.Element(tag)
    _fill(root, document, tag)
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written


def _fill(parent: Any, value: Any, path: str) -> None:
    kind: type = type(value)
    _CHECKS.get(kind, _nothing)(value, path)
    for name, tag, place in layout(kind):
        content = getattr(value, name)
        if content is None or (place is Place.FIXED and not content):
            continue
        here = f"{path}/{tag}"
        if place is Place.ATTRIBUTE:
            parent.set(tag, _plain(content, tag, f"{path}/@{tag}"))
        elif place is Place.TEXT:
            parent.text = _plain(content, tag, path)
        else:
            for one in content if isinstance(content, tuple) else (content,):
                _add(parent, tag, one, here)


def _add(parent: Any, tag: str, content: Any, path: str) -> None:
    child = etree.SubElement(parent, tag)
    if tag == "internetDetails":
        # The schema's choice: one element of the kind of incident inside.
        kind = camel_case(_snake(type(content).__name__))
        _fill(etree.SubElement(child, kind), content, f"{path}/{kind}")
    elif hasattr(type(content), "__dataclass_fields__"):
        _fill(child, content, path)
    else:
        child.text = _plain(content, tag, path)


def _plain(value: object, tag: str, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, int):
        if not 0 <= value <= (_LONG_MAX if tag in _LONGS else _INT_MAX):
            raise _malformed(path, "the number is not one that the schema can hold.")
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise RefusedError("time_without_zone", f"{path}: the time has no zone, so it is not known when that was.")
        moment = value.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S") + (
            f".{moment.microsecond // 1000:03}Z" if moment.microsecond >= 1000 else "Z"
        )
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        raise _malformed(path, f"a {type(value).__name__} cannot stand there.")
    if len(value) > _TEXT_CHARS_MAX:
        raise _malformed(path, f"it is longer than {_TEXT_CHARS_MAX:,} characters.")
    return xml_text(value, path)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


# What the types of the schema do not say


def _nothing(_value: Any, _path: str) -> None:
    """Most things are checked by their types and by the schema."""


def _capture(value: IpCaptureEvent, path: str) -> None:
    try:
        ipaddress.ip_address(value.ip_address)
    except ValueError:
        raise _malformed(f"{path}/ipAddress", "that is not an internet address.") from None
    if value.port is not None and not 0 <= value.port <= 65_535:
        raise _malformed(f"{path}/port", "there is no such port.")


def _address(value: Address, path: str) -> None:
    if value.country is not None:
        _country(value.country, f"{path}/country")


def _location(value: EstimatedLocation, path: str) -> None:
    if value.country_code is not None:
        _country(value.country_code, f"{path}/countryCode")


def _country(code: str, path: str) -> None:
    try:
        country(code)
    except RefusedError as e:
        raise RefusedError(e.code, f"{path}: {e.message}", e.hint) from None


def _telephone(value: CellPhoneIncident, path: str) -> None:
    for tag, given, most in (("latitude", value.latitude, 90), ("longitude", value.longitude, 180)):
        if given is not None and not (_LATLONG.match(given) and abs(float(given)) <= most):
            raise _malformed(f"{path}/{tag}", f"degrees from -{most} to {most} belong there.")


def _file(value: FileDetails, path: str) -> None:
    for reason in untruths(value):
        raise RefusedError("file_untrue", f"{path}: {reason}")
    for tag, name in (("fileName", value.file_name), ("originalFileName", value.original_file_name)):
        if name is not None and len(name) > _NAME_CHARS_MAX:
            raise _malformed(f"{path}/{tag}", f"a file name has at most {_NAME_CHARS_MAX} characters.")


def untruths(value: FileDetails) -> Iterator[str]:
    """Statements about a file that contradict each other; the agency's documentation, ``fileDetails``."""
    if value.exif_viewed_by_esp and not value.file_viewed_by_esp:
        yield "whoever looked at the EXIF data of a file looked at the file (exifViewedByEsp, fileViewedByEsp)."
    supplemental = value.file_relevance is FileRelevance.SUPPLEMENTAL_REPORTED
    if supplemental and value.industry_classification is not None:
        yield "a supplemental file carries no industryClassification."
    if value.potential_meme is not None and value.file_annotations is not None:
        yield "there is either potentialMeme or fileAnnotations, not both."


_CHECKS: dict[type, Any] = {
    IpCaptureEvent: _capture,
    Address: _address,
    EstimatedLocation: _location,
    CellPhoneIncident: _telephone,
    FileDetails: _file,
}


def _malformed(path: str, why: str) -> RefusedError:
    return RefusedError("value_malformed", f"{path}: {why}")
