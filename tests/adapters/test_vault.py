"""Kept files: whole or not there, for nobody else to read, opened by their own case alone, any change is seen."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrage import x25519

from nightlight.adapters.age import Noting
from nightlight.adapters.objects import FolderObjects
from nightlight.adapters.sealed.process import _ROOT
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.errors import RefusedError, UnavailableError
from nightlight.ports import Sink

BLOB = os.urandom(2_500_000)
SHA256 = hashlib.sha256(BLOB).digest()
IDENTITIES = {f"case_{name}": str(x25519.Identity.generate()) for name in "abc"}


def vault_in(folder: Path) -> CaseVault:
    return CaseVault(FolderObjects(folder / "vault"), IDENTITIES.__getitem__, FlatFolder(folder / "attachments"))


def chunks(size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(BLOB), size):
        yield BLOB[start : start + size]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def code_of(caught: pytest.ExceptionInfo[RefusedError] | pytest.ExceptionInfo[UnavailableError]) -> str:
    return caught.value.code


def test_what_is_kept_is_read_back_and_stands_nowhere_as_it_was(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    assert not vault.holds("case_a", SHA256)
    vault.keep("case_a", SHA256, chunks())
    vault.keep("case_a", SHA256, chunks())
    assert vault.holds("case_a", SHA256)
    assert not vault.holds("case_b", SHA256)
    assert b"".join(vault.read("case_a", SHA256)) == BLOB
    assert vault.check("case_a", SHA256) == len(BLOB)
    (path,) = files_in(tmp_path)
    assert path == tmp_path / "vault" / "cases" / "case_a" / SHA256.hex()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert BLOB[1000:1032] not in path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 262_144, 1_048_577])
def test_files_of_any_length_come_back(size: int, tmp_path: Path) -> None:
    vault, data = vault_in(tmp_path), os.urandom(size)
    sha256 = hashlib.sha256(data).digest()
    vault.keep("case_a", sha256, [data] if data else [])
    assert b"".join(vault.read("case_a", sha256)) == data
    assert vault.check("case_a", sha256) == size


def test_blob_other_than_the_one_named_leaves_nothing(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    with pytest.raises(RefusedError) as caught:
        vault.keep("case_a", SHA256, [BLOB[:-1]])
    assert code_of(caught) == "attachment_hash_mismatch"
    assert files_in(tmp_path) == []


def test_download_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield BLOB[:1000]
        raise UnavailableError("homeserver_unreachable", "gone")

    with pytest.raises(UnavailableError) as caught:
        vault_in(tmp_path).keep("case_a", SHA256, broken())
    assert code_of(caught) == "homeserver_unreachable"
    assert files_in(tmp_path) == []


def test_killed_keeper_leaves_no_half_file_that_counts(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal, pathlib\nsys.path.insert(0, sys.argv[1])\n"
        "from nightlight.adapters.objects import FolderObjects\n"
        "from nightlight.adapters.vault import CaseVault, FlatFolder\n"
        "def chunks():\n    yield bytes(1000000)\n    os.kill(os.getpid(), signal.SIGKILL)\n    yield b''\n"
        "folder = pathlib.Path(sys.argv[2])\n"
        "vault = CaseVault(FolderObjects(folder / 'vault'), lambda case: sys.argv[3], FlatFolder(folder))\n"
        f"vault.keep('case_a', bytes.fromhex('{SHA256.hex()}'), chunks())"
    )
    arguments = [sys.executable, "-c", script, _ROOT, str(tmp_path), IDENTITIES["case_a"]]
    done = subprocess.run(arguments, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    vault = vault_in(tmp_path)
    (draft,) = files_in(tmp_path)
    assert draft.name.startswith(".draft-")
    assert draft.stat().st_size > 0
    assert not vault.holds("case_a", SHA256)
    vault.keep("case_a", SHA256, chunks())
    assert [path.name for path in files_in(tmp_path)] == [SHA256.hex()]


def test_another_keeper_at_work_is_not_disturbed(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)

    def interrupted() -> Iterator[bytes]:
        for number, chunk in enumerate(chunks()):
            if number == 3:
                vault.keep("case_b", hashlib.sha256(b"another").digest(), [b"another"])
            yield chunk

    vault.keep("case_a", SHA256, interrupted())
    assert b"".join(vault.read("case_a", SHA256)) == BLOB


class Breaking(FolderObjects):
    """A place that fails at the n-th piece that is written, and at no other."""

    def __init__(self, folder: Path, at: int) -> None:
        super().__init__(folder)
        self._at = at
        self.written = 0

    def write(self, name: str, fill: Callable[[Sink], None]) -> None:
        super().write(name, lambda sink: fill(Noting(lambda data: self._one(sink, data))))

    def _one(self, sink: Sink, data: bytes) -> None:
        self.written += 1
        if self.written == self._at:
            raise UnavailableError("vault_unwritable", "the disk is full")
        sink.write(data)


def test_whichever_piece_cannot_be_written_no_half_file_counts_as_kept(tmp_path: Path) -> None:
    blob = BLOB[:70_000]
    sha256 = hashlib.sha256(blob).digest()
    for at in range(1, 50):
        objects = Breaking(tmp_path / str(at), at)
        vault = CaseVault(objects, IDENTITIES.__getitem__, FlatFolder(tmp_path / "none"))
        try:
            vault.keep("case_a", sha256, [blob])
        except UnavailableError:
            assert not vault.holds("case_a", sha256)
            continue
        assert objects.written < at, "a piece was lost, and nobody was told"
        assert b"".join(vault.read("case_a", sha256)) == blob
        break
    assert at > 2, "it was written in pieces"


def test_full_or_missing_disk_is_said_and_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("in the way")
    vault = vault_in(tmp_path)
    with pytest.raises(UnavailableError) as caught:
        vault.keep("case_a", SHA256, chunks())
    assert code_of(caught) == "vault_unwritable"
    (tmp_path / "vault").unlink()
    with pytest.raises(UnavailableError) as caught:
        vault.read("case_a", SHA256)
    assert code_of(caught) == "vault_unreadable"


def test_file_that_somebody_removed_is_missed(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    vault.keep("case_a", SHA256, chunks())
    files_in(tmp_path)[0].unlink()
    for read in (vault.read, vault.check):
        with pytest.raises(RefusedError) as caught:
            read("case_a", SHA256)
        assert code_of(caught) == "vault_missing"


SMALL = os.urandom(70_000)
SMALL_SHA256 = hashlib.sha256(SMALL).digest()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[CaseVault, Path]:
    folder = tmp_path_factory.mktemp("kept")
    vault = vault_in(folder)
    vault.keep("case_a", SMALL_SHA256, [SMALL])
    return vault, files_in(folder)[0]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_to_any_byte_of_an_object_is_detected(data: st.DataObject, kept: tuple[CaseVault, Path]) -> None:
    vault, path = kept
    whole = path.read_bytes()
    # The head of an age file is text: as many tries there as in all the rest.
    position = data.draw(st.integers(0, 300) | st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        with pytest.raises(RefusedError) as caught:
            vault.check("case_a", SMALL_SHA256)
        assert code_of(caught) == "vault_damaged"
        with pytest.raises(RefusedError) as caught:
            b"".join(vault.read("case_a", SMALL_SHA256))
        assert code_of(caught) == "vault_damaged"
    finally:
        path.write_bytes(whole)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, 70_000), more=st.booleans())
def test_object_that_was_cut_or_lengthened_is_detected(length: int, more: bool, kept: tuple[CaseVault, Path]) -> None:
    vault, path = kept
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: length + 1] if more else whole[:length])
    try:
        with pytest.raises(RefusedError) as caught:
            vault.check("case_a", SMALL_SHA256)
        assert code_of(caught) == "vault_damaged"
    finally:
        path.write_bytes(whole)


def test_objects_of_two_cases_cannot_be_swapped_nor_two_of_one_case(tmp_path: Path) -> None:
    vault, other = vault_in(tmp_path), os.urandom(1000)
    other_sha256 = hashlib.sha256(other).digest()
    vault.keep("case_a", SHA256, chunks())
    vault.keep("case_b", SHA256, chunks())
    vault.keep("case_a", other_sha256, [other])
    cases = tmp_path / "vault" / "cases"
    of_a, of_b = (cases / case / SHA256.hex() for case in ("case_a", "case_b"))
    kept = of_a.read_bytes()
    of_a.write_bytes(of_b.read_bytes())
    with pytest.raises(RefusedError) as caught:
        vault.check("case_a", SHA256)
    assert code_of(caught) == "vault_damaged"
    of_a.write_bytes((cases / "case_a" / other_sha256.hex()).read_bytes())
    with pytest.raises(RefusedError) as caught:
        b"".join(vault.read("case_a", SHA256))
    assert code_of(caught) == "vault_damaged"
    of_a.write_bytes(kept)
    assert vault.check("case_a", SHA256) == len(BLOB)


def test_removing_a_case_leaves_the_others(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    for case in ("case_a", "case_b"):
        vault.keep(case, SHA256, chunks())
    vault.remove("case_a")
    vault.remove("case_a")
    assert not vault.holds("case_a", SHA256)
    assert vault.check("case_b", SHA256) == len(BLOB)


@pytest.mark.parametrize("case_id", ["", "..", "a/b", "../case_a", ".hidden", "a\x00b", "x" * 129])
def test_case_id_that_is_a_path_reaches_nothing(case_id: str, tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    for call in (
        lambda: vault.keep(case_id, SHA256, chunks()),
        lambda: vault.remove(case_id),
        lambda: vault.read(case_id, SHA256),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        assert code_of(caught) == "case_not_found"
    assert files_in(tmp_path) == []


def test_files_of_before_are_read_and_moved_in(tmp_path: Path) -> None:
    flat = tmp_path / "attachments"
    flat.mkdir()
    (flat / SHA256.hex()).write_bytes(BLOB)
    (flat / "notes.txt").write_text("not a kept file")
    vault = vault_in(tmp_path)
    assert vault.holds("case_a", SHA256)
    assert b"".join(vault.read("case_a", SHA256)) == BLOB
    assert vault.check("case_a", SHA256) == len(BLOB)
    assert vault.old_files() == [SHA256]
    vault.move_in(SHA256, ["case_a", "case_b"])
    assert vault.old_files() == []
    assert not vault.holds("case_c", SHA256)
    assert b"".join(vault.read("case_b", SHA256)) == BLOB


def test_old_file_that_was_changed_is_detected_and_not_moved_in(tmp_path: Path) -> None:
    flat = tmp_path / "attachments"
    flat.mkdir()
    (flat / SHA256.hex()).write_bytes(BLOB[:-1])
    vault = vault_in(tmp_path)
    with pytest.raises(RefusedError) as caught:
        b"".join(vault.read("case_a", SHA256))
    assert code_of(caught) == "vault_damaged"
    with pytest.raises(RefusedError) as caught:
        vault.move_in(SHA256, ["case_a"])
    assert code_of(caught) == "attachment_hash_mismatch"
    assert vault.old_files() == [SHA256]


def test_reader_who_stops_early_leaves_no_thread_behind(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    vault.keep("case_a", SHA256, chunks())
    before = threading.active_count()
    reading = vault.read("case_a", SHA256)
    assert len(next(reading)) > 0
    reading.close()
    assert threading.active_count() == before
