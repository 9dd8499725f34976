"""Where the vault's objects lie: named, opaque, each there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from nightlight.errors import NightlightError, UnavailableError
from nightlight.ports import Sink

_DRAFT = ".draft-"


class Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


class AbsentError(Exception):
    """There is no such object, as the place that would have it says; not that the place cannot be asked."""


class Objects(Protocol):
    """Names are relative paths of plain parts. Everything raises ``UnavailableError`` where the place does not answer:
    ``vault_unwritable`` or ``vault_unreadable``.
    """

    def write(self, name: str, fill: Callable[[Sink], None]) -> None:
        """Makes the object of what ``fill`` writes, or, where that raises, nothing."""

    def open(self, name: str) -> Source:
        """``AbsentError`` if it is not there."""

    def holds(self, name: str) -> bool: ...

    def remove(self, folder: str) -> None:
        """Removes every object whose name starts with ``folder`` and a slash; none being there is fine."""


class FolderObjects:
    """Implements ``Objects`` in a folder that only the service may read. ``make``: whether it may make the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, fill: Callable[[Sink], None]) -> None:
        """Draft, flush to the disk, then the name: at no instant does half a file carry it."""
        path = self._folder / name
        with self._draft() as (draft, handle):
            with os.fdopen(handle, "wb", buffering=0, closefd=False) as file:
                fill(_Whole(file.write))
            with _said():
                os.fsync(handle)
                self._make(path.parent)
                draft.rename(path)
                _sync(path.parent)

    def open(self, name: str) -> Source:
        try:
            return (self._folder / name).open("rb", buffering=262_144)
        except FileNotFoundError:
            if self._folder.is_dir():
                raise AbsentError from None
            why = "the vault's folder is not there; is its disk mounted?"
            raise UnavailableError("vault_unreadable", f"The kept file cannot be read: {why}") from None
        except OSError as e:
            raise UnavailableError("vault_unreadable", f"The kept file cannot be read: {e.strerror}.") from None

    def holds(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def remove(self, folder: str) -> None:
        path = self._folder / folder
        with _said():
            if not path.is_dir():
                return
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
            _sync(path.parent)

    def _make(self, folder: Path) -> None:
        """The folder and those above it, each durable in the one above."""
        missing = [folder, *folder.parents]
        missing = missing[: missing.index(self._folder)]
        for one in reversed(missing):
            if not one.is_dir():
                one.mkdir(mode=0o700, exist_ok=True)
                _sync(one.parent)

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


class _Whole:
    """Writes all of what it is given: one call to the system may take a part of it."""

    def __init__(self, write: Callable[[memoryview], int | None]) -> None:
        self._write = write

    def write(self, data: bytes, /) -> int:
        with _said(), memoryview(data) as view:
            sent = 0
            while sent < len(view):
                sent += self._write(view[sent:]) or 0
        return len(data)

    def flush(self) -> None:
        return None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except NightlightError:
        raise
    except OSError as e:
        raise UnavailableError("vault_unwritable", f"The encrypted file cannot be kept: {e.strerror}.") from None
