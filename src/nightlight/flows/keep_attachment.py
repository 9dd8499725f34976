"""Keeping an attachment: a decision of its own, with a reason, in the log. What is kept is ciphertext, unopened.

The file is durable before the row and the log entry say so. A crash in between leaves a file that nothing refers to,
and the same request made again completes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.attachment import EncryptedFile
from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import attachment_of_case, file_again
from nightlight.flows.kept_files import checked_reason, read_for, readable_cases
from nightlight.flows.require_evidence import require_evidence
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState
from nightlight.model.kept_file import KeptFile
from nightlight.ports import Clock, Homeserver, Store, Vault


@dataclass(frozen=True, slots=True)
class AttachmentKeeper:
    store: Store
    homeserver: Homeserver
    vault: Vault
    clock: Clock

    def keep(self, case_id: str, event_id: str, attachment_id: str, reviewer: str, reason: str) -> Attachment:
        """The attachment with its file kept; kept already is done, too.

        ``RefusedError``: ``attachment_not_found``, ``attachment_not_bound``, ``attachment_hash_mismatch``,
        ``reason_missing``, ``reason_too_long``, ``erased``, and what ``Homeserver.download`` raises.
        """
        checked_reason(reason, "Keeping a file")
        with self.store.read() as tx:
            attachment = attachment_of_case(tx, case_id, event_id, attachment_id)
            file = file_again(tx, attachment)
            cases = readable_cases(tx, event_id, first=case_id)
        if not isinstance(file, EncryptedFile):
            raise RefusedError(
                "attachment_not_bound",
                "The message does not fix which file this is, so keeping it would prove nothing.",
            )
        here = self.vault.holds(case_id, file.sha256)
        if attachment.kept_at is not None and here:
            return attachment
        if not here:
            # What another case has of the same message is there, even if the homeserver has lost it.
            found = read_for(self.vault, cases, file.sha256) or self.homeserver.download(file.mxc)
            self.vault.keep(case_id, file.sha256, found)
        now = self.clock.now()
        with self.store.write() as tx:
            require_evidence(tx, case_id)  # it may have been erased since the file was fetched
            current = attachment_of_case(tx, case_id, event_id, attachment_id)
            if tx.kept_file(case_id, file.sha256) is None:
                tx.put_kept_file(KeptFile(case_id, file.sha256, now, now))
            if current.kept_at is not None:
                return current  # another reviewer was faster
            kept = replace(current, blob=file.sha256, kept_at=now)
            tx.save_attachment(kept)
            detail = {**_about(current), "reason": reason.strip()}
            tx.log(now, LogKind.ATTACHMENT_KEPT, reviewer, case_id, detail)
        return kept

    def check_again(self, case_id: str, event_id: str, attachment_id: str, reviewer: str) -> Attachment:
        """Has a file checked once more: it may be back, or what was kept of it is to be held against the message again.

        ``RefusedError``: ``attachment_not_found``, ``not_checked_yet``, ``not_failed``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            attachment = attachment_of_case(tx, case_id, event_id, attachment_id)
            if attachment.state is AttachmentState.PENDING:
                raise RefusedError("not_checked_yet", "This file is being checked already.", "Reload the page.")
            if attachment.verdict.bound and attachment.kept_at is None:
                raise RefusedError("not_failed", "That this is the file was established already.", "Reload the page.")
            again = replace(
                attachment,
                state=AttachmentState.PENDING,
                code=AttachmentCode.PENDING,
                attempts=0,
                next_attempt_at=now,
                updated_at=now,
                error=None,
            )
            tx.save_attachment(again)
            tx.log(now, LogKind.ATTACHMENT_RETRIED, reviewer, case_id, _about(attachment))
        return again


def _about(attachment: Attachment) -> dict[str, Any]:
    return {"event": attachment.event_id, "reference": attachment.reference, "position": attachment.position}
