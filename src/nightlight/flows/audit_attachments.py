"""Auditing attachments: that the table still holds the verdicts and digests that the log saw."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.attachments import record_of
from nightlight.model.attachment import AttachmentState
from nightlight.ports import Transaction


@dataclass(slots=True)
class AttachmentClaims:
    """What the log says of attachments, by event id and reference."""

    records: dict[tuple[str, str], str] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)

    def note(self, entry: LogEntry, detail: Mapping[str, Any]) -> None:
        if entry.kind == LogKind.ATTACHMENT_CHECKED:
            self.records[detail["event"], detail["reference"]] = detail["record"]
        elif entry.kind == LogKind.ATTACHMENT_RETRIED:
            self.records.pop((detail["event"], detail["reference"]), None)
        elif entry.kind == LogKind.ATTACHMENT_KEPT:
            self.kept.add((detail["event"], detail["reference"]))

    def broken(self, tx: Transaction, event_ids: Iterable[str]) -> str | None:
        """The event of the first attachment on which table and log do not agree, or None."""
        records: dict[str, dict[tuple[str, str], str]] = {}
        for key, record in self.records.items():
            records.setdefault(key[0], {})[key] = record
        for event_id in event_ids:
            rows = {(row.event_id, row.reference): row for row in tx.attachments_of([event_id])}
            claimed = records.get(event_id, {})
            settled = {key: row for key, row in rows.items() if row.state is not AttachmentState.PENDING}
            kept = {key for key, row in rows.items() if row.kept_at is not None}
            if settled.keys() != claimed.keys() or not kept <= self.kept:
                return event_id
            if not all(hmac.compare_digest(record_of(settled[key]), claimed[key]) for key in claimed):
                return event_id
        gone = [event_id for event_id, reference in self.kept if not _is_kept(tx, event_id, reference)]
        return gone[0] if gone else None


def _is_kept(tx: Transaction, event_id: str, reference: str) -> bool:
    return any(row.reference == reference and row.kept_at is not None for row in tx.attachments_of([event_id]))
