"""Engines that take whole batches of columns: what a backtest runs, whichever way the windows are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.definitions import Pack
from nightlight.detect.fields import Seen
from nightlight.detect.windows import Windows

#: By the names of ``columns.COLUMNS``: numpy arrays of one length. (The room stays free of numpy's import.)
Columns = Mapping[str, Any]


class BatchHits(Protocol):
    """Rules that held, in the order of the events and then of the pack. Lists or arrays of one length."""

    @property
    def row(self) -> Any:
        """Places in the batch."""

    @property
    def rule(self) -> Any:
        """Places in ``Pack.rules``."""


@dataclass(frozen=True, slots=True)
class ListedHits:
    row: Sequence[int]
    rule: Sequence[int]


class BatchEngine(Protocol):
    """The state of all features of a pack. Batches come in the order of the log, each event once."""

    def add_batch(self, columns: Columns) -> BatchHits: ...


class WindowsEngine:
    """``Windows`` as one: exact and slow, about a hundred thousand events a second."""

    def __init__(self, pack: Pack) -> None:
        self._windows = Windows(pack)
        self._places = {rule.id: place for place, rule in enumerate(pack.rules)}

    def add_batch(self, columns: Columns) -> BatchHits:
        rows: list[int] = []
        rules: list[int] = []
        for row, values in enumerate(zip(*(columns[name].tolist() for name in SEEN_COLUMNS), strict=True)):
            for hit in self._windows.add(Seen(*values)):
                rows.append(row)
                rules.append(self._places[hit.rule])
        return ListedHits(rows, rules)
