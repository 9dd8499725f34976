"""Engines that look back over a whole history: compiled and divided where that pays and can be had."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from nightlight.adapters.code_folder import CodeFolder
from nightlight.adapters.divided_engine import DividedEngine
from nightlight.detect.batch import BatchEngine, BatchHits, Columns, WindowsEngine
from nightlight.detect.definitions import Pack
from nightlight.errors import UnavailableError

#: From so many events on, compiling is worth its ten seconds.
LARGE = 500_000
THREADS_MAX = 4
#: Keys and values that are kept at once, by each thread: at most about 5 GB.
ENTRIES_MAX = 50_000_000


def engines_for(events: int, code: Path | None = None) -> Callable[[Pack], BatchEngine]:
    """For a history of so many events. ``code``: a folder in which machine code is kept (``CodeFolder``)."""
    if events < LARGE or find_spec("numba") is None:
        return WindowsEngine
    store = CodeFolder(code) if code is not None else None
    threads = min(THREADS_MAX, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    return lambda pack: DividedEngine(pack, lambda part: CompiledHistory(part, store), threads)


def user_code_folder() -> Path:
    """Where commands keep machine code: in the user's cache, as the XDG base directories have it."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "nightlight" / "machine-code"


class CompiledHistory:
    """Implements ``nightlight.detect.batch.BatchEngine``: the compiled engine, in tables with many empty places."""

    def __init__(self, pack: Pack, store: CodeFolder | None = None, entries_max: int = ENTRIES_MAX) -> None:
        from nightlight.detect.compiled import Engine
        from nightlight.detect.live import Limits

        # Chosen ids cannot crowd one place of a table: nobody outside knows this number.
        self._engine = Engine.new(pack, secrets.randbits(64), Limits(entries_max, wide=True), store=store)

    def add_batch(self, columns: Columns) -> BatchHits:
        """``UnavailableError('history_too_large')`` where not all can be kept: a part of it would say something wrong.

        Of one key in one window no more is kept than the live engine keeps.
        """
        hits = self._engine.add_batch(columns)
        if self._engine.counters.dropped:
            raise UnavailableError(
                "history_too_large",
                f"More than {self._engine.limits.entries_max:,} keys and values would have to be kept at once.",
                retry=False,
            )
        return hits
