"""The anchor: head after head of the log, noted in a file outside the database."""

from __future__ import annotations

import os
from pathlib import Path

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogHead


class Anchor:
    """An append-only file of ``number hash`` lines, beside the database but not in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = 0

    def note(self, head: LogHead) -> None:
        """Appends the head unless it was noted last."""
        if head.number <= self._last:
            return
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # A line that a crash cut off must not run into this one.
            start = "" if self._last or self._whole() else "\n"
            os.write(handle, f"{start}{head.number} {head.hash.hex()}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        self._last = head.number

    def heads(self) -> list[LogHead]:
        """Every head noted so far. A line cut off by a crash is passed over."""
        if not self.path.exists():
            return []
        lines = self.path.read_text("utf-8", "replace").splitlines(keepends=True)
        return [self._head(line) for line in lines if len(line) > 64 and line.endswith("\n")]

    def _whole(self) -> bool:
        return not self.path.exists() or self.path.read_bytes()[-1:] in (b"", b"\n")

    def _head(self, line: str) -> LogHead:
        number, _, digest = line.strip().partition(" ")
        try:
            head = LogHead(int(number), bytes.fromhex(digest))
        except ValueError:
            head = LogHead(0, b"")
        if len(head.hash) != 32:
            raise RefusedError("anchor_damaged", f"{self.path} holds a line that is not a head: {line.strip()[:40]!r}.")
        return head
