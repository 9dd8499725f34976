"""The compiled engine as it looks back over a whole history."""

from __future__ import annotations

import secrets

from nightlight.adapters.code_folder import CodeFolder
from nightlight.detect.batch import BatchHits, Columns
from nightlight.detect.definitions import Pack
from nightlight.errors import UnavailableError

#: Keys and values that are kept at once, by each thread: at most about 5 GB.
ENTRIES_MAX = 50_000_000


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
