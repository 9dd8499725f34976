"""What goes into a bundle: the chosen messages, what the log says of them, their files, their servers' keys."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.bundle.contents import MESSAGES_MAX, BundledMessage
from nightlight.evidence.bundle.files import FILES_BYTES_MAX, BundledFile
from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.attachments import record_of
from nightlight.flows.kept_files import read_for, readable_cases
from nightlight.ports import Homeserver, Store, Transaction, Vault
from nightlight.respond.conversation import Line

_IN_BUNDLE = (LogKind.REPORT_RECEIVED, LogKind.REPORT_CHECKED, LogKind.CASE_DECIDED)
#: Encrypted files by their SHA-256.
Blobs = Mapping[bytes, bytes]


def chosen_lines(lines: Sequence[Line], chosen: Collection[str]) -> list[Line]:
    """The chosen lines, each with what is left out before it: what nobody sent, and what was not chosen."""
    known = {line.message.event_id for line in lines}
    strangers = set(chosen) - known
    if strangers:
        raise RefusedError("message_not_found", "A chosen message is not in this case.", "Reload the page.")
    if not chosen or len(chosen) > MESSAGES_MAX:
        raise RefusedError("nothing_chosen", "Choose the messages that are to be handed over.")
    out: list[Line] = []
    left_out: int | None = 0
    for line in lines:
        gap = line.omitted
        before = None if gap is None or left_out is None else left_out + gap
        if line.message.event_id in chosen:
            out.append(replace(line, omitted=before if out else None))
            left_out = 0
        else:
            left_out = None if before is None else before + 1
    if not any(line.message.reported and line.message.verdict.proven for line in out):
        raise RefusedError(
            "nothing_chosen", "At least one reported message that is proven has to be among those handed over."
        )
    return out


def bundled(tx: Transaction, line: Line) -> BundledMessage:
    """A line of the conversation with its preserved event; ``RefusedError('nothing_chosen')``."""
    message = line.message
    event = tx.preserved(message.event_id)
    if event is None:
        raise RefusedError(
            "nothing_chosen",
            f"{message.event_id} is not preserved here, so it cannot be handed over.",
            "Leave it out.",
        )
    return BundledMessage(
        message.event_id,
        event,
        message.message_key,
        message.verdict,
        message.role,
        line.own,
        line.omitted,
        message.relation,
    )


def entries_of(tx: Transaction, case_id: str, reports: Collection[str]) -> list[LogEntry]:
    """The log's entries about these reports and the decision."""
    return [
        entry
        for entry in tx.log_of(case_id)
        if entry.kind in _IN_BUNDLE and (entry.subject in reports or entry.subject == case_id)
    ]


def kept_files(store: Store, vault: Vault, case_id: str, chosen: Collection[str]) -> Blobs:
    """The files that were kept of these messages of the case, by their SHA-256, as many as fit.

    ``RefusedError('vault_damaged')``.
    """
    with store.read() as tx:
        rows = [item for item in tx.attachments_of(list(chosen)) if item.blob and item.verdict.bound]
        named = {item.blob: readable_cases(tx, item.event_id, first=case_id) for item in rows if item.blob}
    blobs: dict[bytes, bytes] = {}
    room = FILES_BYTES_MAX
    for sha256, cases in named.items():
        data = _whole(vault, case_id, cases, sha256, room)
        if data is not None:
            blobs[sha256] = data
            room -= len(data)
    return blobs


def _whole(vault: Vault, case_id: str, cases: Sequence[str], sha256: bytes, room: int) -> bytes | None:
    """The file, verified to its end; None where it has no room."""
    data = bytearray()
    try:
        # Where no case has it any more, reading it for its own case says so.
        with closing(read_for(vault, cases, sha256) or vault.read(case_id, sha256)) as chunks:
            for chunk in chunks:
                data += chunk
                if len(data) > room:
                    return None
    except RefusedError as e:
        if e.code not in ("vault_damaged", "vault_missing"):
            raise
        raise RefusedError(
            "vault_damaged",
            "A file that was kept of these messages is damaged, or somebody changed or removed it.",
            "Have it checked again in the case, or leave its message out.",
        ) from None
    return bytes(data)


def files_of(tx: Transaction, chosen: Sequence[str], kept: Blobs) -> tuple[list[BundledFile], list[LogEntry]]:
    """What was found out about the files of the chosen messages, and the log's entry about each check."""
    files, entries = [], []
    logs: dict[str, list[LogEntry]] = {}
    for attachment in tx.attachments_of(chosen):
        record, match = record_of(attachment), None
        # A message stands in one case more often than not; a check is logged under one of them.
        for case_id in tx.cases_of(attachment.event_id):
            for entry in logs.setdefault(case_id, tx.log_of(case_id)):
                if entry.kind == LogKind.ATTACHMENT_CHECKED and json.loads(entry.detail).get("record") == record:
                    match = json.loads(entry.detail).get("list")
                    entries.append(entry)
                    break
            else:
                continue
            break
        blob = kept.get(attachment.blob) if attachment.blob else None
        files.append(BundledFile(attachment, match, blob if attachment.verdict.bound else None))
    return files, entries


def server_keys_of(
    store: Store, homeserver: Homeserver, case_id: str, chosen: Collection[str]
) -> dict[str, dict[str, object]]:
    """The published keys of the servers that the senders belong to, where they can be had now."""
    servers = _servers(store, case_id, chosen)
    return {server: keys for server in servers if (keys := _published_keys(homeserver, server)) is not None}


def _servers(store: Store, case_id: str, chosen: Collection[str]) -> list[str]:
    with store.read() as tx:
        senders = {
            message.sender
            for report in tx.reports_of(case_id)
            for message in report.messages
            if message.event_id in chosen and message.sender
        }
    return sorted({sender.partition(":")[2] for sender in senders})


def _published_keys(homeserver: Homeserver, server: str) -> dict[str, object] | None:
    """A signature that cannot be checked is said to be unchecked; it does not hold a referral up."""
    try:
        return homeserver.server_keys(server)
    except UnavailableError:
        return None
