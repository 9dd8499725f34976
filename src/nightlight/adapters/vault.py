"""A folder of encrypted files, each named by the SHA-256 of its ciphertext. Nothing in it can be opened from here."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nightlight.errors import NightlightError, UnavailableError
from nightlight.hazmat.attachment import hash_mismatch

_CHUNK = 1_048_576
_DRAFT = ".draft-"


class FileVault:
    """Implements ``nightlight.ports.Vault``. A file is there under its name whole, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, sha256: bytes) -> bool:
        return self._path(sha256).is_file()

    def read(self, sha256: bytes) -> Iterator[bytes]:
        try:
            with self._path(sha256).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except OSError as e:
            raise _unreadable(e) from None

    def keep(self, sha256: bytes, ciphertext: Iterable[bytes]) -> None:
        """Draft, hash, flush to the disk, then the name: at no instant does half a file carry it."""
        with self._draft() as (draft, handle):
            actual = hashlib.sha256()
            for chunk in ciphertext:
                actual.update(chunk)
                with _said():
                    _write(handle, chunk)
            if not hmac.compare_digest(actual.digest(), sha256):
                raise hash_mismatch()
            with _said():
                os.fsync(handle)
                draft.rename(self._path(sha256))
                self._sync_folder()

    def remove(self, sha256: bytes) -> None:
        with _said("removed"):
            path = self._path(sha256)
            if path.exists():
                path.unlink(missing_ok=True)
                self._sync_folder()

    def _path(self, sha256: bytes) -> Path:
        return self._folder / sha256.hex()

    @contextmanager
    def _draft(self) -> Iterator[tuple[Path, int]]:
        with _said():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._sweep()
            draft = self._folder / f"{_DRAFT}{secrets.token_hex(8)}"
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # The lock says that somebody is at work on it; it ends with the process, however that ends.
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield draft, handle
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            os.close(handle)

    def _sweep(self) -> None:
        """Removes drafts that a crash left behind."""
        for draft in self._folder.glob(f"{_DRAFT}*"):
            with suppress(OSError), draft.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                draft.unlink()

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(handle: int, data: bytes) -> None:
    with memoryview(data) as view:
        sent = 0
        while sent < len(view):
            sent += os.write(handle, view[sent:])


@contextmanager
def _said(done: str = "kept") -> Iterator[None]:
    try:
        yield
    except NightlightError:
        raise
    except OSError as e:
        raise UnavailableError("vault_unwritable", f"The encrypted file cannot be {done}: {e.strerror}.") from None


def _unreadable(e: OSError) -> UnavailableError:
    return UnavailableError("vault_unreadable", f"The kept file cannot be read: {e.strerror}.")
