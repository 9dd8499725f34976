"""Empty databases are filled by copying: the migrations run once for a process, not once for each of its tests.

What comes out of the migrations is copied, the head of the empty log authenticated with the key at hand, and then
``Database.migrate`` runs all the same, and finds nothing to do. Databases that are not empty are migrated as ever, and
so are those of every process that a test starts.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import URL

from nightlight.store.database import Database

_LOCK = threading.RLock()
_KEY = bytes(32)
_step_by_step = Database.migrate


class _Templates:
    """Migrated and empty: a file, and a database on each server of PostgreSQL."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nightlight-migrated-"))
        self._on_servers: dict[str, str] = {}

    def file(self) -> Path:
        path = self.folder / "migrated.sqlite3"
        if not path.exists():
            store = Database(f"sqlite:///{path}", _KEY)
            _step_by_step(store)
            store.close()
        return path

    def on_server(self, url: URL) -> str:
        name = "migrated"
        server = url.set(database="").render_as_string()
        if server not in self._on_servers:
            _on_server(url, f"CREATE DATABASE {name}")
            store = Database(url.set(database=name).render_as_string(hide_password=False), _KEY)
            _step_by_step(store)
            store.close()
            self._on_servers[server] = name
        return name


_TEMPLATES: list[_Templates] = []


def use() -> None:
    """From here on, in this process."""
    _TEMPLATES.append(_Templates())
    Database.migrate = _migrate  # type: ignore[method-assign]


def forget() -> None:
    Database.migrate = _step_by_step  # type: ignore[method-assign]
    shutil.rmtree(_TEMPLATES.pop().folder, ignore_errors=True)


def _migrate(self: Database) -> None:
    url = self.engine.url
    with _LOCK:
        if url.get_backend_name() == "sqlite":
            path = Path(url.database or "")
            if url.database and path.parent.is_dir() and not (path.exists() and path.stat().st_size):
                _copy_file(_TEMPLATES[-1].file(), path)
                _authenticate(self)
        elif not inspect(self.engine).has_table("alembic_version"):
            template = _TEMPLATES[-1].on_server(url)
            self.engine.dispose()
            _on_server(
                url, f"DROP DATABASE {url.database} WITH (FORCE)", f"CREATE DATABASE {url.database} TEMPLATE {template}"
            )
            _authenticate(self)
        _step_by_step(self)


def _copy_file(source: Path, target: Path) -> None:
    """By SQLite's own means, as the source may have a journal."""
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copy)
    finally:
        origin.close()
        copy.close()


def _authenticate(store: Database) -> None:
    """The head of a log without entries, as the migration writes it for this key."""
    with store.engine.begin() as connection:
        head = connection.execute(text("SELECT number, hash FROM log_head")).one()
        assert head.number == 0
        said = b"nightlight/log/head/2\n" + (0).to_bytes(8, "big") + bytes(head.hash)
        mac = hmac.digest(store._log_key, said, hashlib.sha256)
        connection.execute(text("UPDATE log_head SET mac = :mac"), {"mac": mac})


def _on_server(url: URL, *statements: str) -> None:
    dsn = f"host={url.query['host']} user={url.username} dbname=postgres"
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="session", autouse=True)
def quick_migrations() -> Iterator[None]:
    use()
    yield
    forget()
