"""Erasing evidence: the case's data key is destroyed, what it sealed is overwritten, its files are removed."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.ports import CaseSeal, Store, Transaction, Vault


@dataclass(frozen=True, slots=True)
class CaseShredder:
    """Implements ``nightlight.ports.Shredder``.

    Without the key nobody opens what is sealed, not in a backup of the database either, whose copy of the key opens
    only with the master key. Overwriting the rows all the same costs nothing, and removes what was never sealed.
    """

    store: Store
    vault: Vault
    seal: CaseSeal

    def shred(self, tx: Transaction, case_id: str, now: int) -> None:
        self.seal.shred(tx, case_id, now)
        tx.erase_evidence(case_id)

    def remove_files(self, case_id: str) -> None:
        self.vault.remove(case_id)
        # Files from before there were keys of cases are shared by all cases with a message that has them. Under the
        # lock of all writers, so that nobody comes to need one while it is removed.
        if old := self.vault.old_files():
            with self.store.write() as tx:
                for sha256 in old:
                    if not tx.cases_needing(sha256):
                        self.vault.move_in(sha256, ())
