"""Kept files, encrypted for their case on the way in: what the homeserver has as ciphertext is encrypted once more.

An object is one file in the age format (https://age-encryption.org/v1, written and read by pyrage): its payload is
ChaCha20-Poly1305 over chunks of 64 KiB, whose order and end are authenticated. It is encrypted for the case's own age
identity, which is stored wrapped (``nightlight.adapters.case_seal``), so without the case's key nobody opens it. Its
name is ``cases/<case id>/<SHA-256 of the file as it came from the homeserver>``, and what is in it has to have that
SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pyrage
from pyrage import x25519

from nightlight.adapters.age import Noting, seal_stream
from nightlight.adapters.objects import AbsentError, Objects, Source
from nightlight.adapters.pulled import pulled
from nightlight.errors import RefusedError, UnavailableError
from nightlight.hazmat.attachment import hash_mismatch
from nightlight.ports import Sink

_CHUNK = 1_048_576
_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class FlatFolder:
    """Files as they were kept before there were keys of cases: ciphertext of the homeserver, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, sha256: bytes) -> bool:
        return self._path(sha256).is_file()

    def open(self, sha256: bytes) -> Source:
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            raise AbsentError from None
        except OSError as e:
            raise UnavailableError("vault_unreadable", f"The kept file cannot be read: {e.strerror}.") from None

    def files(self) -> list[bytes]:
        """The SHA-256 of each."""
        if not self._folder.is_dir():
            return []
        names = (path.name for path in self._folder.iterdir() if re.fullmatch("[0-9a-f]{64}", path.name))
        return sorted(bytes.fromhex(name) for name in names)

    def remove(self, sha256: bytes) -> None:
        try:
            self._path(sha256).unlink(missing_ok=True)
        except OSError as e:
            raise UnavailableError("vault_unwritable", f"A kept file cannot be removed: {e.strerror}.") from None

    def _path(self, sha256: bytes) -> Path:
        return self._folder / sha256.hex()


class CaseVault:
    """Implements ``nightlight.ports.Vault``.

    ``identity``: the age identity of a case; raises ``RefusedError('erased')`` once its key is shredded.
    """

    def __init__(self, objects: Objects, identity: Callable[[str], str], flat: FlatFolder) -> None:
        self._objects = objects
        self._identity = identity
        self._flat = flat

    def holds(self, case_id: str, sha256: bytes) -> bool:
        return self._objects.holds(_name(case_id, sha256)) or self._flat.holds(sha256)

    def keep(self, case_id: str, sha256: bytes, ciphertext: Iterable[bytes]) -> None:
        name = _name(case_id, sha256)
        recipient = str(self._of(case_id).to_public())

        def fill(sink: Sink) -> None:
            seal_stream(_hashed(ciphertext, sha256), recipient, sink)

        self._objects.write(name, fill)

    def read(self, case_id: str, sha256: bytes) -> Generator[bytes, None, None]:
        # Opened here, not when the first chunk is asked for: whoever is refused is refused at once.
        source, encrypted = self._open(case_id, sha256)
        return self._chunks(source, self._of(case_id) if encrypted else None, sha256)

    def check(self, case_id: str, sha256: bytes) -> int:
        """How many bytes the file has, every one of which was read and verified; raises what ``read`` raises."""
        source, encrypted = self._open(case_id, sha256)
        with closing(source):
            return self._pour(source, self._of(case_id) if encrypted else None, sha256, lambda data: len(data))

    def remove(self, case_id: str) -> None:
        self._objects.remove(_folder(case_id))

    def old_files(self) -> list[bytes]:
        return self._flat.files()

    def move_in(self, sha256: bytes, case_ids: Iterable[str]) -> None:
        for case_id in case_ids:
            if not self._objects.holds(_name(case_id, sha256)):
                with closing(self._flat.open(sha256)) as source:
                    self.keep(case_id, sha256, iter(lambda: source.read(_CHUNK), b""))
        self._flat.remove(sha256)

    def _open(self, case_id: str, sha256: bytes) -> tuple[Source, bool]:
        """The file, and whether it is encrypted for its case."""
        name = _name(case_id, sha256)
        if self._flat.holds(sha256) and not self._encrypted(name):
            with suppress(AbsentError):
                return self._flat.open(sha256), False
        with suppress(AbsentError):
            return self._objects.open(name), True
        raise RefusedError(
            "vault_missing",
            "A file that was kept is not in the vault any more: somebody removed it.",
            "Restore it from a backup, and find out who could write to the vault.",
        )

    def _encrypted(self, name: str) -> bool:
        try:
            return self._objects.holds(name)
        except UnavailableError:
            return False  # what was kept before is there all the same

    def _chunks(self, source: Source, identity: Any, sha256: bytes) -> Generator[bytes, None, None]:
        def push(sink: Sink) -> None:
            self._pour(source, identity, sha256, sink.write)

        with closing(source):
            yield from pulled(push)

    def _pour(self, source: Source, identity: Any, sha256: bytes, write: Callable[[bytes], object]) -> int:
        """Verifies the file and writes it, chunk by verified chunk; that it is whole is known when this returns."""
        hashing, reading = _Hashing(write), _Reading(source)
        try:
            if identity is None:
                while chunk := reading.read(_CHUNK):
                    hashing.write(chunk)
            else:
                pyrage.decrypt_io(reading, hashing, [identity])
        except (pyrage.DecryptError, OSError) as e:
            raise reading.error or hashing.error or _damaged() from e
        if not hmac.compare_digest(hashing.digest(), sha256):
            raise _damaged()
        return hashing.size

    def _of(self, case_id: str) -> x25519.Identity:
        try:
            return x25519.Identity.from_str(self._identity(case_id))
        except (pyrage.IdentityError, ValueError):
            raise _damaged() from None


class _Hashing(Noting):
    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__(write)
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._sha256.update(data)
        self.size += len(data)
        return super().write(data)

    def digest(self) -> bytes:
        return self._sha256.digest()


class _Reading:
    """Reads on, and remembers what went wrong."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except OSError as e:
            self.error = UnavailableError("vault_unreadable", f"The kept file cannot be read: {e.strerror}.")
            raise
        except BaseException as e:
            self.error = e
            raise


def _hashed(chunks: Iterable[bytes], expected: bytes) -> Iterator[bytes]:
    """The same chunks, which end in an error unless they have the SHA-256 that they are to have."""
    sha256 = hashlib.sha256()
    for chunk in chunks:
        sha256.update(chunk)
        yield chunk
    if not hmac.compare_digest(sha256.digest(), expected):
        raise hash_mismatch()


def _folder(case_id: str) -> str:
    if not _CASE_ID.fullmatch(case_id):
        raise RefusedError("case_not_found", "There is no such case.")
    return f"cases/{case_id}"


def _name(case_id: str, sha256: bytes) -> str:
    return f"{_folder(case_id)}/{sha256.hex()}"


def _damaged() -> RefusedError:
    return RefusedError(
        "vault_damaged",
        "A kept file is damaged, or somebody changed it: it does not open, or is not the file that was kept.",
        "Restore it from a backup, and find out who could write to the vault.",
    )
