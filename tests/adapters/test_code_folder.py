"""Machine code is kept for the next start, and only where nobody else could have changed it."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from nightlight.adapters.code_folder import KEPT_MAX, CodeFolder
from nightlight.detect.compiled import Engine
from nightlight.detect.machine_code import _made
from nightlight.detect.windows import Windows
from tests.detect.packs import pack_of
from tests.detect.streams import random_events

PACK = pack_of(
    """
    - id: asked
      title: Asked
      count_distinct: target
      per: actor
      over: 1h
      lifetime: 1d
      purpose: contact
      source: S
    """,
    """
    - id: asks
      title: Asks
      family: fan_out
      severity: low
      when: asked >= 2
      reason: It asked {asked}.
      expires: 1d
      source: S
    """,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "code"


def judged(store: CodeFolder | None) -> list[object]:
    _made.cache_clear()  # as in a new process
    engine = Engine.new(PACK, salt=3, store=store)
    return [hit for event in random_events(500, seed=1) for hit in engine.add(event)]


def expected() -> list[object]:
    windows = Windows(PACK)
    return [hit for event in random_events(500, seed=1) for hit in windows.add(event)]


def code_files(folder: Path) -> dict[Path, int]:
    return {one: one.stat().st_mtime_ns for one in folder.rglob("*.nb?")}


def test_what_was_compiled_is_read_again_and_says_the_same(folder: Path) -> None:
    wanted = expected()
    assert wanted
    assert judged(CodeFolder(folder)) == wanted
    kept = code_files(folder)
    assert kept
    assert judged(CodeFolder(folder)) == wanted
    assert code_files(folder) == kept  # nothing was compiled again
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_damage_is_compiled_anew(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    judged(CodeFolder(folder))
    for one in code_files(folder):
        one.write_bytes(one.read_bytes()[: one.stat().st_size // 2])
    assert judged(CodeFolder(folder)) == expected()
    assert "cannot be read and is compiled anew" in caplog.text
    assert judged(CodeFolder(folder)) == expected()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(
    folder: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    folder.chmod(mode)
    assert CodeFolder(folder).file("x = 1") is None
    assert "others may write" in caplog.text
    assert list(folder.rglob("*.nb?")) == []


def test_a_folder_on_a_way_that_others_may_change_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    way = tmp_path / "open"
    way.mkdir()
    way.chmod(0o777)
    assert CodeFolder(way / "code").file("x = 1") is None
    assert "chmod go-w" in caplog.text


def test_a_link_in_its_place_is_not_followed(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = tmp_path / "other"
    other.mkdir()
    folder.symlink_to(other)
    assert CodeFolder(folder).file("x = 1") is None
    assert "neither a folder nor a file" in caplog.text


def test_what_another_owns_is_not_used(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = CodeFolder(folder)
    assert code.file("x = 1") is not None
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert code.file("x = 1") is None
    assert "owned by another" in caplog.text


def test_another_text_in_its_place_is_not_used(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = CodeFolder(folder)
    file = code.file("x = 1")
    assert file is not None
    Path(file).write_text("x = 2")
    assert code.file("x = 1") is None
    assert "not what was written" in caplog.text


def test_where_nothing_can_be_written_everything_works_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    caplog.set_level(logging.WARNING)
    assert judged(CodeFolder(tmp_path / "file" / "code")) == expected()
    assert "each start compiles it anew" in caplog.text


def test_numbas_own_settings_do_not_lead_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder.parent))
    assert CodeFolder(folder).file("x = 1") is None


def test_only_so_much_is_kept(folder: Path) -> None:
    code = CodeFolder(folder)
    for number in range(KEPT_MAX + 5):
        assert code.file(f"x = {number}") is not None
    assert len(list(folder.iterdir())) == KEPT_MAX
