"""Reading what a person names on the command line or in a setting."""

from __future__ import annotations

from pathlib import Path

from nightlight.errors import RefusedError


def read_bytes(path: Path) -> bytes:
    """The file, or ``RefusedError('file_unreadable')`` that says why not."""
    try:
        return path.read_bytes()
    except OSError as e:
        raise RefusedError("file_unreadable", f"{path} cannot be read: {e.strerror}.") from None


def read_line(path: Path) -> str:
    """The file as one line of text, without the line end."""
    try:
        return read_bytes(path).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise RefusedError("file_unreadable", f"{path} cannot be read: it is not text in UTF-8.") from None
