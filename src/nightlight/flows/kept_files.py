"""Kept files: which case has one, and the way to it for whoever shows or gives it to somebody, which is logged.

Besides this only two read kept files: handing evidence over (``gather_evidence``), which the log says by itself, and
the checks (``check_attachments``, ``check_vault``), which tell nobody what is in them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import attachment_of_case
from nightlight.ports import Clock, Store, Transaction, Vault
from nightlight.respond.enforcement import REASON_CHARS_MAX


@dataclass(frozen=True, slots=True)
class KeptFiles:
    store: Store
    vault: Vault
    clock: Clock

    def read(
        self, case_id: str, event_id: str, attachment_id: str, actor: str, reason: str
    ) -> Generator[bytes, None, None]:
        """The file as it came from the homeserver, encrypted by its sender; that somebody reads it is in the log first.

        ``RefusedError``: ``attachment_not_found``, ``attachment_not_kept``, ``reason_missing``, ``reason_too_long``,
        ``erased``, and what ``Vault.read`` raises.
        """
        checked_reason(reason, "Reading a kept file")
        with self.store.read() as tx:
            attachment = attachment_of_case(tx, case_id, event_id, attachment_id)
            cases = readable_cases(tx, event_id, first=case_id)
        if attachment.blob is None or attachment.kept_at is None:
            raise RefusedError("attachment_not_kept", "This file was not kept.", "Keep it first, in the case.")
        if case_id not in cases:
            raise RefusedError("erased", "What was kept of this case is erased.", "The log says when and why.")
        # Opened before the log says that it was read, and read only after: a file that is gone was read by nobody.
        found = self.vault.read(holder(self.vault, cases, attachment.blob) or case_id, attachment.blob)
        now = self.clock.now()
        with self.store.write() as tx:
            current = attachment_of_case(tx, case_id, event_id, attachment_id)
            detail = {
                "event": current.event_id,
                "reference": current.reference,
                "position": current.position,
                "reason": reason.strip(),
            }
            tx.log(now, LogKind.ATTACHMENT_READ, actor, case_id, detail)
        return found


def readable_cases(tx: Transaction, event_id: str, first: str | None = None) -> list[str]:
    """The cases of a message whose key is not shredded; ``first`` stands first, if it is among them."""
    found = []
    for case_id in tx.cases_of(event_id):
        key = tx.case_key(case_id)
        if key is None or key.shredded_at is None:
            found.append(case_id)
    return sorted(found, key=lambda case_id: case_id != first)


def holder(vault: Vault, cases: Iterable[str], sha256: bytes) -> str | None:
    """The first of the cases that the vault keeps the file for."""
    return next((case_id for case_id in cases if vault.holds(case_id, sha256)), None)


def read_for(vault: Vault, cases: Sequence[str], sha256: bytes) -> Generator[bytes, None, None] | None:
    """The file, from the first of the cases that it is kept for, or None."""
    case_id = holder(vault, cases, sha256)
    return None if case_id is None else vault.read(case_id, sha256)


def checked_reason(reason: str, what: str) -> str:
    """The reason, trimmed; ``RefusedError``: ``reason_missing``, ``reason_too_long``."""
    if not reason.strip():
        raise RefusedError("reason_missing", f"{what} needs a reason.", "Write in a sentence why.")
    if len(reason) > REASON_CHARS_MAX:
        raise RefusedError("reason_too_long", f"A reason has at most {REASON_CHARS_MAX:,} characters.")
    return reason.strip()
