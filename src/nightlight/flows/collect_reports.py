"""Collecting the reports that people made with Matrix's own report call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from nightlight.errors import UnavailableError
from nightlight.evidence.log import LogKind
from nightlight.flows.check_messages import CheckedMessage, check_messages, unchecked
from nightlight.flows.record_report import NewId, record_new, record_pending
from nightlight.flows.take_events import EventIntake
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.report import Category, Disclosure, Report, ReportSource, ReportState
from nightlight.model.verdict import Code, Verdict
from nightlight.ports import Clock, Homeserver, HomeserverReport, NewReport, Store, Transaction


@dataclass(frozen=True, slots=True)
class Collector:
    """``how_to_prove`` makes the text that tells a reporter how to prove report ``report_id``; None: nobody is told."""

    store: Store
    homeserver: Homeserver
    clock: Clock
    new_id: NewId
    note_chars_max: int
    how_to_prove: Callable[[Report], str] | None
    events: EventIntake
    #: Tells a young person what a report is for; see ``Notifier.tell``.
    tell: Callable[[Transaction, str, str, int], object] = lambda *_: None

    def collect(self) -> int:
        """Stores every report made since the last time, each in its own transaction; returns how many were new."""
        return self._collect(ReportSource.EVENT_REPORT, self.homeserver.event_reports_after) + self._collect(
            ReportSource.USER_REPORT, self.homeserver.user_reports_after
        )

    def _collect(self, source: ReportSource, after: Callable[[int], list[HomeserverReport]]) -> int:
        with self.store.read() as tx:
            reached = tx.cursor(source)
        return sum(self._take(source, item) for item in after(reached))

    def _take(self, source: ReportSource, item: HomeserverReport) -> bool:
        source_ref = f"{source}:{item.number}"
        checked, state = self._check(item)
        report = Report(
            report_id=self.new_id("report"),
            received_at=self.clock.now(),
            reporter=item.reporter,
            room_id=item.room_id,
            category=Category.OTHER,
            # PostgreSQL stores no NUL, and nobody means one.
            note=item.reason.replace("\x00", "")[: self.note_chars_max],
            language="und",
            source=source,
            state=state,
            case_id=None,
            target_account=item.target,
            messages=tuple(entry.message for entry in checked),
        )
        new = NewReport(report, item.reporter, hashlib.sha256(source_ref.encode()).digest(), source_ref=source_ref)
        with self.store.write() as tx:
            is_new = not tx.has_source(source_ref)
            if is_new:
                self.tell(tx, item.reporter, "after_reporting", report.received_at)
                filed = (
                    record_new(tx, new, checked, self.new_id, self.events)
                    if state is ReportState.CHECKED
                    else record_pending(tx, new)
                )
                if self.how_to_prove and any(m.verdict.verdict is Verdict.UNVERIFIABLE for m in filed.messages):
                    notice = self._notice(filed, self.how_to_prove(filed))
                    tx.add_action(notice)
                    detail = {"action": notice.action_id, "kind": notice.kind, "target": notice.target}
                    tx.log(notice.updated_at, LogKind.ACTION_PLANNED, "nightlight", filed.report_id, detail)
            tx.move_cursor(source, max(tx.cursor(source), item.number))
        return is_new

    def _check(self, item: HomeserverReport) -> tuple[list[CheckedMessage], ReportState]:
        """What the homeserver knows of the message. One that cannot be asked about must not hold up those behind it."""
        if not item.room_id or not item.event_id:
            return [], ReportState.CHECKED
        named = [Disclosure(item.event_id)]
        try:
            checked = check_messages(self.store, self.homeserver, item.reporter, item.room_id, named)
        except UnavailableError:
            waiting = unchecked(named, Code.PENDING_VERIFICATION, keep_keys=False)
            return [CheckedMessage(message, None) for message in waiting], ReportState.PENDING
        return checked, ReportState.CHECKED

    def _notice(self, report: Report, text: str) -> Action:
        now = self.clock.now()
        return Action(
            action_id=self.new_id("action"),
            case_id=report.case_id,
            kind=ActionKind.NOTIFY_REPORTER,
            target=report.reporter or "",
            detail={"text": text},
            state=ActionState.PENDING,
            attempts=0,
            next_attempt_at=now,
            error=None,
            updated_at=now,
        )
