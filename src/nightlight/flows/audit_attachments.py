"""Auditing attachments: that the table still holds the verdicts and digests that the log saw."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.attachments import record_of
from nightlight.model.attachment import AttachmentState
from nightlight.ports import Transaction


@dataclass(slots=True)
class AttachmentClaims:
    """What the log says of attachments: by event id the record of each, and which references were kept."""

    records: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)

    def note(self, entry: LogEntry, detail: Mapping[str, Any]) -> None:
        if entry.kind == LogKind.ATTACHMENT_CHECKED:
            key = detail["event"], detail["reference"]
            self.records.setdefault(detail["event"], {})[key] = detail["record"]
        elif entry.kind == LogKind.ATTACHMENT_RETRIED:
            self.records.get(detail["event"], {}).pop((detail["event"], detail["reference"]), None)
        elif entry.kind == LogKind.ATTACHMENT_KEPT:
            self.kept.setdefault(detail["event"], set()).add(detail["reference"])
        elif entry.kind == LogKind.CASE_ERASED:
            for event_id in detail["events"]:
                self.records.pop(event_id, None)
                self.kept.pop(event_id, None)

    def broken(self, tx: Transaction, event_ids: Collection[str]) -> str | None:
        """The event of the first attachment on which table and log do not agree, or None."""
        for event_id in event_ids:
            rows = {(row.event_id, row.reference): row for row in tx.attachments_of([event_id])}
            claimed = self.records.get(event_id, {})
            settled = {key: row for key, row in rows.items() if row.state is not AttachmentState.PENDING}
            kept = {row.reference for row in rows.values() if row.kept_at is not None}
            if settled.keys() != claimed.keys() or kept != self.kept.get(event_id, set()):
                return event_id
            if not all(hmac.compare_digest(record_of(settled[key]), claimed[key]) for key in claimed):
                return event_id
        return next(iter(sorted(self.kept.keys() - set(event_ids))), None)
