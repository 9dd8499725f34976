"""Reading and writing what a person names on the command line or in a setting."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nightlight.errors import RefusedError

#: Above anything that a command reads as a whole; ends what would never end, such as a device.
FILE_BYTES_MAX = 1_073_741_824


def read_bytes(path: Path, most: int = FILE_BYTES_MAX) -> bytes:
    """The file, or ``RefusedError('file_unreadable')`` that says why not; of more than ``most`` bytes it is one."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as e:
        raise RefusedError("file_unreadable", f"{path} cannot be read: {e.strerror}.") from None
    if len(data) > most:
        raise RefusedError("file_unreadable", f"{path} is longer than {most:,} bytes.")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Writes evidence: a new file can be read by its owner alone. ``RefusedError('file_unwritable')``."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as e:
        raise RefusedError("file_unwritable", f"{path} cannot be written: {e.strerror}.") from None


@contextmanager
def writing_private(path: Path) -> Iterator[BinaryIO]:
    """The same, piece by piece: under another name until it is whole. ``RefusedError('file_unwritable')``."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as e:
        raise RefusedError("file_unwritable", f"{path} cannot be written: {e.strerror}.") from None


def write_whole(path: Path, data: bytes) -> None:
    """Writes what is meant for others: whole or not at all, as readable as other files. What is no file is no target.

    ``RefusedError('file_unwritable')``.
    """
    if path.exists() and not path.is_file():
        raise RefusedError("file_unwritable", f"{path} is no file.", "Name a file, in a folder that is there.")
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as e:
        raise RefusedError("file_unwritable", f"{path} cannot be written: {e.strerror}.") from None


def read_line(path: Path) -> str:
    """The file as one line of text, without the line end."""
    try:
        return read_bytes(path).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise RefusedError("file_unreadable", f"{path} cannot be read: it is not text in UTF-8.") from None


_SECRET_CHARS_MIN = 32


def long_secret(path: Path) -> str:
    """A secret that two services share: one line of at least 32 printable characters."""
    text = read_line(path).strip()
    if len(text) < _SECRET_CHARS_MIN or not (text.isascii() and text.isprintable()) or " " in text:
        raise RefusedError(
            "secret_too_short",
            f"{path} does not hold a secret of at least {_SECRET_CHARS_MIN} printable characters without spaces.",
            f"Make one: openssl rand -hex 32 > {path}",
        )
    return text
