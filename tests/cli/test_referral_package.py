"""``nightlight referral package`` and ``arrived``, as an operator types them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from nightlight.adapters.age import unseal
from nightlight.cli.secrets import secret
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Referral
from nightlight.respond.draft_edit import NewFact
from nightlight.store.database import Database
from tests.cli.conftest import Run
from tests.databases import case_keys
from tests.flows.handing_over import sender
from tests.flows.referring import Referring
from tests.simulators.homeserver import SimulatedHomeserver
from tests.simulators.shared import shared_simulator
from tests.world import World

__all__ = ["shared_simulator"]

IDENTITY = pyrage.x25519.Identity.generate()
SETTINGS = {
    "NIGHTLIGHT_HOMESERVER_URL": "http://127.0.0.1:9",  # nothing is asked of it
    "NIGHTLIGHT_SERVER_NAME": "town.example",
    "NIGHTLIGHT_HOMESERVER_TOKEN": "t" * 40,
    "NIGHTLIGHT_MODULE_SECRET": "s" * 40,
}


@pytest.fixture
def signed(shared_simulator: tuple[SimulatedHomeserver, str], tmp_path: Path) -> Iterator[Referral]:
    """A referral to a police force that two people signed, in the data folder of the commands."""
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    folder = tmp_path / "data"
    keys = case_keys(secret(folder, "master"))
    store = Database(f"sqlite:///{folder / 'nightlight.sqlite3'}", secret(folder, "log"), keys)
    store.migrate()
    world = World(simulator, store, url)
    world.__dict__["case_keys"] = keys
    referring = Referring(world, kind=AgencyKind.POLICE, send=sender(world).send, recipient=str(IDENTITY.to_public()))
    begun = referring.begun()
    referring.saved(begun, "robin", NewFact("suspect.more", "[something more]", 1))
    digest = referring.digest(begun)
    referring.desk.propose(begun.referral_id, "robin", digest)
    yield referring.desk.approve(begun.referral_id, "kim", digest)
    world.matrix.close()
    store.close()


def test_a_package_is_written_and_said_to_have_arrived(run: Run, signed: Referral, tmp_path: Path) -> None:
    out = tmp_path / "report.zip.age"
    early = run("referral", "arrived", signed.referral_id, "--reference", "EX/1", "--as", "robin", **SETTINGS)
    assert early.returncode == 1
    assert "Nobody has taken the package yet" in early.stderr
    done = run("referral", "package", signed.referral_id, "--out", str(out), "--as", "robin", **SETTINGS)
    assert done.returncode == 0, done.stderr
    assert "No evidence bundle goes along" in done.stderr
    assert out.stat().st_mode & 0o077 == 0
    archive = zipfile.ZipFile(io.BytesIO(unseal(out.read_bytes(), [str(IDENTITY)])))
    assert archive.read("referral.pdf").startswith(b"%PDF")
    assert b"[abusive message 1]" in archive.read("conversation.txt")
    arrived = run("referral", "arrived", signed.referral_id, "--reference", "EX/1", "--as", "robin", **SETTINGS)
    assert arrived.returncode == 0, arrived.stderr
    assert "filed" in run("referral", "list", **SETTINGS).stdout
    assert run("log", "verify", **SETTINGS).returncode == 0


def test_where_it_cannot_be_written_nothing_is_left_and_nothing_is_logged(
    run: Run, signed: Referral, tmp_path: Path
) -> None:
    out = tmp_path / "nowhere" / "report.zip.age"
    done = run("referral", "package", signed.referral_id, "--out", str(out), "--as", "robin", **SETTINGS)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    early = run("referral", "arrived", signed.referral_id, "--reference", "EX/1", "--as", "robin", **SETTINGS)
    assert "Nobody has taken the package yet" in early.stderr
