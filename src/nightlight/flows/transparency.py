"""What anybody may ask of the log: signed checkpoints, and proofs that lead to them. Never an entry."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from nightlight.evidence.checkpoint import LogKey, LogSigner
from nightlight.evidence.log import EMPTY, LogHead
from nightlight.ports import Store


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Entry ``number`` (from 1) has this leaf hash in the tree over the first ``size`` entries."""

    number: int
    size: int
    leaf: bytes
    proof: list[bytes]


@dataclass
class _Signed:
    head: LogHead
    text: str


@dataclass(frozen=True, slots=True)
class Transparency:
    store: Store
    signer: LogSigner
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: _Signed = field(default_factory=lambda: _Signed(EMPTY, ""))

    @property
    def key(self) -> LogKey:
        return self.signer.key

    def checkpoint(self) -> str:
        """The signed checkpoint of the log as it is now; signed once for each head."""
        with self.store.read() as tx:
            head = tx.log_head()
        with self._lock:
            if self._last.head != head or not self._last.text:
                self._last.head, self._last.text = head, self.signer.sign(head)
            return self._last.text

    def inclusion(self, number: int, size: int | None) -> InclusionProof:
        """``size`` None: in the tree as it is now. ``RefusedError('log_range')``."""
        with self.store.snapshot() as tx:
            over = tx.log_head().number if size is None else size
            leaf, proof = tx.log_inclusion(number, over)
        return InclusionProof(number, over, leaf, proof)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """``RefusedError('log_range')``."""
        with self.store.snapshot() as tx:
            return tx.log_consistency(old, new)
