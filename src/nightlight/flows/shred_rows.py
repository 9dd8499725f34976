"""Erasing evidence whose rows are readable: they are overwritten, and kept files that nobody needs are removed."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.ports import Store, Transaction, Vault


@dataclass(frozen=True, slots=True)
class RowShredder:
    """Implements ``nightlight.ports.Shredder`` on tables and a vault in which every case shares the files."""

    store: Store
    vault: Vault

    def shred(self, tx: Transaction, case_id: str, now: int) -> None:  # noqa: ARG002 - a row has no time of death
        tx.erase_evidence(case_id)

    def remove_files(self, case_id: str) -> None:
        """Under the lock of all writers, so that nobody comes to refer to a file while it is removed."""
        with self.store.write() as tx:
            for sha256 in tx.files_to_remove(case_id):
                self.vault.remove(sha256)
            tx.files_removed(case_id)
