"""The attachments of reported messages: noted with the report, opened again from the evidence, shown with the case."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.evidence.attachment import AttachedFile, attachment_record, attachments_of, file_of
from nightlight.evidence.hash_list import HashList
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import VerifiedMessage, verify_message
from nightlight.flows.check_messages import CheckedMessage
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, Digests, ListMatch
from nightlight.ports import Transaction

NewId = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class AttachmentPolicy:
    """What is done with attachments. ``check``: whether they are looked into at all; ``known``: the operator's list."""

    check: bool = True
    known: HashList | None = field(default=None, repr=False)

    def match(self, digests: Digests) -> ListMatch:
        return ListMatch.NO_LIST if self.known is None else self.known.match(digests)


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """An attachment as a case shows it.

    ``same_cases``: other cases with the very same file; ``same_here``: whether another message of this case has it.
    ``checked_here``: whether this installation checks attachments.
    """

    attachment: Attachment
    same_cases: tuple[str, ...] = ()
    same_here: bool = False
    match: ListMatch | None = None
    checked_here: bool = True


def note_attachments(tx: Transaction, checked: Sequence[CheckedMessage], new_id: NewId, at: int) -> None:
    """A row for each attachment of each proven message, in the transaction of the report. Nothing of it is fetched."""
    for item in checked:
        if item.event is None or not item.message.verdict.proven:
            continue
        files = attachments_of(verify_message(item.event, item.message.message_key))
        known = {row.reference for row in tx.attachments_of([item.message.event_id])} if files else set()
        for position, file in enumerate(files):
            if file.reference not in known:
                tx.add_attachment(_new_row(new_id("attachment"), item.message.event_id, position, file, at))


def _new_row(attachment_id: str, event_id: str, position: int, file: AttachedFile, at: int) -> Attachment:
    return Attachment(
        attachment_id=attachment_id,
        event_id=event_id,
        reference=file.reference,
        position=position,
        # What cannot be checked is known already; it is still the checker that writes it down, and logs it.
        state=AttachmentState.PENDING,
        code=AttachmentCode.PENDING,
        attempts=0,
        next_attempt_at=at,
        updated_at=at,
    )


def open_again(tx: Transaction, event_id: str) -> VerifiedMessage:
    """The proven message from the preserved event; ``RefusedError('not_open')`` or ``'evidence_missing'``."""
    message = tx.proven_message(event_id)
    if message is None:
        raise RefusedError("not_open", "No report proves this message.")
    preserved = tx.preserved(event_id)
    if preserved is None:
        raise RefusedError("evidence_missing", "The preserved event is gone from the database. See the log.")
    return verify_message(check_stored_event(json.loads(preserved), event_id), message.message_key)


def file_again(tx: Transaction, attachment: Attachment) -> AttachedFile:
    """The file that a stored attachment stands for, with its key: for this moment only, it is stored nowhere."""
    return file_of(open_again(tx, attachment.event_id), attachment.reference)


def attachment_of_case(tx: Transaction, case_id: str, event_id: str, attachment_id: str) -> Attachment:
    """``RefusedError('attachment_not_found')`` unless all three belong together."""
    found = tx.attachment(attachment_id)
    if found is None or found.event_id != event_id or case_id not in tx.cases_of(event_id):
        raise RefusedError("attachment_not_found", "There is no such attachment in this case.")
    return found


def attachment_views(
    tx: Transaction, case_id: str, event_ids: Sequence[str], policy: AttachmentPolicy
) -> Mapping[str, Sequence[AttachmentView]]:
    """The attachments of each message of a case."""
    views: dict[str, list[AttachmentView]] = {}
    for attachment in tx.attachments_of(event_ids):
        view = AttachmentView(attachment, checked_here=policy.check)
        if attachment.digests is not None:
            others = [
                pair for pair in tx.same_files(attachment.digests.sha256) if pair != (attachment.event_id, case_id)
            ]
            view = AttachmentView(
                attachment,
                tuple(dict.fromkeys(other for _, other in others if other != case_id)),
                any(other == case_id for _, other in others),
                policy.match(attachment.digests),
                policy.check,
            )
        views.setdefault(attachment.event_id, []).append(view)
    return views


def record_of(attachment: Attachment) -> str:
    """What the log fixes of a check."""
    found = attachment.digests
    return attachment_record(
        attachment.attachment_id, attachment.event_id, attachment.reference, attachment.code, found
    )
