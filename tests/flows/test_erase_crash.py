"""A kill −9 at any instant of an erasure leaves all of it or nothing, readable nowhere in part, logged once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from nightlight.adapters.objects import FolderObjects
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import open_again
from nightlight.flows.audit import audit
from nightlight.flows.file_identity import FileIdentity
from nightlight.flows.shred_case import CaseShredder
from nightlight.model.case import Outcome, Policy
from nightlight.store.database import Database
from tests.databases import LOG_KEY, case_keys
from tests.world import NOTICE_MS, World

DAY_MS = 86_400_000


class Copy:
    """A copy of a prepared database with its vault, at a place of its own, that can be made again and again."""

    def __init__(self, url: str, vault: Path, folder: Path) -> None:
        self._original, self._vault = make_url(url), vault
        self.vault = folder / "vault"
        self._path = folder / "copy.sqlite3"
        self._sqlite = url.startswith("sqlite")
        self._name = f"{self._original.database}_copy"
        mine = f"sqlite:///{self._path}" if self._sqlite else self._original.set(database=self._name)
        self.url = mine if isinstance(mine, str) else mine.render_as_string(hide_password=False)

    def make(self) -> None:
        shutil.rmtree(self.vault, ignore_errors=True)
        shutil.copytree(self._vault, self.vault)
        if not self._sqlite:
            self.drop()
            self._do(f"CREATE DATABASE {self._name} TEMPLATE {self._original.database}")
            return
        theirs = Path(self._original.database or "")
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        for ending in ("", "-wal"):
            if (file := theirs.with_name(theirs.name + ending)).exists():
                shutil.copy(file, self._path.with_name(self._path.name + ending))

    def drop(self) -> None:
        if not self._sqlite:
            self._do(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")

    def _do(self, statement: str) -> None:
        dsn = f"host={self._original.query['host']} user={self._original.username} dbname=postgres"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statement)


class Killer:
    """Has the copy swept in a process that dies at a step."""

    def __init__(self, copy: Copy, at: int) -> None:
        command = [sys.executable, "-m", "tests.flows.crashing_eraser"]
        given = [copy.url, LOG_KEY.hex(), str(copy.vault), str(at), str(NOTICE_MS)]
        self._process = subprocess.Popen(
            [*command, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def sweep(self, step: int) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{step}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_killed_at_every_step_of_an_erasure(world: World, database_url: str, tmp_path: Path) -> None:
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(b"a circle"))
    case_id = world.report(world.abusive, event).report.case_id or ""
    attachment = world.desk.case(case_id, "robin").attachments[event][0].attachment
    blob = world.desk.keep_attachment(case_id, event, attachment.attachment_id, "robin", "for the agency").blob
    assert blob is not None
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "what was found", [])
    world.clock.at += 400 * DAY_MS
    assert world.eraser.sweep().announced == 3
    world.clock.at += NOTICE_MS
    world.store.close()
    copy = Copy(database_url, Path(world.folder.name) / "vault", tmp_path)
    killer, store = Killer(copy, world.clock.at), Database(copy.url, LOG_KEY, case_keys())
    copy.make()
    assert killer.sweep(0) == "done"
    # At every step on SQLite; on PostgreSQL, for time, at every eleventh.
    every = 1 if database_url.startswith("sqlite") else 11
    seen = set()
    try:
        for step in range(1, 300, every):
            copy.make()
            ended = killer.sweep(step)
            assert ended in ("killed", "done")
            seen.add(check(world, store, copy.vault, case_id, event, blob))
            store.close()
            if ended == "done":
                break
        else:
            pytest.fail("the sweep never came to an end")
    finally:
        store.close()
        killer.stop()
        copy.drop()
    assert step > 40, "the steps were not counted"
    assert seen == {"whole", "erased"}


def check(world: World, store: Database, folder: Path, case_id: str, event: str, blob: bytes) -> str:
    """After the crash: all or nothing, and the audit passes. After the next sweep: everything is gone, said once."""
    seal = case_keys()
    vault = CaseVault(FolderObjects(folder), FileIdentity(store, seal), FlatFolder(folder / "none"))
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
    assert erased or vault.holds(case_id, blob)
    replace(world.eraser, store=store, shredder=CaseShredder(store, vault, seal)).sweep()
    assert not vault.holds(case_id, blob)
    with store.read() as tx:
        kinds = [entry.kind for entry in tx.log_of(case_id)]
        assert tx.preserved(event) is None
        assert tx.erasures_with_files() == []
        assert tx.case_key(case_id) is not None
    assert kinds.count(LogKind.CASE_ERASED) == kinds.count(LogKind.ERASURE_PLANNED) == 1
    audit(store, [])
    return "erased" if erased else "whole"
