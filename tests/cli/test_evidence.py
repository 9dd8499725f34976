"""``nightlight evidence``, as an operator types it: keys, checks, sealing, another master key, reading a file."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlight.cli.secrets import secret
from nightlight.evidence.log import LogKind
from nightlight.store.database import Database
from tests.cli.conftest import Run
from tests.databases import case_keys
from tests.simulators.homeserver import SimulatedHomeserver
from tests.simulators.shared import shared_simulator
from tests.world import World

__all__ = ["shared_simulator"]


class Installation:
    """A data folder with one case, whose picture is kept."""

    def __init__(self, folder: Path, simulator: SimulatedHomeserver, url: str) -> None:
        self.folder = folder
        self.database_url = f"sqlite:///{folder / 'nightlight.sqlite3'}"
        store = Database(self.database_url, secret(folder, "log"), case_keys(secret(folder, "master")))
        store.migrate()
        self.world = world = World(simulator, store, url)
        world.__dict__["case_keys"] = case_keys(secret(folder, "master"))
        content = simulator.upload(b"a circle")
        event = simulator.send_file(world.room, world.mallory, content)
        self.case_id = world.report(event).report.case_id or ""
        world.checker.run_due()
        self.attachment_id = world.desk.case(self.case_id, "robin").attachments[event][0].attachment.attachment_id
        world.desk.keep_attachment(self.case_id, event, self.attachment_id, "robin", "why")
        self.blob = simulator.blobs[content["url"]]
        shutil.copytree(Path(world.folder.name) / "vault", folder / "vault")

    @property
    def kept(self) -> Path:
        (path,) = (path for path in (self.folder / "vault").rglob("*") if path.is_file())
        return path


@pytest.fixture
def here(shared_simulator: tuple[SimulatedHomeserver, str], tmp_path: Path) -> Iterator[Installation]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    installation = Installation(tmp_path / "data", simulator, url)
    yield installation
    installation.world.matrix.close()
    installation.world.store.close()


def test_status_and_check_say_what_is_kept_and_what_is_damaged(run: Run, here: Installation) -> None:
    done = run("evidence", "status")
    assert done.returncode == 0, done.stderr
    assert "1 under" in done.stdout
    assert "0 reports, 0 events, 0 referrals" in done.stdout
    done = run("evidence", "check")
    assert (done.returncode, "1 kept files were read; 0 are damaged" in done.stderr) == (0, True)
    here.kept.write_bytes(here.kept.read_bytes()[:-1])
    done = run("evidence", "check")
    assert done.returncode == 3
    assert f"vault_damaged: {here.kept.name} of {here.case_id}" in done.stderr
    done = run("evidence", "status")
    assert (done.returncode, "vault_damaged" in done.stdout) == (3, True)
    assert "Restore them from a backup" in run("doctor").stdout + run("doctor").stderr


def test_kept_file_is_read_with_a_name_and_a_reason_that_the_log_has(run: Run, here: Installation) -> None:
    read = ("evidence", "read", here.case_id, here.attachment_id, "--by", "robin", "--out", "file.bin", "--reason")
    assert run(*read, " ").returncode == 1
    done = run(*read, "Too large for the bundle")
    assert done.returncode == 0, done.stderr
    out = here.folder.parent / "file.bin"
    assert out.read_bytes() == here.blob
    assert out.stat().st_mode & 0o777 == 0o600
    done = run(*read, "again")
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)  # what is there is not overwritten
    with here.world.store.read() as tx:
        assert [entry.actor for entry in tx.log_entries() if entry.kind == LogKind.ATTACHMENT_READ] == ["robin"] * 2
    out.unlink()
    here.kept.write_bytes(here.kept.read_bytes()[:-1])
    done = run(*read, "once more")
    assert (done.returncode, "damaged" in done.stderr) == (1, True)
    assert not out.exists()
    assert run("log", "verify").returncode == 0


def test_lost_master_key_is_explained_and_rekey_changes_to_another(run: Run, here: Installation) -> None:
    old = here.folder / "master.key"
    old.rename(here.folder.parent / "old.key")
    done = run("evidence", "check")
    assert done.returncode == 1
    assert "encrypted under another master key" in done.stderr
    assert "backup" in done.stderr
    assert run("evidence", "status").returncode == 3
    done = run("evidence", "rekey", "--old-key-file", str(here.folder.parent / "missing.key"))
    assert (done.returncode, "cannot be read" in done.stderr) == (1, True)
    assert run("evidence", "rekey").returncode == 1
    new = secrets.token_hex(32)
    done = run("evidence", "rekey", "--old-key-file", str(here.folder.parent / "old.key"), NIGHTLIGHT_MASTER_KEY=new)
    assert done.returncode == 0, done.stderr
    assert run("evidence", "check", NIGHTLIGHT_MASTER_KEY=new).returncode == 0
    assert run("log", "verify", NIGHTLIGHT_MASTER_KEY=new).returncode == 0
    done = run("log", "verify", NIGHTLIGHT_MASTER_KEY_FILE=str(here.folder.parent / "old.key"))
    assert (done.returncode, "another master key" in done.stderr) == (1, True)
    assert new not in done.stderr + done.stdout
    both = run("evidence", "status", NIGHTLIGHT_MASTER_KEY=new, NIGHTLIGHT_MASTER_KEY_FILE="x")
    assert (both.returncode, "Unset all but one" in both.stderr) == (1, True)


def test_files_of_before_are_moved_in_by_seal(run: Run, here: Installation) -> None:
    name = here.kept.name
    shutil.rmtree(here.folder / "vault")
    (here.folder / "attachments").mkdir()
    (here.folder / "attachments" / name).write_bytes(here.blob)
    assert "1 that are not encrypted" in run("evidence", "status").stdout
    done = run("evidence", "seal")
    assert (done.returncode, "1 kept files" in done.stderr) == (0, True)
    assert here.kept.name == name
    assert here.blob not in here.kept.read_bytes()
    assert list((here.folder / "attachments").iterdir()) == []
    assert run("evidence", "check").returncode == 0
