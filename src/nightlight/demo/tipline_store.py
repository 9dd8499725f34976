"""What the training service of the CyberTipline has taken: reports and the digests of their files, in SQLite.

The files themselves are read and forgotten: nothing here may become a second store of them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_HOUR_MS = 3_600_000

_TABLES = """
CREATE TABLE IF NOT EXISTS reports (
    report_id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, opened_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, document BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, report_id INTEGER NOT NULL, file_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, size INTEGER NOT NULL, md5 BLOB NOT NULL, details BLOB
);
"""
_FIRST_REPORT = 70_000_000


class TrainingState(StrEnum):
    OPEN = "open"
    FINISHED = "finished"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """``details``: the document about it, None where none came."""

    file_id: str
    name: str
    size: int
    md5: bytes
    details: bytes | None


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Times in milliseconds since 1970, UTC."""

    report_id: int
    state: TrainingState
    opened_at: int
    changed_at: int
    document: bytes
    files: tuple[TrainingFile, ...]


class TiplineStore:
    """Survives a restart; numbers are never used twice. ``path``: a file, made where there is none."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # What a crash of the machine would lose does not matter here.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_TABLES)
        if self._database.execute("SELECT count(*) FROM sqlite_sequence WHERE name = 'reports'").fetchone()[0] == 0:
            self._database.execute("INSERT INTO sqlite_sequence VALUES ('reports', ?)", (_FIRST_REPORT,))

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def open(self, document: bytes, now: int) -> int:
        with self._lock:
            cursor = self._database.execute(
                "INSERT INTO reports (state, opened_at, changed_at, document) VALUES (?, ?, ?, ?)",
                (TrainingState.OPEN, now, now, document),
            )
            return int(cursor.lastrowid or 0)

    def report(self, report_id: int) -> TrainingReport | None:
        with self._lock:
            row = self._database.execute("SELECT * FROM reports WHERE report_id = ?", (report_id,)).fetchone()
            return None if row is None else self._report(row)

    def reports(self, state: TrainingState | None = None) -> list[TrainingReport]:
        with self._lock:
            rows = self._database.execute("SELECT * FROM reports ORDER BY report_id").fetchall()
            return [self._report(row) for row in rows if state is None or row[1] == state]

    def add_file(self, report_id: int, file_id: str, name: str, size: int, md5: bytes, now: int) -> None:
        with self._changing(report_id, now):
            self._database.execute(
                "INSERT INTO files (report_id, file_id, name, size, md5) VALUES (?, ?, ?, ?, ?)",
                (report_id, file_id, name, size, md5),
            )

    def describe(self, report_id: int, file_id: str, details: bytes, now: int) -> None:
        with self._changing(report_id, now):
            self._database.execute("UPDATE files SET details = ? WHERE file_id = ?", (details, file_id))

    def end(self, report_id: int, state: TrainingState, now: int) -> None:
        with self._changing(report_id, now):
            self._database.execute("UPDATE reports SET state = ? WHERE report_id = ?", (state, report_id))

    def expire(self, now: int) -> None:
        """Deletes what is unfinished 24 hours after it was opened or 1 hour after its last change, the later."""
        with self._lock, self._transaction():
            over = "state = ? AND max(opened_at + ?, changed_at + ?) <= ?"
            values = (TrainingState.OPEN, 24 * _HOUR_MS, _HOUR_MS, now)
            self._database.execute(
                f"DELETE FROM files WHERE report_id IN (SELECT report_id FROM reports WHERE {over})",  # noqa: S608
                values,
            )
            self._database.execute(f"DELETE FROM reports WHERE {over}", values)  # noqa: S608

    @contextmanager
    def _changing(self, report_id: int, now: int) -> Iterator[None]:
        with self._lock, self._transaction():
            yield
            self._database.execute("UPDATE reports SET changed_at = ? WHERE report_id = ?", (now, report_id))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _report(self, row: tuple[int, str, int, int, bytes]) -> TrainingReport:
        files = self._database.execute(
            "SELECT file_id, name, size, md5, details FROM files WHERE report_id = ? ORDER BY number", (row[0],)
        ).fetchall()
        return TrainingReport(
            row[0], TrainingState(row[1]), row[2], row[3], row[4], tuple(TrainingFile(*file) for file in files)
        )
