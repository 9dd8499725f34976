"""Machine code that is kept in a folder from one start to the next, by numba's own cache.

What numba keeps there are pickles: whoever may write to them makes this process run what he likes. So the folder is
taken only if it, and all that leads to it and lies in it, can be changed by nobody but the owner of this process and
root; else everything is compiled anew, as if there were none, and the log says why.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import nightlight.detect
from nightlight.detect.ranges import RANGES

_log = logging.getLogger(__name__)
_FILE = "compiled.py"
#: A pack takes two; the oldest go.
KEPT_MAX = 16
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UnsafeError(Exception):
    """Somebody else could have written there."""


class CodeFolder:
    """Implements ``nightlight.detect.machine_code.CodeStore``. ``root``: is made where it is not there.

    Safe for several processes at once: every file in it appears whole or not at all.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def file(self, text: str) -> str | None:
        try:
            return str(self._file(text))
        except (OSError, UnsafeError) as error:
            _log.warning("Machine code is not kept, each start compiles it anew: %s", error)
            return None

    def damaged(self, file: str, error: Exception) -> None:
        _log.warning("Machine code in %s cannot be read and is compiled anew: %r", file, error)
        shutil.rmtree(Path(file).parent, ignore_errors=True)

    def _file(self, text: str) -> Path:
        if not hasattr(os, "geteuid"):
            raise UnsafeError("who owns a file cannot be told on this system.")
        for name in ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES"):
            if os.environ.get(name):
                raise UnsafeError(f"{name} leads to another folder.")
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self._root / _digest(text)
        _check_way(self._root)
        new = not folder.exists()
        for one in (folder, folder / "__pycache__"):
            one.mkdir(mode=0o700, exist_ok=True)
        file = folder / _FILE
        if not file.exists():
            _write(file, text)
        for one in (folder, *folder.rglob("*")):
            _check(one)
        if file.read_text(encoding="utf-8") != text:
            raise UnsafeError(f"{file} is not what was written there.")
        # Where numba could not write it would look into another folder, which nobody has checked.
        tempfile.TemporaryFile(dir=folder / "__pycache__").close()
        if new:
            self._drop_oldest()
        return file

    def _drop_oldest(self) -> None:
        kept: list[tuple[float, Path]] = []
        for one in self._root.iterdir():
            with suppress(FileNotFoundError):  # another process was faster
                kept.append((one.lstat().st_mtime, one))
        for _, one in sorted(kept)[:-KEPT_MAX]:
            shutil.rmtree(one, ignore_errors=True)


def user_code_folder() -> Path:
    """Where commands keep it: in the user's cache, as the XDG base directory specification has it."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "nightlight" / "machine-code"


def _check_way(root: Path) -> None:
    """Whoever may rename what is on the way may put another folder in its place."""
    for one in (root, *root.parents):
        found = one.lstat()
        if one == root:
            _check(one)
        elif found.st_uid not in (0, os.geteuid()):
            raise UnsafeError(f"{one} is owned by another.")
        elif found.st_mode & _OTHERS_WRITE and not found.st_mode & stat.S_ISVTX and not stat.S_ISLNK(found.st_mode):
            raise UnsafeError(f"others may write to {one}: chmod go-w {one}")


def _check(one: Path) -> None:
    found = one.lstat()
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise UnsafeError(f"{one} is neither a folder nor a file.")
    if found.st_uid != os.geteuid():
        raise UnsafeError(f"{one} is owned by another.")
    if stat.S_ISDIR(found.st_mode) and found.st_mode & _OTHERS_WRITE:
        raise UnsafeError(f"others may write to {one}: remove it.")


def _write(file: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as new:
        new.write(text)
    Path(new.name).replace(file)


def _digest(text: str) -> str:
    """Of all that the machine code depends on. numba itself looks at the text alone, not at what it calls."""
    return hashlib.sha256(json.dumps([text, *_surroundings()]).encode()).hexdigest()[:40]


@cache
def _surroundings() -> list[str]:
    import numba
    import numpy as np
    from llvmlite import __version__ as llvmlite_version
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name

    sources = hashlib.sha256()
    for one in sorted(Path(nightlight.detect.__path__[0]).glob("*.py")):
        sources.update(hashlib.sha256(one.read_bytes()).digest())
    versions = [sys.version, numba.__version__, llvmlite_version, np.__version__]
    return [sources.hexdigest(), repr(RANGES), *versions, get_host_cpu_name(), get_host_cpu_features().flatten()]
