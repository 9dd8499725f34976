"""What a file is, by its first bytes and its inside; never by its name."""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from pathlib import Path

from nightlight.errors import RefusedError

HEAD_BYTES = 65_536


class FileKind(StrEnum):
    TEXT = "text"
    ZIPPED = "zipped workbook"
    OLD = "old workbook"


_ENDS = "Save the table as CSV or XLSX, and name that file."
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n", "file_is_image", "a picture (PNG)"),
    (b"\xff\xd8\xff", "file_is_image", "a picture (JPEG)"),
    (b"GIF8", "file_is_image", "a picture (GIF)"),
    (b"BM", "file_is_image", "a picture (BMP)"),
    (b"II*\x00", "file_is_image", "a picture (TIFF)"),
    (b"MM\x00*", "file_is_image", "a picture (TIFF)"),
    (b"{\\rtf", "file_is_document", "a text document (RTF)"),
    (b"\x1f\x8b", "file_is_packed", "packed (gzip)"),
    (b"BZh", "file_is_packed", "packed (bzip2)"),
    (b"7z\xbc\xaf\x27\x1c", "file_is_packed", "packed (7z)"),
    (b"Rar!", "file_is_packed", "packed (RAR)"),
    (b"\xfd7zXZ\x00", "file_is_packed", "packed (xz)"),
    (b"\x28\xb5\x2f\xfd", "file_is_packed", "packed (zstd)"),
    (b"PAR1", "file_is_binary", "a Parquet file"),
    (b"SQLite format 3\x00", "file_is_binary", "a database (SQLite)"),
)
_HINTS = {
    "file_is_image": "Type the figures into a table, or ask the force for one.",
    "file_is_document": "Copy the table out of it into a spreadsheet, and save that as CSV or XLSX.",
    "file_is_packed": "Unpack it, and name the files inside.",
    "file_is_binary": _ENDS,
}
_PAGE = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|table|meta|div)\b", re.IGNORECASE | re.DOTALL
)
_XML = re.compile(rb"\s*<(?:\?xml|[a-z][\w:.-]*[\s>])", re.IGNORECASE)


def kind_of(path: Path) -> FileKind:
    """``RefusedError``: ``file_unreadable``, ``file_empty``, ``file_is_…`` says what it is and what to do."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as e:
        raise RefusedError("file_unreadable", f"{path} cannot be read: {e.strerror}.") from None
    if not head.strip(b"\x00 \t\r\n") or head.strip() in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise RefusedError("file_empty", f"{path} is empty.", "Ask the force to send it again.")
    if b"%PDF-" in head[:1024]:
        raise RefusedError("file_is_pdf", f"{path} is a PDF, whatever its name says.", _HINTS["file_is_document"])
    for beginning, code, what in _BEGINNINGS:
        if head.startswith(beginning) and not (beginning == b"BM" and b"\x00" not in head[:64]):
            raise RefusedError(code, f"{path} is {what}.", _HINTS[code])
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zipped(path)
    if head.startswith(_OLE):
        return _old(path)
    _check_text(path, head)
    return FileKind.TEXT


def _check_text(path: Path, head: bytes) -> None:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    plain = head.decode("utf-16", "replace").encode() if wide else head.removeprefix(codecs.BOM_UTF8)
    if _PAGE.match(plain):
        raise RefusedError("file_is_page", f"{path} is a web page (HTML), whatever its name says.", _ENDS)
    if _XML.match(plain):
        raise RefusedError("file_is_xml", f"{path} is XML.", "Open it in a spreadsheet program and save it as XLSX.")
    if b"\x00" in plain:
        raise RefusedError("file_is_binary", f"{path} is no text and no workbook.", _ENDS)


def _zipped(path: Path) -> FileKind:
    """Looks for the names of parts only. How large it all is, is checked where it is unpacked."""
    names = _first_names(path)
    if "xl/workbook.xml" in names or "content.xml" in names:
        return FileKind.ZIPPED
    if "xl/workbook.bin" in names:
        raise RefusedError("file_is_xlsb", f"{path} is a binary workbook (XLSB).", "Save it as XLSX.")
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise RefusedError("file_is_document", f"{path} is a document, not a workbook.", _HINTS["file_is_document"])
    raise RefusedError("file_is_packed", f"{path} is packed (ZIP).", _HINTS["file_is_packed"])


def _first_names(path: Path) -> frozenset[str]:
    """The names in the directory at the end, without reading a directory of any size into memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4 * HEAD_BYTES))
        tail = file.read()
    wanted = (b"xl/workbook.xml", b"xl/workbook.bin", b"content.xml", b"word/document.xml", b"ppt/presentation.xml")
    return frozenset(name.decode() for name in wanted if name in tail)


def _old(path: Path) -> FileKind:
    """OLE: an XLS, or the envelope around an encrypted XLSX."""
    with path.open("rb") as file:
        data = file.read(2**26)
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise encrypted(str(path))
    if "Workbook".encode("utf-16-le") in data or "Book".encode("utf-16-le") in data:
        return FileKind.OLD
    raise RefusedError("file_is_document", f"{path} is no workbook: an old document or a mail.", _ENDS)


def encrypted(name: str) -> RefusedError:
    return RefusedError(
        "file_is_encrypted", f"{name} is encrypted.", "Open it with its password, and save it without one."
    )
