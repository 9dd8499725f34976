"""What goes to an agency with a draft: the reported messages as a text, the kept files, and whether anybody looked.

Opened from the evidence for this moment and stored nowhere. Whether a person looked is what the log says, never what
somebody remembers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from nightlight.errors import RefusedError
from nightlight.evidence.attachment import EncryptedFile
from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.attachments import file_again, open_again
from nightlight.flows.kept_files import read_for, readable_cases
from nightlight.flows.require_evidence import require_evidence
from nightlight.hazmat.attachment import plaintext_of
from nightlight.model.attachment import Attachment
from nightlight.model.draft import Draft, DraftFile
from nightlight.model.referral import Referral
from nightlight.ports import Store, Transaction, Vault
from nightlight.respond.conversation import Line, conversation
from nightlight.respond.transcript import TranscriptLine, transcript

TRANSCRIPT_NAME = "conversation.txt"


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file that goes out. ``name``: what it is called there, never what a stranger called it.

    ``original_name``: what the sender called it. ``uploaded_at``: milliseconds since 1970, UTC. ``viewed``: whether a
    person looked at it. ``attachment``: None for the transcript.
    """

    name: str
    original_name: str = field(repr=False)
    uploaded_at: int | None
    viewed: bool
    sent: DraftFile | None
    attachment: Attachment | None
    text: bytes = field(default=b"", repr=False)
    #: Cases that may have the file, the referral's own first.
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """``transcript``: empty where no message goes out. ``lines``: the messages in it, one by one."""

    draft: Draft
    transcript: str = field(repr=False)
    files: tuple[PreparedFile, ...]
    lines: tuple[TranscriptLine, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Preparation:
    """``size_max``: of one file, bytes."""

    store: Store
    vault: Vault
    size_max: int

    def prepare(self, referral: Referral) -> Prepared:
        """Everything but the bytes of the files.

        ``RefusedError``: ``not_a_draft``, ``erased``, ``not_open``, ``evidence_missing``, ``attachment_not_kept``.
        """
        if referral.draft is None:
            raise RefusedError("not_a_draft", "This referral is a bundle on its own: there is no draft of it.")
        with self.store.read() as tx:
            require_evidence(tx, referral.case_id)
            return prepare_in(tx, referral, referral.draft)

    def content(self, file: PreparedFile) -> Iterator[bytes]:
        """The bytes of a file, in pieces; of a kept one decrypted on the way, in constant memory."""
        if file.attachment is None:
            yield file.text
            return
        attachment = file.attachment
        with self.store.read() as tx:
            found = file_again(tx, attachment)
        if not isinstance(found, EncryptedFile) or attachment.blob is None:
            raise RefusedError("attachment_not_kept", "A file that is to go out is not kept any more.")
        blob, own = attachment.blob, file.cases[0] if file.cases else ""

        def ciphertext() -> Iterator[bytes]:
            # Where no case has it any more, reading it for its own case says so.
            return read_for(self.vault, file.cases, blob) or self.vault.read(own, blob)

        yield from plaintext_of(found.opening, found.sha256, ciphertext, self.size_max)


def prepare_in(tx: Transaction, referral: Referral, draft: Draft) -> Prepared:
    lines = conversation(tx.reports_of(referral.case_id))
    chosen = [line for line in lines if line.message.event_id in draft.messages]
    seen = looked_at(tx.log_of(referral.case_id))
    said = tuple(_lines(tx, lines, chosen))
    text = transcript(_room(tx, referral.case_id), said) if said else ""
    files: list[PreparedFile] = []
    if text:
        viewed = all(line.message.event_id in seen for line in chosen)
        files.append(PreparedFile(TRANSCRIPT_NAME, "", None, viewed, None, None, text.encode()))
    for number, sent in enumerate((file for file in draft.files if file.included), 1):
        files.append(_kept(tx, referral.case_id, number, sent, seen))
    return Prepared(draft, text, tuple(files), said)


def looked_at(log: Iterable[LogEntry]) -> frozenset[str]:
    """Event ids of messages, and references of attachments, that a person looked at, as the log of the case has it."""
    seen = set()
    for entry in log:
        # Looking at a message's text is not looking at the file that came with it.
        if entry.kind == LogKind.EVIDENCE_VIEWED:
            seen.add(json.loads(entry.detail)["event"])
        elif entry.kind == LogKind.ATTACHMENT_READ:
            seen.add(json.loads(entry.detail)["reference"])
    return frozenset(seen)


def _kept(tx: Transaction, case_id: str, number: int, sent: DraftFile, seen: frozenset[str]) -> PreparedFile:
    attachment = tx.attachment(sent.attachment_id)
    if attachment is None or attachment.kept_at is None or attachment.blob is None or attachment.digests is None:
        raise RefusedError(
            "attachment_not_kept", "A file that is to go out is not kept, or was not checked.", "Take it out."
        )
    message = open_again(tx, attachment.event_id)
    found = file_again(tx, attachment)
    original = found.claimed.name if isinstance(found, EncryptedFile) else ""
    name = f"file-{number}-{attachment.digests.sha256.hex()[:12]}"
    viewed = attachment.reference in seen
    cases = tuple(readable_cases(tx, attachment.event_id, first=case_id))
    return PreparedFile(name, original or "", message.sent_at, viewed, sent, attachment, cases=cases)


def _lines(tx: Transaction, lines: Sequence[Line], chosen: Sequence[Line]) -> Iterator[TranscriptLine]:
    ids = {line.message.event_id for line in chosen}
    left_out: int | None = 0
    for line in lines:
        gap = line.omitted
        left_out = None if gap is None or left_out is None else left_out + gap
        if line.message.event_id not in ids:
            left_out = None if left_out is None else left_out + 1
            continue
        opened = open_again(tx, line.message.event_id)
        preserved = tx.preserved(line.message.event_id) or b""
        count = len(tx.attachments_of([line.message.event_id]))
        yield TranscriptLine(
            line.message.event_id, opened.sender, opened.sent_at, opened.body, sha256(preserved).digest(), left_out,
            line.message.reported, count,
        )  # fmt: skip
        left_out = 0


def _room(tx: Transaction, case_id: str) -> str:
    case = tx.case(case_id)
    return (case.room_id if case else None) or "not known"
