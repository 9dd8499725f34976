"""Sealing a file to an agency's key, and opening it: the age format (https://age-encryption.org/v1), by pyrage."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyrage
from pyrage import x25519

from nightlight.errors import RefusedError
from nightlight.ports import Sink

_MAGIC = b"age-encryption.org/v1\n"


def is_sealed(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def check_recipient(text: str) -> None:
    """``RefusedError('recipient_malformed')`` for what is no X25519 recipient, a mistyped one included."""
    _recipient(text)


def seal(data: bytes, recipient: str) -> bytes:
    """The file that only the holder of the recipient's identity can open."""
    return bytes(pyrage.encrypt(data, [_recipient(recipient)]))


def seal_stream(chunks: Iterable[bytes], recipient: str, out: Sink) -> None:
    """The same for what is too large to hold: read as it is written, 64 KiB at a time.

    Whatever ``chunks`` or ``out`` raises comes through. What was written until then opens for nobody as a whole: the
    format authenticates its end.
    """
    source, target = _Reading(chunks), Noting(out.write)
    try:
        pyrage.encrypt_io(source, target, [_recipient(recipient)])
    except (pyrage.EncryptError, OSError) as e:
        # What the callbacks raise comes back as another error: the first one is what happened.
        raise source.error or target.error or e from None
    # An error while the last bytes are written does not come back at all.
    if target.error is not None:
        raise target.error


def unseal(data: bytes, identities: Iterable[str]) -> bytes:
    """The sealed file's content; ``RefusedError``: ``identity_malformed``, ``identity_wrong``, ``sealed_damaged``."""
    keys = []
    for text in identities:
        try:
            keys.append(x25519.Identity.from_str(text.strip()))
        except (pyrage.IdentityError, ValueError):
            raise RefusedError(
                "identity_malformed",
                "The identity file holds a line that is no age identity.",
                "It has lines that start with AGE-SECRET-KEY-1, as `age-keygen` writes them.",
            ) from None
    if not keys:
        raise RefusedError("identity_malformed", "The identity file holds no age identity.")
    try:
        return bytes(pyrage.decrypt(data, keys))
    except pyrage.DecryptError as e:
        if "matching" in str(e).lower():
            raise RefusedError(
                "identity_wrong",
                "This file is sealed for somebody else: none of these identities opens it.",
                "Use the identity whose public key was given to the operator.",
            ) from None
        raise RefusedError("sealed_damaged", "The sealed file was cut or changed.", "Ask for it again.") from None


def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text.strip())
    except (pyrage.RecipientError, ValueError):
        raise RefusedError(
            "recipient_malformed",
            "The agency's key is not an age recipient.",
            "It starts with age1, and `age-keygen` prints it. A secret key is never asked for.",
        ) from None


class _Reading:
    """Chunks as a file. Remembers what went wrong."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            while not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return b""
                self._rest = memoryview(chunk)
        except BaseException as e:
            self.error = e
            raise
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)


class Noting:
    """A sink that passes on what is written, and remembers what went wrong."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.error: BaseException | None = None

    def write(self, data: bytes, /) -> int:
        try:
            self._write(data)
        except BaseException as e:
            self.error = e
            raise
        return len(data)

    def flush(self) -> None:
        return None
