"""The age identity of a case, for whoever encrypts and decrypts its files outside of any transaction."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.ports import CaseSeal, Store


@dataclass(frozen=True, slots=True)
class FileIdentity:
    store: Store
    seal: CaseSeal

    def __call__(self, case_id: str) -> str:
        """Made with the case's data key, if it has none; ``RefusedError('erased')`` once that is shredded."""
        with self.store.read() as tx:
            if tx.case_key(case_id) is not None:
                return self.seal.file_identity(tx, case_id)
        with self.store.write() as tx:
            return self.seal.file_identity(tx, case_id)
