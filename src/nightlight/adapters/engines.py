"""Engines of detection: a plain one, and one compiled to machine code where that pays and can be had."""

from __future__ import annotations

import gc
import json
import os
import secrets
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from nightlight.adapters.code_folder import CodeFolder, user_code_folder
from nightlight.detect.batch import BatchEngine, WindowsEngine
from nightlight.detect.definitions import Pack
from nightlight.detect.engine import ENTRIES_MAX, Engine
from nightlight.errors import RefusedError
from nightlight.model.event import Event

#: What detection needs beside the rest of Nightlight.
NEEDED = ("numpy", "numba")
#: From how many events on compiling pays in a backtest.
COMPILED_FROM = 500_000
#: More would wait for one another: few rules have nothing in common with others.
THREADS_MAX = 4
INSTALL = "pip install 'nightlight[detect]'"


#: What reading events in columns needs.
COLUMNS_NEEDED = ("pyarrow", "flatbuffers")


def column_reader() -> Callable[[bytes, int], Sequence[Event | RefusedError]] | None:
    """Reads events in binary form, where that can be read; what it needs is loaded when the first of them come."""
    if not all(find_spec(name) is not None for name in COLUMNS_NEEDED):
        return None

    def read(body: bytes, most: int) -> Sequence[Event | RefusedError]:
        from nightlight.adapters.arrow_events import read_events

        return read_events(body, most)

    return read


def can_detect() -> bool:
    """Whether detection can run here at all."""
    return all(find_spec(name) is not None for name in NEEDED)


def batch_engine(events: int, code: Path | None = None) -> Callable[[Pack], BatchEngine]:
    """For so many events: plain windows for few; for many, compiled, in several threads.

    ``code``: the folder in which machine code is kept, so that compiling takes its ten seconds once; None: in the
    user's cache.
    """
    if events <= COMPILED_FROM or not can_detect():
        return WindowsEngine
    from nightlight.adapters.compiled_history import CompiledHistory
    from nightlight.adapters.divided_engine import DividedEngine

    store = CodeFolder(code or user_code_folder())
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return lambda pack: DividedEngine(pack, lambda part: CompiledHistory(part, store), min(THREADS_MAX, processors))


class LiveEngines:
    """Implements ``nightlight.detect.engine.Engines``.

    The compiled engine takes some ten seconds until it is there, and is ten times faster from then on; so it is made
    where the log is long. ``large``: always, or never, whatever the length of the log. ``code``: a folder in which its
    machine code is kept, so that it takes ten seconds the first time only. ``most``: how many keys and values it keeps.
    """

    def __init__(self, *, large: bool | None = None, code: Path | None = None, most: int = ENTRIES_MAX) -> None:
        self._most = most
        self._large = large
        self._code = CodeFolder(code) if code is not None else None
        # Chosen ids cannot crowd one place of a table: nobody outside knows this number.
        self._salt = secrets.randbits(64)

    def new(self, pack: Pack, since: int | None, *, large: bool) -> Engine:
        if large if self._large is None else self._large:
            from nightlight.detect.compiled import Engine as Compiled
            from nightlight.detect.live import Limits

            made = Compiled.new(pack, self._salt, Limits(self._most), since, self._code)
            _settle()
            return made
        from nightlight.detect.plain import PlainEngine

        return PlainEngine.new(pack, since)

    def outgrown(self, engine: Engine) -> bool:
        from nightlight.detect.plain import PlainEngine

        return self._large is not False and isinstance(engine, PlainEngine)

    def restore(self, pack: Pack, data: bytes) -> Engine:
        from nightlight.detect.plain import MAGIC, PlainEngine

        if data.startswith(MAGIC):
            try:
                return PlainEngine.restore(pack, data)
            except (KeyError, TypeError, ValueError, json.JSONDecodeError):
                raise RefusedError("snapshot_corrupted", "The snapshot is damaged.") from None
        from nightlight.detect.compiled import Engine as Compiled
        from nightlight.detect.live import Limits

        made = Compiled.restore(pack, data, self._salt, Limits(self._most), self._code)
        _settle()
        return made


def _settle() -> None:
    """What the compiler keeps, some hundred thousand objects, stays: nobody has to look through it for cycles again."""
    gc.collect()
    gc.freeze()


class SnapshotFile:
    """Implements ``nightlight.detect.engine.Memory``: one file, readable by its owner only, whole or not there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def keep(self, data: bytes) -> None:
        """A snapshot is for speed: where it cannot be written, the log is read instead."""
        new = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError:
            new.unlink(missing_ok=True)

    def drop(self) -> None:
        self._path.unlink(missing_ok=True)
