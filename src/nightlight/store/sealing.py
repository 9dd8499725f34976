"""Values sealed under the data key of their case, on their way into the tables and out of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nightlight.errors import RefusedError
from nightlight.ports import CaseSeal

if TYPE_CHECKING:
    from nightlight.ports import Transaction


class Sealing:
    """What seals the values of one transaction. Without a seal, values are stored in the clear."""

    def __init__(self, seal: CaseSeal | None, tx: Transaction) -> None:
        self._seal = seal
        self._tx = tx

    @property
    def on(self) -> bool:
        return self._seal is not None

    def close(self, case_id: str, where: str, plain: bytes) -> bytes:
        """The sealed value; only where sealing is ``on``."""
        return self._needed().close(self._tx, case_id, where, plain)

    def open(self, case_id: str, where: str, sealed: bytes) -> bytes:
        """``RefusedError``: ``sealed_damaged``, ``erased``, ``master_key_wrong``, ``master_key_missing``."""
        return self._needed().open(self._tx, case_id, where, sealed)

    def _needed(self) -> CaseSeal:
        if self._seal is None:
            raise RefusedError(
                "master_key_missing",
                "This is encrypted under the data key of its case, and no master key was given to open it.",
                "Run this where the master key is set (docs/evidence-vault.md).",
            )
        return self._seal


def place(table: str, *row: str | int, column: str) -> str:
    """Where a sealed value stands: table, primary key and column, told apart whatever they contain."""
    return json.dumps([table, *row, column])
