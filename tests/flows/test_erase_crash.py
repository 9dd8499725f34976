"""A kill −9 at any instant of an erasure leaves all of it or nothing, readable nowhere in part, logged once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from nightlight.adapters.vault import FileVault
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import open_again
from nightlight.flows.audit import audit
from nightlight.flows.erase import Eraser
from nightlight.flows.shred_rows import RowShredder
from nightlight.model.case import Outcome, Policy
from nightlight.store.database import Database
from tests.databases import LOG_KEY
from tests.world import NOTICE_MS, World

DAY_MS = 86_400_000


class Copies:
    """Copies of one prepared database with its vault, so that every step begins from the same state."""

    def __init__(self, url: str, vault: Path, folder: Path) -> None:
        self._url, self._vault, self._folder = make_url(url), vault, folder

    @contextmanager
    def copy(self, number: int) -> Iterator[tuple[str, Path]]:
        vault = self._folder / f"vault-{number}"
        shutil.copytree(self._vault, vault)
        if self._url.get_backend_name() == "sqlite":
            path = Path(self._url.database or "")
            mine = self._folder / f"copy-{number}.sqlite3"
            for ending in ("", "-wal"):
                if (theirs := path.with_name(path.name + ending)).exists():
                    shutil.copy(theirs, mine.with_name(mine.name + ending))
            yield f"sqlite:///{mine}", vault
        else:
            name = f"{self._url.database}_{number}"
            dsn = f"host={self._url.query['host']} user={self._url.username} dbname=postgres"
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._url.database}")
                try:
                    yield self._url.set(database=name).render_as_string(hide_password=False), vault
                finally:
                    connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def starter() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flows.crashing_eraser"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    yield process
    process.kill()
    process.communicate()


def test_killed_at_every_step_of_an_erasure(
    world: World, database_url: str, starter: subprocess.Popen[str], tmp_path: Path
) -> None:
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(b"a circle"))
    case_id = world.report(world.abusive, event).report.case_id or ""
    attachment = world.desk.case(case_id, "robin").attachments[event][0].attachment
    blob = world.desk.keep_attachment(case_id, event, attachment.attachment_id, "robin", "for the agency").blob
    assert blob is not None
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "what was found", [])
    world.clock.at += 400 * DAY_MS
    assert world.eraser.sweep().announced == 3
    at = world.clock.at + NOTICE_MS
    world.store.close()
    copies = Copies(database_url, Path(world.folder.name) / "attachments", tmp_path)
    assert starter.stdin is not None
    assert starter.stdout is not None
    # At every step on SQLite; on PostgreSQL, for time, at every eleventh.
    every = 1 if database_url.startswith("sqlite") else 11
    seen = set()
    for step in range(1, 300, every):
        with copies.copy(step) as (url, vault):
            starter.stdin.write(f"{url} {vault} {at} {step}\n")
            starter.stdin.flush()
            ended = starter.stdout.readline().strip()
            assert ended in ("killed", "done")
            seen.add(check(world, url, vault, at, case_id, event, blob))
        if ended == "done":
            break
    else:
        pytest.fail("the sweep never came to an end")
    assert step > 40, "the steps were not counted"
    assert seen == {"whole", "erased"}


def check(world: World, url: str, vault: Path, at: int, case_id: str, event: str, blob: bytes) -> str:
    """After the crash: all or nothing, and the audit passes. After the next sweep: everything is gone, said once."""
    store = Database(url, LOG_KEY)
    try:
        audit(store, [])
        with store.read() as tx:
            erased = any(entry.kind == LogKind.CASE_ERASED for entry in tx.log_of(case_id))
            keys = [message.message_key for report in tx.reports_of(case_id) for message in report.messages]
            if erased:
                assert keys == []
                with pytest.raises(RefusedError):
                    open_again(tx, event)
            else:
                assert all(keys)
                assert open_again(tx, event).event_id == event
        assert erased or FileVault(vault).holds(blob)
        world.clock.at = at
        shredder = RowShredder(store, FileVault(vault))
        Eraser(store, world.clock, world.retention_rules, shredder, NOTICE_MS, lambda: None).sweep()
        assert not FileVault(vault).holds(blob)
        with store.read() as tx:
            kinds = [entry.kind for entry in tx.log_of(case_id)]
            assert tx.preserved(event) is None
            assert (tx.erasures_with_files(), tx.files_to_remove(case_id)) == ([], [])
        assert kinds.count(LogKind.CASE_ERASED) == kinds.count(LogKind.ERASURE_PLANNED) == 1
        audit(store, [])
    finally:
        store.close()
    return "erased" if erased else "whole"
