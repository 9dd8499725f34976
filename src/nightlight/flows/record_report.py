"""Writing a checked report: the report, its evidence, its case and the log, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nightlight.evidence.log import LogKind
from nightlight.flows.attachments import note_attachments
from nightlight.flows.check_messages import CheckedMessage
from nightlight.flows.report_events import of_report
from nightlight.flows.take_events import EventIntake
from nightlight.model.report import MessageRole, Report, ReportedMessage, ReportRequest
from nightlight.ports import NewReport, Transaction
from nightlight.respond.cases import case_of

NewId = Callable[[str], str]


def digest_of(request: ReportRequest) -> bytes:
    """SHA-256 over what the reporter said: the same report sent again has the same digest."""
    said = [
        request.room_id,
        request.category,
        request.note,
        request.language,
        [
            [m.event_id, m.message_key.hex() if m.message_key else None]
            + ([] if m.role is MessageRole.REPORTED else [m.role])
            for m in request.messages
        ],
    ]
    return hashlib.sha256(b"nightlight/report/1\n" + json.dumps(said).encode()).digest()


def record_digest(report: Report) -> str:
    """``2:`` and SHA-256 over the stored report, so that the log fixes it. The random report id is its salt."""
    messages = [
        [
            *_first_columns(m),
            m.message_key is not None,
            m.role,
            m.depth,
            m.omitted,
            [m.relation.kind, m.relation.event_id] if m.relation else None,
        ]
        for m in report.messages
    ]
    return "2:" + _digest(b"nightlight/record/2\n", report, messages)


def is_recorded(report: Report, digest: str) -> bool:
    """Whether the stored report is the one that the log fixed with ``digest``."""
    if digest.startswith("2:"):
        return record_digest(report) == digest
    # Reports from before conversation reports: they have no more columns than these.
    return _digest(b"nightlight/record/1\n", report, [_first_columns(m) for m in report.messages]) == digest


def _first_columns(message: ReportedMessage) -> list[Any]:
    return [message.position, message.event_id, message.verdict.code, message.sender, message.sent_at]


def _digest(domain: bytes, report: Report, messages: list[list[Any]]) -> str:
    row = [
        report.report_id,
        report.reporter,
        report.room_id,
        report.category,
        report.note,
        report.language,
        report.source,
        report.target_account,
        report.received_at,
        messages,
    ]
    return hashlib.sha256(domain + json.dumps(row).encode()).hexdigest()


def record_new(
    tx: Transaction, new: NewReport, checked: Sequence[CheckedMessage], new_id: NewId, events: EventIntake
) -> Report:
    """Stores a new, checked report and returns it with its case."""
    report = _put_into_case(tx, new.report, checked, new_id, lambda filed: tx.add_report(replace(new, report=filed)))
    events.record(tx, of_report(report), report.received_at)
    _log(tx, LogKind.REPORT_RECEIVED, report, checked, report.received_at)
    return report


def record_pending(tx: Transaction, new: NewReport) -> Report:
    """Stores a report that waits for the homeserver: it gets its case when it is checked."""
    report = new.report
    tx.add_report(new)
    tx.log(
        report.received_at,
        LogKind.REPORT_RECEIVED,
        report.reporter or "unconfirmed",
        report.report_id,
        {
            "record": record_digest(report),
            "state": report.state,
            "category": report.category,
            "room": report.room_id,
        },
    )
    return report


def record_checked(
    tx: Transaction,
    report: Report,
    claimant: str,
    checked: Sequence[CheckedMessage],
    new_id: NewId,
    events: EventIntake,
    now: int,
) -> Report:
    """Stores what the check of a report that was pending found."""
    filed = _put_into_case(tx, report, checked, new_id, lambda filed: tx.settle_report(filed, claimant))
    events.record(tx, of_report(filed), now)
    _log(tx, LogKind.REPORT_CHECKED, filed, checked, now)
    return filed


def _put_into_case(
    tx: Transaction,
    report: Report,
    checked: Sequence[CheckedMessage],
    new_id: NewId,
    save: Callable[[Report], None],
) -> Report:
    seen = [item.message.event_id for item in checked if item.message.reported and item.message.sender is not None]
    # Only a case about the same account: else the accused could turn a case around by reporting the answer to it.
    alone = case_of(new_id("case"), report.received_at, [report])
    joined = tx.open_case_with(seen, alone.subject) if alone.subject else None
    existing = tx.case(joined) if joined else None
    if existing:
        filed = replace(report, case_id=existing.case_id)
        others = tx.reports_of(existing.case_id)
        grown = case_of(existing.case_id, existing.opened_at, [*others, filed])
        tx.save_case(replace(grown, subject=existing.subject))
    else:
        filed = replace(report, case_id=alone.case_id)
        tx.add_case(alone)
    for item in checked:
        if item.event is not None and filed.case_id is not None:
            tx.preserve(item.event, report.received_at, filed.case_id)
    save(filed)
    note_attachments(tx, checked, new_id, report.received_at)
    return filed


def _log(tx: Transaction, kind: LogKind, report: Report, checked: Sequence[CheckedMessage], at: int) -> None:
    tx.log(
        at,
        kind,
        report.reporter or "unconfirmed",
        report.report_id,
        {
            "record": record_digest(report),
            "case": report.case_id,
            "source": report.source,
            "category": report.category,
            "room": report.room_id,
            "account": report.target_account,
            "messages": [
                {
                    "event": item.message.event_id,
                    "verdict": item.message.verdict.verdict,
                    "code": item.message.verdict.code,
                    "role": item.message.role,
                    # The ciphertext event as preserved: its digest fixes it without saying anything of its content.
                    "evidence": item.event.sha256.hex() if item.event else None,
                }
                for item in checked
            ],
        },
    )
