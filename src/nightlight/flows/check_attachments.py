"""Checking attachments: fetched, opened where nobody sees them, digested, dropped. What is kept is the verdict.

A check may run twice (a crash between the worker's answer and our note of it); it changes nothing but its own row, and
only whoever holds the row's lease writes it, so its verdict is stored and logged once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.attachment import EncryptedFile
from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import AttachmentPolicy, file_again, record_of
from nightlight.flows.enforce import BACKOFF_MAX_MS
from nightlight.flows.kept_files import read_for, readable_cases
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, Digests
from nightlight.ports import Clock, Digester, Homeserver, Store, Transaction, Vault

#: What a refusal on the way means for the file.
_CODES = {
    "attachment_hash_mismatch": AttachmentCode.HASH_MISMATCH,
    "attachment_too_large": AttachmentCode.TOO_LARGE,
    "media_too_large": AttachmentCode.TOO_LARGE,
    "media_gone": AttachmentCode.GONE,
    "media_quarantined": AttachmentCode.GONE,
    "no_such_media": AttachmentCode.MALFORMED,
}


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """``bytes_max``: of one file; ``attempts_max``: tries; ``lease_ms``: longer than one try can take."""

    bytes_max: int
    attempts_max: int
    lease_ms: int


@dataclass(frozen=True, slots=True)
class AttachmentChecker:
    """``jitter`` returns a factor around 1, so that many files do not come back at one instant."""

    store: Store
    homeserver: Homeserver
    digester: Digester
    vault: Vault
    clock: Clock
    policy: AttachmentPolicy
    limits: AttachmentLimits
    jitter: Callable[[], float]

    def run_due(self) -> int:
        """Checks every attachment that is due; returns how many were tried. Nothing while the policy is off."""
        tried = 0
        while self.policy.check and (attachment := self._claim()) is not None:
            self._try(attachment)
            tried += 1
        return tried

    def _claim(self) -> Attachment | None:
        now = self.clock.now()
        with self.store.read() as tx:
            if tx.due_attachment(now) is None:
                return None
        with self.store.write() as tx:
            due = tx.due_attachment(now)
            if due is None:
                return None
            claimed = replace(due, attempts=due.attempts + 1, next_attempt_at=now + self.limits.lease_ms)
            tx.save_attachment(claimed)
        return claimed

    def _try(self, attachment: Attachment) -> None:
        try:
            with self.store.read() as tx:
                file = file_again(tx, attachment)
                cases = readable_cases(tx, attachment.event_id)
            if isinstance(file, EncryptedFile):
                self._settle(attachment, AttachmentCode.MATCHES_EVENT, None, self._digests(file, cases))
            else:
                self._settle(attachment, file.code, None)
        except RefusedError as e:
            self._settle(attachment, _CODES.get(e.code, AttachmentCode.UNCHECKED), e.message)
        except UnavailableError as e:
            if e.retry and attachment.attempts < self.limits.attempts_max:
                self._postpone(attachment, e.message)
            else:
                self._settle(attachment, AttachmentCode.UNCHECKED, e.message)

    def _digests(self, file: EncryptedFile, cases: Sequence[str]) -> Digests:
        # What was kept here comes first: it is still there when the homeserver quarantined or deleted it.
        kept = read_for(self.vault, cases, file.sha256)
        ciphertext = self.homeserver.download(file.mxc) if kept is None else kept
        try:
            return self.digester.digest(file.opening, file.sha256, ciphertext, self.limits.bytes_max)
        except RefusedError as e:
            if kept is not None and e.code in ("attachment_hash_mismatch", "vault_damaged"):
                why = "The file as it was kept here is damaged, or somebody changed it."
                raise UnavailableError("vault_damaged", why, retry=False) from None
            raise
        finally:
            # A generator that nobody reads to its end holds its connection until it is closed.
            getattr(ciphertext, "close", lambda: None)()

    def _settle(
        self, attachment: Attachment, code: AttachmentCode, error: str | None, digests: Digests | None = None
    ) -> None:
        now = self.clock.now()
        state = AttachmentState.FAILED if code is AttachmentCode.UNCHECKED else AttachmentState.CHECKED
        with self.store.write() as tx:
            current = self._still_ours(tx, attachment)
            if current is None:
                return
            settled = replace(current, state=state, code=code, error=error, digests=digests, updated_at=now)
            tx.save_attachment(settled)
            cases = tx.cases_of(attachment.event_id)
            detail = {
                "event": attachment.event_id,
                "reference": attachment.reference,
                "position": attachment.position,
                "verdict": code,
                "attempts": attachment.attempts,
                "record": record_of(settled),
                "list": self.policy.match(digests) if digests else None,
            }
            tx.log(now, LogKind.ATTACHMENT_CHECKED, "nightlight", cases[-1] if cases else "", detail)

    def _postpone(self, attachment: Attachment, error: str) -> None:
        now = self.clock.now()
        wait_ms = min(BACKOFF_MAX_MS, 1_000 * 2 ** (attachment.attempts - 1)) * self.jitter()
        with self.store.write() as tx:
            current = self._still_ours(tx, attachment)
            if current is not None:
                tx.save_attachment(replace(current, error=error, updated_at=now, next_attempt_at=now + int(wait_ms)))

    def _still_ours(self, tx: Transaction, attachment: Attachment) -> Attachment | None:
        """The row as it is now, unless the lease ran out and somebody else took it over."""
        current = tx.attachment(attachment.attachment_id)
        if current is None or current.state is not AttachmentState.PENDING or current.attempts != attachment.attempts:
            return None
        return current
