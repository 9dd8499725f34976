"""Databases for tests: SQLite in a folder, and a throw-away PostgreSQL that the test run starts itself."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from nightlight.adapters.case_seal import CaseKeys
from nightlight.adapters.master_key import HeldMasterKey
from nightlight.store.database import Database

LOG_KEY = bytes(range(32))
MASTER_KEY = bytes(range(32, 64))


class StillClock:
    def now(self) -> int:
        return 1_790_000_000_000


def case_keys(master: bytes = MASTER_KEY) -> CaseKeys:
    """The seal that tests have their evidence encrypted with; with an empty cache each time."""
    return CaseKeys(HeldMasterKey(lambda: master), StillClock())


class Postgres:
    """A PostgreSQL server on a socket in a folder of its own; no network port."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._binaries = binaries

    def start(self) -> None:
        # The server refuses to run as root, so root hands it to the account that Debian made for it.
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "--pgdata", str(self._data), "--username=nightlight", "--auth=trust", "--no-sync")
        # Nothing here needs to outlive the machine; killing *our* process is what the tests do.
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off -c max_connections=200"
        log = str(self._folder / "server.log")
        self._run("pg_ctl", "start", "--wait", "--pgdata", str(self._data), "--options", options, "--log", log)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--pgdata", str(self._data), "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "--user", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, timeout=120)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+psycopg://nightlight@/{name}?host={self._folder}"
        finally:
            with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _dsn(self, name: str) -> str:
        return f"host={self._folder} user=nightlight dbname={name}"


def _binaries() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = _binaries()
    if binaries is None:
        message = "no PostgreSQL server here; type: sudo apt-get install -y postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="nightlight-pg-"))
    server = Postgres(folder, binaries)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database on each of the two kinds."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.sqlite3'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated store."""
    store = Database(database_url, LOG_KEY, case_keys())
    store.migrate()
    yield store
    store.close()
