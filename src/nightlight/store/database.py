"""Opening the database and running transactions: one writer at a time, durable before anything is acknowledged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogHead
from nightlight.ports import CaseSeal
from nightlight.store.erasure import FATES
from nightlight.store.transaction import SqlTransaction

#: PostgreSQL, "Advisory Locks": held until the transaction ends; the number is ours.
_MIGRATION_LOCK = "SELECT pg_advisory_xact_lock(7249013558)"

#: How long SQLite waits for a lock.
_BUSY_SECONDS = 30


class Database:
    """The store on one database.

    ``log_key``: 32 bytes that authenticate the head of the log; it lives in a file, never in the database.
    ``seal``: what evidence is encrypted with on its way into the tables; without one it is stored in the clear, and
    what is encrypted cannot be read.
    """

    def __init__(self, url: str, log_key: bytes, seal: CaseSeal | None = None) -> None:
        self.engine = _make_engine(url)
        self._seal = seal
        self._log_key = log_key
        # SQLite has one writer. Waiting here is fair; waiting inside SQLite is a lottery of sleeps.
        self._one_writer = threading.Lock()

    def migrate(self) -> None:
        """Brings the schema up to date."""
        # Here alone, as most commands migrate nothing and need not wait for it.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(resources.files("nightlight.store") / "migrations"))
        with self._translated(), self.engine.connect() as connection, _committed(connection):
            # Several processes may start at once on a new database: one makes the tables, the others find them made.
            lock = "BEGIN IMMEDIATE" if self.engine.dialect.name == "sqlite" else _MIGRATION_LOCK
            connection.exec_driver_sql(lock)
            config.attributes["connection"] = connection
            config.attributes["log_key"] = self._log_key
            command.upgrade(config, "head")

    def require(self) -> None:
        """``RefusedError('no_database')`` unless the tables are there; makes nothing."""
        url = self.engine.url
        absent = url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).exists())
        with self._translated():
            if absent or not inspect(self.engine).has_table("log_head"):
                raise RefusedError(
                    "no_database",
                    f"There is no database yet at {url.render_as_string(hide_password=True)}.",
                    "Check NIGHTLIGHT_DATA_DIR and NIGHTLIGHT_DATABASE_URL, or start the service once.",
                )

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with self._translated(), self.engine.connect() as connection:
            yield SqlTransaction(connection, self._log_key, self._seal)

    @contextmanager
    def snapshot(self) -> Iterator[SqlTransaction]:
        with self._translated(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # a reader of a WAL sees one instant until it ends
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield SqlTransaction(connection, self._log_key, self._seal)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        with self._one_writer, self._translated(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            tx = SqlTransaction(connection, self._log_key, self._seal, writes=True)
            try:
                with _committed(connection):
                    yield tx
                    tx.flush()
            except BaseException:
                tx.undone()
                raise

    def scrub(self) -> bool:
        """Takes what was deleted off the disk, where journals still hold it; False where that has to be tried again.

        SQLite overwrites deleted rows (``secure_delete``) and starts its write-ahead log anew, once nobody reads it.
        PostgreSQL keeps rows that were changed until they are vacuumed (PostgreSQL, "Routine Vacuuming").
        """
        with self._translated(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                # It would wait for readers and keep writers waiting meanwhile: rather another time.
                connection.exec_driver_sql("PRAGMA busy_timeout=0")
                try:
                    busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                finally:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
                return not busy
            unbound = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in FATES:
                unbound.exec_driver_sql(f"VACUUM {table.name}")
        return True

    def log_head(self) -> LogHead:
        """The authenticated head; ``RefusedError('log_broken')`` if somebody changed it."""
        with self.read() as tx:
            return tx.log_head()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as e:
            raise UnavailableError("store_unavailable", f"The database does not answer: {_first_line(e)}") from e
        except DBAPIError as e:
            if e.connection_invalidated:
                raise UnavailableError("store_unavailable", f"The database went away: {_first_line(e)}") from e
            raise


@contextmanager
def _committed(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _first_line(e: DBAPIError) -> str:
    return str(e.orig).splitlines()[0] if str(e.orig) else type(e.orig).__name__


def _make_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            engine = create_engine(
                parsed,
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
                pool_size=20,
                max_overflow=40,
                hide_parameters=True,  # an error must not carry a note or a key into the log
            )
            event.listen(engine, "connect", _tune_sqlite)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=20,
                max_overflow=40,
                pool_pre_ping=True,
                hide_parameters=True,
            )
    except (ArgumentError, NoSuchModuleError, OSError) as e:
        raise RefusedError("database_url", f"The database cannot be opened: {e}", _URL_HINT) from None
    raise RefusedError("database_url", f"No such kind of database: {parsed.get_backend_name()}", _URL_HINT)


_URL_HINT = "Use sqlite:///folder/file.sqlite3 or postgresql+psycopg://user@host/name"


_LOCKED_SECONDS = 30.0


def _write_ahead(cursor: Any) -> None:
    """Several processes may find a new file at once. Where they all switch its mode SQLite does not wait: we do."""
    end = time.monotonic() + _LOCKED_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _tune_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: writers say BEGIN IMMEDIATE (SQLAlchemy, "SQLite transactions").
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor)
    # FULL: a commit is on the disk before it returns, also when the power fails (SQLite, "PRAGMA synchronous").
    cursor.execute("PRAGMA synchronous=FULL")
    # The write-ahead log goes over into the file every 20 MB: the commit that does it takes ten times as long.
    cursor.execute("PRAGMA wal_autocheckpoint=5000")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Bytes of deleted rows are overwritten: a destroyed message key is gone from the file.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
