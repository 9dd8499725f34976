"""From a verified message to the files attached to it, with what it takes to open each.

As lenient as the apps where a sender could otherwise send what everybody sees and nobody can report (ADR 0004): the
base64 of keys, counters and hashes is read as matrix-nio, Element and the Rust SDK read it, padded or not, in either
alphabet; ``v``, ``kty``, ``alg``, ``ext`` and ``key_ops`` are not looked at. Strict where it decides: the lengths of
what comes out, and the address.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.media import FoundMedia, Role, find_media
from nightlight.evidence.verify import VerifiedMessage
from nightlight.hazmat.attachment import Opening
from nightlight.model.attachment import AttachmentCode, Digests

_TEXT_MAX = 255
_KEY_DEPTH = 16
_KEY_LEFT_OUT = "(the file's key, left out here)"
_SIZE_MAX = 2**53 - 1
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_TO_STANDARD = str.maketrans("-_", "+/")
#: Longer than any file: a counter that does not run over within it never does.
_LONGEST = 2**44


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the sender says of the file. Nothing of it is proven; ``size`` in bytes."""

    name: str = field(repr=False)
    mimetype: str = field(repr=False)
    size: int | None


@dataclass(frozen=True, slots=True)
class EncryptedFile:
    """A file that the message binds: by the hash of its ciphertext and the key that opens it.

    ``sha256``: of the ciphertext, 32 bytes. ``reference``: finds this file in the message again; it is a digest over
    the file's key among others, so it gives nothing away.
    """

    mxc: str
    opening: Opening = field(repr=False)
    sha256: bytes = field(repr=False)
    role: Role
    claimed: Claimed

    @property
    def code(self) -> AttachmentCode:
        return AttachmentCode.PENDING

    @property
    def reference(self) -> str:
        opening = self.opening
        said = (self.mxc, opening.key.hex(), opening.counter.hex(), str(opening.counter_bits), self.sha256.hex())
        return _reference("encrypted", *said)


@dataclass(frozen=True, slots=True)
class UnboundFile:
    """A file that cannot be checked: ``code`` is NOT_BOUND or MALFORMED, ``why`` says what is the matter."""

    mxc: str | None
    code: AttachmentCode
    why: str
    role: Role
    claimed: Claimed
    reference: str


AttachedFile = EncryptedFile | UnboundFile


def attachments_of(message: VerifiedMessage) -> tuple[AttachedFile, ...]:
    """Every file of the message, in the order in which it names them, each once.

    A counter that runs over its 64 bits opens to one file in some apps and to another in others: then both are here.
    """
    found: dict[str, AttachedFile] = {}
    for media in find_media(message.content):
        for file in _files(media):
            found.setdefault(file.reference, file)
    return tuple(found.values())


def file_of(message: VerifiedMessage, reference: str) -> AttachedFile:
    """The file with this reference; ``RefusedError('attachment_not_found')``."""
    for file in attachments_of(message):
        if file.reference == reference:
            return file
    raise RefusedError("attachment_not_found", "The message names no such file.")


def attachment_record(attachment_id: str, event_id: str, reference: str, code: str, digests: Digests | None) -> str:
    """SHA-256, hex, over what a check found, so that the log fixes it. The random id salts it, unlogged."""
    found = [digests.size, digests.sha256.hex(), digests.sha1.hex(), digests.md5.hex()] if digests else None
    row = [attachment_id, event_id, reference, code, found]
    return hashlib.sha256(b"nightlight/attachment/record/1\n" + json.dumps(row).encode()).hexdigest()


def without_file_keys(value: object, depth: int = _KEY_DEPTH) -> object:
    """The content with every key of a file left out: whoever looks at a message need not be able to open its files.

    Only what has the length of a key is left out, so that nobody can write text there which a reviewer does not see.
    Below ``depth`` levels no app looks for files.
    """
    if depth and isinstance(value, list):
        return [without_file_keys(item, depth - 1) for item in value]
    if depth and isinstance(value, Mapping):
        return {
            name: _KEY_LEFT_OUT if name == "k" and _is_key(inner) else without_file_keys(inner, depth - 1)
            for name, inner in value.items()
        }
    return value


