"""Auditing erasures and holds: gone is exactly what the log says was erased, and held what it says is held."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.model.hold import Hold
from nightlight.model.retention import Record
from nightlight.ports import Transaction


@dataclass(slots=True)
class ErasureClaims:
    """What the log says was erased, by case, and when."""

    gone: dict[str, set[Record]] = field(default_factory=lambda: defaultdict(set))
    times: dict[tuple[str, Record], int] = field(default_factory=dict)
    #: An event that was erased in another form than the log had fixed it in.
    swapped: str | None = None

    def note(
        self, entry: LogEntry, detail: Mapping[str, Any], reports: dict[str, str], evidence: dict[str, str]
    ) -> None:
        """``reports``, ``evidence``: what the log says the tables hold, by digest; brought up to date."""
        if entry.kind == LogKind.CASE_ERASED:
            for record in detail["records"]:
                self.gone[entry.subject].add(Record(record))
                self.times[entry.subject, Record(record)] = entry.at
            reports |= detail["reports"]
            for event_id, digest in detail["events"].items():
                if evidence.pop(event_id, None) != digest:
                    self.swapped = event_id

    def of(self, case_id: str | None, record: Record) -> bool:
        return case_id in self.gone and record in self.gone[case_id]

    def broken(self, tx: Transaction) -> str | None:
        """The first case in which something is gone that the log does not say, or there that it says is gone."""
        if (case_id := tx.miscopied_case()) is not None:
            return case_id
        kept = tx.all_erased()
        for case_id in sorted(self.gone.keys() | kept.keys()):
            if kept.get(case_id, set()) != self.gone.get(case_id, set()):
                return case_id
            if any(
                self.times.get((case_id, one.record), one.erased_at) != one.erased_at for one in tx.erasures_of(case_id)
            ):
                return case_id
            if self.of(case_id, Record.REPORT):
                case = tx.case(case_id)
                if case is None or (case.subject, case.room_id) != (None, None) or tx.alerts_of(case_id):
                    return case_id
            if self.of(case_id, Record.CASE_EVIDENCE):
                key = tx.case_key(case_id)
                if key is None or key.wrapped is not None or any(one.contents for one in tx.referrals_of(case_id)):
                    return case_id
        return None


@dataclass(slots=True)
class HoldClaims:
    """What the log says of holds."""

    placed: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    proposed: dict[str, str | None] = field(default_factory=dict)
    released: dict[str, tuple[str, int]] = field(default_factory=dict)

    def note(self, entry: LogEntry, detail: Mapping[str, Any]) -> None:
        if entry.kind == LogKind.HOLD_PLACED:
            said = tuple(detail[name] for name in ("kind", "until", "why", "legal_basis", "agency", "reference"))
            self.placed[detail["hold"]] = (entry.subject, entry.actor, entry.at, *said)
        elif entry.kind == LogKind.HOLD_RELEASE_PROPOSED:
            self.proposed[detail["hold"]] = entry.actor
        elif entry.kind == LogKind.HOLD_RELEASE_REJECTED:
            self.proposed[detail["hold"]] = None
        elif entry.kind == LogKind.HOLD_RELEASED:
            self.released[detail["hold"]] = (entry.actor, entry.at)

    def broken(self, tx: Transaction) -> str | None:
        """The first hold on which tables and log do not agree."""
        kept = {hold.hold_id: hold for hold in tx.holds()}
        for hold_id in sorted(self.placed.keys() | kept.keys()):
            hold = kept.get(hold_id)
            if hold is None or not self._agrees(hold):
                return hold_id
        return None

    def _agrees(self, hold: Hold) -> bool:
        said = (hold.kind, hold.until, hold.why, hold.legal_basis, hold.agency, hold.reference)
        released = None if hold.released_at is None else (hold.released_by, hold.released_at)
        return (
            self.placed.get(hold.hold_id) == (hold.target, hold.placed_by, hold.placed_at, *said)
            and self.proposed.get(hold.hold_id) == hold.proposed_by
            and self.released.get(hold.hold_id) == released
        )


def recorded_reports(entries: Iterable[LogEntry]) -> dict[str, str]:
    """By report the digest that these entries last gave it."""
    reports: dict[str, str] = {}
    for entry in entries:
        if entry.kind in (LogKind.REPORT_RECEIVED, LogKind.REPORT_CHECKED):
            reports[entry.subject] = json.loads(entry.detail)["record"]
        elif entry.kind == LogKind.CASE_ERASED:
            reports |= json.loads(entry.detail)["reports"]
    return reports
