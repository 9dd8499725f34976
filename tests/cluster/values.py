"""A sink for the values of features, in worker processes of Spark: rows in a SQLite file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from nightlight.detect.fields import Seen


class ValueFile:
    """What a batch that is done again writes again must be the same; a difference is kept as a second row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE told (number INT, told TEXT, UNIQUE (number, told))")
        self._open: sqlite3.Connection | None = None

    def __getstate__(self) -> Path:
        return self._path

    def __setstate__(self, path: Path) -> None:
        self._path, self._open = path, None

    def __call__(self, seen: Seen, values: dict[str, Any]) -> None:
        if self._open is None:
            self._open = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            self._open.execute("PRAGMA synchronous=OFF")
        told = json.dumps(values, sort_keys=True)
        self._open.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (seen.number, told))

    def read(self) -> list[tuple[int, dict[str, Any]]]:
        with sqlite3.connect(self._path) as connection:
            return [(n, json.loads(told)) for n, told in connection.execute("SELECT * FROM told ORDER BY number, told")]