def _is_key(value: object) -> bool:
    try:
        key = _bytes(value, "key")
    except RefusedError:
        return False
    # Text is seldom base64 of just these lengths with nothing else in it.
    return (
        len(key) in (16, 24, 32)
        and isinstance(value, str)
        and _NO_BASE64.search(value.rstrip("=").translate(_TO_STANDARD)) is None
    )


def _files(media: FoundMedia) -> Iterator[AttachedFile]:
    claimed = _claimed(media)
    if media.description is None:
        if media.mxc is None:
            # Text in a field for addresses: no app fetches it, unless it looks like one of Matrix's.
            if isinstance(media.url, str) and media.url.startswith("mxc:"):
                yield _unbound(media, claimed, AttachmentCode.MALFORMED, "its address is none")
            return
        yield _unbound(media, claimed, AttachmentCode.NOT_BOUND, "it was sent without encryption")
        return
    try:
        yield from _encrypted(media, media.description, claimed)
    except RefusedError as e:
        yield _unbound(media, claimed, AttachmentCode.MALFORMED, e.message)


def _encrypted(media: FoundMedia, description: Mapping[str, Any], claimed: Claimed) -> Iterator[AttachedFile]:
    mxc = media.mxc
    if mxc is None:
        raise _malformed("its address is none")
    jwk, hashes = description.get("key"), description.get("hashes")
    key = _bytes(jwk.get("k") if isinstance(jwk, dict) else None, "key")
    counter = _bytes(description.get("iv"), "counter")
    sha256 = _bytes(hashes.get("sha256") if isinstance(hashes, dict) else None, "hash")
    if len(sha256) != 32:
        raise _malformed("its hash has a wrong length")
    if len(key) not in (16, 24, 32):
        raise _malformed("its key has a wrong length")
    # matrix-nio takes a shorter block as one whose counter begins at what is there; shorter than that, nobody does.
    if 8 <= len(counter) < 16:
        counter = counter[:8] + counter[8:].rjust(8, b"\x00")
    if len(counter) != 16:
        raise _malformed("its counter has a wrong length")
    opening = Opening(key, counter)
    yield EncryptedFile(mxc, opening, sha256, media.role, claimed)
    if opening.bytes_before_wrap < _LONGEST:
        # Element's browser client counts in 64 bits, the Rust SDK in 128.
        yield EncryptedFile(mxc, Opening(key, counter, 64), sha256, media.role, claimed)


def _bytes(text: object, what: str) -> bytes:
    """Base64 as the most lenient of the apps reads it: either alphabet, any padding, foreign characters dropped."""
    if not isinstance(text, str) or len(text) > _TEXT_MAX:
        raise _malformed(f"its {what} is missing or no text")
    characters = _NO_BASE64.sub("", text.partition("=")[0].translate(_TO_STANDARD))
    try:
        return base64.b64decode(characters + "=" * (-len(characters) % 4))
    except binascii.Error:
        raise _malformed(f"its {what} is not base64") from None


def _claimed(media: FoundMedia) -> Claimed:
    name = _text(media.holder.get("filename")) or _text(media.holder.get("name")) or _text(media.holder.get("body"))
    described = media.description or {}
    mimetype = _text(media.info.get("mimetype")) or _text(described.get("mimetype"))
    size = media.info.get("size")
    fits = type(size) is int and 0 <= size <= _SIZE_MAX
    return Claimed(name if media.role is Role.FILE else "", mimetype, size if fits else None)


def _text(value: object) -> str:
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _malformed(why: str) -> RefusedError:
    return RefusedError("attachment_malformed", why)


def _unbound(media: FoundMedia, claimed: Claimed, code: AttachmentCode, why: str) -> UnboundFile:
    said = media.url if media.description is None else media.description.get("url")
    reference = _reference(code, media.role, said if isinstance(said, str) else "", why)
    return UnboundFile(media.mxc, code, why, media.role, claimed, reference)


def _reference(*parts: str) -> str:
    # Length-framed, so that no two lists of parts share one encoding.
    framed = b"".join(len(part.encode("utf-8", "surrogatepass")).to_bytes(4, "big")
                      + part.encode("utf-8", "surrogatepass") for part in parts)  # fmt: skip
    return hashlib.sha256(b"nightlight/attachment/reference/1\n" + framed).hexdigest()[:32]
