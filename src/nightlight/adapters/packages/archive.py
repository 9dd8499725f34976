"""The package itself: a ZIP file of everything, written as it is read, and sealed with age for the agency alone.

The same package is the same ZIP, byte for byte: no time of writing, one order of members. For the IWF it is not sealed
and holds the form alone.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nightlight.adapters.age import check_recipient, seal_stream
from nightlight.adapters.packages.content import iwf_addresses
from nightlight.adapters.packages.csv_file import addresses_csv
from nightlight.adapters.packages.document import document_json, package_document
from nightlight.adapters.packages.package import (
    ADDRESSES,
    BUNDLE,
    CONVERSATION,
    DOCUMENT,
    MANIFEST,
    PAGES,
    Package,
    require_package,
)
from nightlight.adapters.packages.pdf import package_pdf
from nightlight.adapters.pulled import pulled
from nightlight.errors import RefusedError
from nightlight.flows.prepare_report import PreparedFile
from nightlight.model.draft import AgencyKind
from nightlight.ports import Sink

#: The bytes of a file, in pieces: ``flows.prepare_report.Preparation.content``.
Read = Callable[[PreparedFile], Iterator[bytes]]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: ZIP knows no time before.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a package: ``size`` in bytes, ``sha256`` 32 bytes."""

    name: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """``expected``: the digest that the document says it has, None where it says none."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]
    expected: bytes | None = None


def write_package(package: Package, read: Read, out: Sink) -> tuple[Member, ...]:
    """Writes the package and says what is in it, in its order. Memory does not grow with the files.

    Sealed for the agency's recipient, for the IWF a plain ZIP. Where it raises, what was written is no package:
    ``RefusedError``: ``no_package``, ``recipient_missing``, ``recipient_malformed``, ``file_changed``, ``name_unsafe``
    and what ``read`` refuses. ``UnavailableError('pages_unavailable')``.
    """
    require_package(package.kind)
    members: list[Member] = []
    if package.kind is AgencyKind.IWF:
        _write_zip(_parts(package, read), members, out, manifest=False)
        return tuple(members)
    _require_recipient(package.referral.agency.recipient)
    parts = _parts(package, read)
    chunks = pulled(lambda sink: _write_zip(parts, members, sink, manifest=True))
    try:
        seal_stream(chunks, package.referral.agency.recipient, out)
    finally:
        chunks.close()
    return tuple(members)


def _require_recipient(recipient: str) -> None:
    if not recipient:
        raise RefusedError(
            "recipient_missing",
            "There is no key of this agency to seal the package to.",
            "Ask the agency for its age recipient, and add the agency again with --recipient.",
        )
    check_recipient(recipient)


def _parts(package: Package, read: Read) -> list[_Part]:
    files = [] if package.kind is AgencyKind.IWF else [_part_of(file, read) for file in package.prepared.files]
    document = package_document(package)
    parts = [_held(DOCUMENT, document_json(document)), _held(PAGES, package_pdf(document))]
    if package.kind is AgencyKind.IWF:
        return [*parts, _held(ADDRESSES, addresses_csv(iwf_addresses(package.prepared.draft)))]
    parts += files
    if package.bundle:
        parts.append(_held(BUNDLE, package.bundle))
    return parts


def _held(name: str, data: bytes) -> _Part:
    return _Part(name, len(data), lambda: (data,))


def _part_of(file: PreparedFile, read: Read) -> _Part:
    if not _NAME.fullmatch(file.name):
        raise RefusedError("name_unsafe", "A file of the package has a name that no package carries.")
    if file.attachment is None:
        return _Part(CONVERSATION, len(file.text), lambda: read(file), hashlib.sha256(file.text).digest())
    digests = file.attachment.digests
    return _Part(
        f"files/{file.name}", digests.size if digests else 0, lambda: read(file), digests.sha256 if digests else None
    )


def _write_zip(parts: Iterable[_Part], members: list[Member], out: Sink, *, manifest: bool) -> None:
    sink = _Unseekable(out)
    archive = zipfile.ZipFile(sink, "w")  # type: ignore[call-overload]
    try:
        members.extend(_write(archive, part) for part in parts)
        if manifest:
            lines = "".join(f"{member.sha256.hex()}  {member.name}\n" for member in members)
            members.append(_write(archive, _held(MANIFEST, lines.encode())))
    except BaseException:
        # What is closed, be it by the garbage collector, gets a directory, and would pass for whole.
        sink.broken = True
        raise
    archive.close()


def _write(archive: zipfile.ZipFile, part: _Part) -> Member:
    info = zipfile.ZipInfo(part.name, _NO_TIME)
    # Compressed throughout: readers that work in one pass find no end of a member that is only stored.
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system, info.external_attr = 3, 0o100600 << 16
    info.file_size = part.size
    digest, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=part.size >= 2**31) as member:
        for chunk in part.chunks():
            digest.update(chunk)
            size += len(chunk)
            member.write(chunk)
    if part.expected is not None and digest.digest() != part.expected:
        raise RefusedError(
            "file_changed",
            "A file is not the one that the referral describes: its digest is another.",
            "Find out who could write to the vault.",
        )
    return Member(part.name, size, digest.digest())


class _Unseekable:
    """A sink as the file that ``zipfile`` writes to: forwards only."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self.broken = False

    def write(self, data: bytes, /) -> int:
        if not self.broken:
            self._out.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        return None
