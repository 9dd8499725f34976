"""The town's log: rows in their order, numbered, their ids keyed, handed on in blocks of one size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nightlight.detect.columns import COLUMNS
from nightlight.town.keyed_numbers import Ints, What, keyed_numbers

#: Rows of a block, and of a row group in the files.
BLOCK_ROWS = 1_000_000
#: A doubled event comes again at most so many rows later.
_AGAIN_MAX = 500

#: What the town writes down of an event; ids are indices here, -1 for none.
ROW = (
    *("t", "at", "kind", "actor", "target", "room", "item", "messages", "bytes", "word", "actor_band", "target_band"),
    *("relation", "mutual", "known_for", "banned_links", "banned_in_room"),
)
_KEYED = {"actor": What.ACCOUNT, "target": What.ACCOUNT, "room": What.ROOM, "item": What.ITEM}

Block = Mapping[str, NDArray[np.generic]]
Rows = tuple[int, ...]


class Journal:
    def __init__(self, seed: int, most: int, doubled: float, block_rows: int = BLOCK_ROWS) -> None:
        self._seed = seed
        self._most = most
        self._doubled = doubled
        self._block_rows = block_rows
        self._dice = np.random.Generator(np.random.PCG64([seed, 3]))
        self._single: list[Rows] = []
        self._pieces: list[Mapping[str, Ints]] = []
        self._waiting = 0
        self._numbered = 0
        #: Events so far, each counted once.
        self.events = 0
        #: When the last event was taken.
        self.t = 0

    @property
    def full(self) -> bool:
        return self._numbered >= self._most

    def add(self, row: Rows) -> None:
        self._single.append(row)
        self.events += 1
        self.t = row[0]

    def add_many(self, rows: Mapping[str, Ints]) -> None:
        """Columns that are missing are 0, ids that are missing none."""
        self._settle()
        self._pieces.append(rows)
        self._waiting += len(rows["t"])
        self.events += len(rows["t"])
        self.t = int(rows["t"][-1])

    def blocks(self, *, last: bool = False) -> Iterator[Block]:
        """Blocks that are complete; with ``last`` also the rest."""
        self._settle()
        if not last and self._waiting < self._block_rows:
            return
        made = {name: np.concatenate([self._column(piece, name) for piece in self._pieces]) for name in ROW}
        place = 0
        while self._waiting - place >= (1 if last else self._block_rows):
            part = slice(place, min(place + self._block_rows, self._waiting))
            place = part.stop
            block = self._block({name: column[part] for name, column in made.items()})
            if len(block["t"]):
                yield block
        self._pieces = [{name: column[place:].copy() for name, column in made.items()}]
        self._waiting -= place

    def _settle(self) -> None:
        if self._single:
            table = np.array(self._single, np.int64)
            self._pieces.append({name: table[:, place] for place, name in enumerate(ROW)})
            self._waiting += len(self._single)
            self._single.clear()

    def _column(self, piece: Mapping[str, Ints], name: str) -> Ints:
        if name in piece:
            return piece[name]
        return np.full(len(piece["t"]), -1 if name in _KEYED else 0, np.int64)

    def _block(self, rows: dict[str, Ints]) -> Block:
        size = len(rows["t"])
        # The number of an event is its place among all events; where none is doubled also its place in the log.
        rows["event"] = self._first_event + np.arange(size)
        self._first_event += size
        if self._doubled:
            rows = self._with_doubles(rows, size)
        size = min(len(rows["t"]), self._most - self._numbered)
        rows = {name: column[:size] for name, column in rows.items()}
        rows["number"] = 1 + self._numbered + np.arange(size)
        self._numbered += size
        for name, what in (*_KEYED.items(), ("event", What.EVENT)):
            rows[name] = keyed_numbers(what, rows[name], self._seed)
        return {column.name: rows[column.name].astype(column.dtype) for column in COLUMNS}

    _first_event = 0

    def _with_doubles(self, rows: dict[str, Ints], size: int) -> dict[str, Ints]:
        again = np.flatnonzero(self._dice.random(size) < self._doubled)
        # A copy stands behind the row after which it came, and was taken when that row was.
        behind = np.minimum(again + self._dice.integers(0, _AGAIN_MAX, len(again)), size - 1)
        source = np.concatenate([np.arange(size), again])
        order = np.argsort(np.concatenate([np.arange(size), behind]), kind="stable")
        taken = np.concatenate([rows["t"], rows["t"][behind]])[order]
        rows = {name: column[source[order]] for name, column in rows.items()}
        rows["t"] = taken
        return rows
