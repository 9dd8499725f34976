"""Files that were attached to the disclosed messages: which ones a message fixes, and what is known of each.

The list comes out of the messages themselves, so no file can be left unsaid. What the operator found about one stands
in ``attachments.json`` and in the log; where the file is in the bundle, encrypted as it was sent, all of it is found
again here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.attachment import AttachedFile, EncryptedFile, attachment_record, attachments_of
from nightlight.evidence.bundle.report import ShownFile
from nightlight.evidence.verify import VerifiedMessage
from nightlight.hazmat.attachment import AttachmentStream
from nightlight.model.attachment import Attachment, AttachmentCode, Digests, ListMatch

#: Bytes of encrypted files in one bundle, together. What does not fit is named, with its hash.
FILES_BYTES_MAX = 128 * 2**20
_NOTHING: dict[str, Any] = {}
_KEYS = {"attachment_id", "event_id", "reference", "code", "digests", "list", "file"}


@dataclass(frozen=True, slots=True)
class BundledFile:
    """``match``: what the operator's list said when it was checked, as logged. ``blob``: the ciphertext, or None."""

    attachment: Attachment
    match: str | None
    blob: bytes | None = field(default=None, repr=False)


def file_members(files: Sequence[BundledFile]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The lines of ``attachments.json``, and the members ``attachments/NNNN.bin`` that they name."""
    listed: list[dict[str, Any]] = []
    members: dict[str, bytes] = {}
    for file in files:
        name = None
        if file.blob is not None:
            name = f"attachments/{len(members) + 1:04d}.bin"
            members[name] = file.blob
        attachment = file.attachment
        listed.append(
            {
                "attachment_id": attachment.attachment_id,
                "event_id": attachment.event_id,
                "reference": attachment.reference,
                "code": attachment.code,
                "digests": _digests_json(attachment.digests),
                "list": file.match,
                "file": name,
            }
        )
    return listed, members


def check_files(
    messages: Iterable[tuple[int, str, VerifiedMessage | None]],
    listed: Sequence[Any],
    members: Mapping[str, bytes],
    records: Mapping[str, str | None],
) -> tuple[ShownFile, ...]:
    """Every file that the messages name, in their order, with what is proven of it.

    ``messages``: number, event id, message. ``records``: of the log's entries about checks, the record that each fixes
    to what the operator's list said. ``RefusedError('bundle_inconsistent')``.
    """
    lines = [_line(item) for item in listed]
    said = {(line["event_id"], line["reference"]): line for line in lines}
    if len(said) != len(listed):
        raise _refused("a file stands there twice")
    shown = []
    used: set[str] = set()
    for number, event_id, message in messages:
        for file in attachments_of(message) if message else ():
            key = (event_id, file.reference)
            line = said.pop(key, _NOTHING) or None
            shown.append(_shown(number, event_id, file, line, members, records))
            used.update([line["file"]] if line and line["file"] else [])
    if said:
        raise _refused("it names a file that no message here names")
    if used != {name for name in members if name.startswith("attachments/")}:
        raise _refused("a file is in the bundle that it does not name")
    return tuple(shown)


def open_file(message: VerifiedMessage, shown: ShownFile, blob: bytes) -> bytes:
    """The file itself, decrypted; ``RefusedError('attachment_hash_mismatch')``."""
    file = next(found for found in attachments_of(message) if found.reference == shown.reference)
    if not isinstance(file, EncryptedFile):
        raise RefusedError("attachment_not_bound", "The message does not say how this file is opened.")
    stream = AttachmentStream(file.opening, file.sha256, len(blob), _Whole)
    stream.feed(blob)
    return stream.finish()


def _shown(
    number: int,
    event_id: str,
    file: AttachedFile,
    line: Mapping[str, Any] | None,
    members: Mapping[str, bytes],
    records: Mapping[str, str | None],
) -> ShownFile:
    sha256 = file.sha256.hex() if isinstance(file, EncryptedFile) else None
    if line is None or line["code"] == AttachmentCode.PENDING:
        if line is not None and (line["digests"] or line["file"]):
            raise _refused("a file that was not checked has a result")
        return ShownFile(number, event_id, file.reference, sha256, "", None, None, None, False)
    digests = _digests_of(line["digests"])
    record = attachment_record(line["attachment_id"], event_id, file.reference, line["code"], digests)
    if record not in records or records[record] != line["list"]:
        raise _refused("the log does not say that this was found")
    if (digests is not None) != (line["code"] == AttachmentCode.MATCHES_EVENT):
        raise _refused("a result does not fit its digests")
    if line["code"] == AttachmentCode.MATCHES_EVENT and not isinstance(file, EncryptedFile):
        raise _refused("a file that no message binds is said to be bound")
    if line["file"] is not None:
        if not isinstance(file, EncryptedFile) or line["file"] not in members:
            raise _refused("it names a file that is not here")
        found = _found(file, members[line["file"]])
        if digests is not None and found != digests:
            raise _refused("a file has other digests than the operator says")
        digests = found
    return ShownFile(
        number,
        event_id,
        file.reference,
        sha256,
        line["code"],
        digests,
        line["list"],
        line["file"],
        line["file"] is not None,
    )


def _found(file: EncryptedFile, blob: bytes) -> Digests:
    stream = AttachmentStream(file.opening, file.sha256, len(blob), _Digesting)
    stream.feed(blob)
    try:
        return stream.finish()
    except RefusedError:
        raise _refused("a file is not the one whose hash stands in the message") from None


class _Digesting:
    def __init__(self) -> None:
        self._size = 0
        self._hashes = [hashlib.new(name, usedforsecurity=False) for name in ("sha256", "sha1", "md5")]

    def update(self, plaintext: memoryview, /) -> None:
        self._size += len(plaintext)
        for each in self._hashes:
            each.update(plaintext)

    def result(self) -> Digests:
        return Digests(self._size, *(each.digest() for each in self._hashes))


class _Whole:
    def __init__(self) -> None:
        self._data = bytearray()

    def update(self, plaintext: memoryview, /) -> None:
        self._data += plaintext

    def result(self) -> bytes:
        return bytes(self._data)


def _digests_json(digests: Digests | None) -> dict[str, Any] | None:
    if digests is None:
        return None
    named = {"sha256": digests.sha256, "sha1": digests.sha1, "md5": digests.md5}
    return {"size": digests.size, **{name: value.hex() for name, value in named.items()}}


def _digests_of(value: Any) -> Digests | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"size", "sha256", "sha1", "md5"}:
        raise _refused("digests have other fields")
    try:
        size, parts = value["size"], [bytes.fromhex(value[name]) for name in ("sha256", "sha1", "md5")]
    except (ValueError, TypeError):
        raise _refused("a digest is not hexadecimal") from None
    if type(size) is not int or size < 0 or [len(part) for part in parts] != [32, 20, 16]:
        raise _refused("a digest has a length that none has")
    return Digests(size, *parts)


def _line(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or item.keys() != _KEYS:
        raise _refused("a line has other fields")
    texts = ("attachment_id", "event_id", "reference", "code")
    if any(type(item[name]) is not str for name in texts):
        raise _refused("a field has the wrong kind")
    if any(not isinstance(item[name], str | None) for name in ("file", "list")):
        raise _refused("a field has the wrong kind")
    if item["code"] not in set(AttachmentCode) or item["list"] not in {None, *ListMatch}:
        raise _refused("a result is none of the known ones")
    return item


def _refused(why: str) -> RefusedError:
    return RefusedError("bundle_inconsistent", f"attachments.json does not fit the rest: {why}.")
