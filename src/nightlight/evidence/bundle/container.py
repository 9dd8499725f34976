"""The bundle as a file: a ZIP of stored members that can be written in one way only.

Sorted names, no compression, no extra fields, one fixed time. The reader writes what it read again and compares: junk
before, between or after the members, another order, another compression, hidden or doubled members and anything else
that two unpackers could see differently is refused (APPNOTE.TXT 6.3.10 leaves a lot of it open).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from nightlight.errors import RefusedError


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """Bytes of the file, number of members, bytes of one member that is not an attachment."""

    file_bytes: int = 512 * 2**20
    members: int = 5_000
    member_bytes: int = 16 * 2**20


DEFAULT_LIMITS = BundleLimits()

#: Folders and files by a closed alphabet: no way up, no root, no drive, no empty part, no hidden file.
_NAME = re.compile(r"(?:[a-z0-9][a-z0-9-]{0,40}/)?[A-Za-z0-9][A-Za-z0-9-]{0,60}\.[a-z]{2,5}\Z")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def write_members(members: Mapping[str, bytes]) -> bytes:
    """The file. Same members, same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(members):
            if not _NAME.match(name):
                raise ValueError(f"no name for a member: {name}")
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name])
    return out.getvalue()


def read_members(data: bytes, limits: BundleLimits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """Every member by name, or ``RefusedError('bundle_malformed')``. Nothing is unpacked anywhere."""
    if len(data) > limits.file_bytes:
        raise malformed(f"it is larger than {limits.file_bytes:,} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check(infos, len(data), limits)
            members = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as e:
        raise malformed(f"it is no ZIP file, or a damaged one ({type(e).__name__})") from None
    except (OSError, UnicodeError, IndexError, KeyError, OverflowError, MemoryError) as e:
        raise malformed(f"it is a damaged ZIP file ({type(e).__name__})") from None
    if write_members(members) != data:
        raise malformed("it was packed again, cut, padded or rearranged since it was written")
    return members


def _check(infos: list[zipfile.ZipInfo], size: int, limits: BundleLimits) -> None:
    """Before a byte is read: members are as large as they say, and no larger than the file they stand in."""
    if len(infos) > limits.members:
        raise malformed(f"it has more than {limits.members} members")
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise malformed("two members have one name")
    if sum(info.file_size for info in infos) > size:
        raise malformed("its members are larger than the file: a bomb")
    for info in infos:
        if not _NAME.match(info.filename):
            raise malformed(f"a member has a name that is not used here: {info.filename[:60]!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise malformed(f"{info.filename} is compressed")
        if info.flag_bits:
            raise malformed(f"{info.filename} is encrypted, or written as a stream")
        if info.file_size > limits.member_bytes and not info.filename.startswith("attachments/"):
            raise malformed(f"{info.filename} is too large")


def malformed(why: str) -> RefusedError:
    return RefusedError("bundle_malformed", f"This is not a whole bundle: {why}.", "Ask for the file again.")
