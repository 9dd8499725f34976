"""Kept files: whole or not there, for nobody else to read, the same after a crash."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlight.adapters.sealed.process import _ROOT
from nightlight.adapters.vault import FileVault
from nightlight.errors import RefusedError, UnavailableError

BLOB = os.urandom(2_500_000)
SHA256 = hashlib.sha256(BLOB).digest()


def chunks() -> Iterator[bytes]:
    for start in range(0, len(BLOB), 100_000):
        yield BLOB[start : start + 100_000]


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    vault = FileVault(tmp_path / "attachments")
    assert not vault.holds(SHA256)
    vault.keep(SHA256, chunks())
    vault.keep(SHA256, chunks())
    assert vault.holds(SHA256)
    assert b"".join(vault.read(SHA256)) == BLOB
    (path,) = (tmp_path / "attachments").iterdir()
    assert path.name == SHA256.hex()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_blob_other_than_the_one_named_leaves_nothing(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)
    with pytest.raises(RefusedError) as caught:
        vault.keep(SHA256, [BLOB[:-1]])
    assert caught.value.code == "attachment_hash_mismatch"
    assert list(tmp_path.iterdir()) == []


def test_download_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield BLOB[:1000]
        raise UnavailableError("homeserver_unreachable", "gone")

    with pytest.raises(UnavailableError) as caught:
        FileVault(tmp_path).keep(SHA256, broken())
    assert caught.value.code == "homeserver_unreachable"
    assert list(tmp_path.iterdir()) == []


def test_crash_leaves_no_half_file_that_counts(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal, pathlib\nsys.path.insert(0, sys.argv[1])\n"
        "from nightlight.adapters.vault import FileVault\n"
        "def chunks():\n    yield bytes(1000)\n    os.kill(os.getpid(), signal.SIGKILL)\n    yield b''\n"
        f"FileVault(pathlib.Path(sys.argv[2])).keep(bytes.fromhex('{SHA256.hex()}'), chunks())"
    )
    done = subprocess.run([sys.executable, "-c", script, _ROOT, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    vault = FileVault(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1  # a draft
    assert not vault.holds(SHA256)
    vault.keep(SHA256, chunks())
    assert [path.name for path in tmp_path.iterdir()] == [SHA256.hex()]


def test_another_keeper_at_work_is_not_disturbed(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)

    def interrupted() -> Iterator[bytes]:
        for number, chunk in enumerate(chunks()):
            if number == 3:
                vault.keep(hashlib.sha256(b"another").digest(), [b"another"])
            yield chunk

    vault.keep(SHA256, interrupted())
    assert b"".join(vault.read(SHA256)) == BLOB


def test_full_or_missing_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    vault = FileVault(tmp_path / "file")
    with pytest.raises(UnavailableError) as caught:
        vault.keep(SHA256, chunks())
    assert caught.value.code == "vault_unwritable"
    with pytest.raises(UnavailableError) as caught:
        b"".join(vault.read(SHA256))
    assert caught.value.code == "vault_unreadable"
