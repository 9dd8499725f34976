"""Erasure: announced in the log, then, unless somebody objects with a hold, done and proven in the log.

What is erased in one case is erased in one transaction with the entry that says so; files are removed after it, and
again after a crash. Holds are looked at in that very transaction, and writers queue for the log: a hold is placed
either before an erasure, and stops it, or after it.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.audit_erasures import recorded_reports
from nightlight.flows.holds import held_by_log
from nightlight.flows.record_report import is_recorded, record_digest
from nightlight.flows.turn import takes_turn
from nightlight.model.report import Report
from nightlight.model.retention import Erasure, Record
from nightlight.ports import Clock, Shredder, Store, Transaction
from nightlight.respond.calendar import date_words
from nightlight.respond.retention import Fate, Kept, Line, Planner
from nightlight.respond.retention_rules import RetentionRules

_log = logging.getLogger(__name__)

ACTOR = "nightlight"
#: Of several processes one looks for what is due.
_EVERY_MS = 3_600_000
_CURSOR = "erasure"
#: Cases in one sweep; what is left comes with the next.
_CASES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did, in records. ``refused``: cases that were left alone because they are not as the log says."""

    announced: int = 0
    withdrawn: int = 0
    erased: int = 0
    refused: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sweep:
    announced: int = 0
    withdrawn: int = 0
    erased: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Eraser:
    """``notice_ms``: how long before it goes a record is announced. ``pause``: called between two cases."""

    store: Store
    clock: Clock
    rules: RetentionRules
    shredder: Shredder
    notice_ms: int
    pause: Callable[[], object]

    def run(self) -> None:
        """What every process does from time to time; one of them does the work."""
        if not takes_turn(self.store, _CURSOR, self.clock.now(), _EVERY_MS):
            return
        swept = self.sweep()
        if swept != Swept():
            _log.info("Retention: %s", swept)

    def sweep(self) -> Swept:
        """Announces what will be due, withdraws what no longer is, erases what is due and was announced long enough.

        ``UnavailableError`` where a file could not be removed: its case is erased all the same, and it is tried again.
        """
        self._remove_files()
        planner, done = Planner(self.rules), _Sweep()
        for case_id in self._wanted(planner):
            try:
                with self.store.write() as tx:
                    self._step(tx, planner, case_id, done)
            except RefusedError as e:
                _log.error("Not erased: %s %s", e.message, e.hint)
                done.refused.append(case_id)
            self.pause()
        self._remove_files()
        return Swept(done.announced, done.withdrawn, done.erased, tuple(done.refused))

    def _wanted(self, planner: Planner) -> list[str]:
        """Cases in which something is to be announced, withdrawn or erased."""
        now, found = self.clock.now(), []
        with self.store.snapshot() as tx:
            announced: dict[str, dict[Record, int]] = defaultdict(dict)
            for erasure in tx.announced():
                announced[erasure.case_id][erasure.record] = erasure.not_before
            for kept in tx.kept_cases(now):
                soon = planner.over(kept, now + self.notice_ms)
                known = announced.get(kept.case_id, {})
                if soon != known.keys() or any(not_before <= now for not_before in known.values()):
                    found.append(kept.case_id)
                    if len(found) == _CASES_MAX:
                        break
        return found

    def _step(self, tx: Transaction, planner: Planner, case_id: str, done: _Sweep) -> None:
        """One case, as it is now. Nobody else writes until the transaction ends."""
        now = self.clock.now()
        kept = tx.kept_case(case_id, now)
        if kept is None:
            return
        soon = {line.record: line for line in planner.plan(kept, now + self.notice_ms) if line.fate is Fate.GOES}
        announced = {one.record: one for one in tx.erasures_of(case_id) if one.erased_at is None}
        withdrawn = [record for record in announced if record not in soon]
        for record in withdrawn:
            tx.withdraw(case_id, record)
        if withdrawn:
            detail = {"records": withdrawn, "held_by": kept.holds}
            tx.log(now, LogKind.ERASURE_WITHDRAWN, ACTOR, case_id, detail)
        new = [line for record, line in soon.items() if record not in announced]
        if new:
            self._announce(tx, case_id, new, now)
        ready = [
            line
            for record, line in soon.items()
            if record in announced and announced[record].not_before <= now and _until(line) <= now
        ]
        if ready:
            self._erase(tx, kept, ready, now)
        done.withdrawn += len(withdrawn)
        done.announced += len(new)
        done.erased += len(ready)

    def _announce(self, tx: Transaction, case_id: str, lines: Iterable[Line], now: int) -> None:
        said: dict[str, Any] = {}
        for line in lines:
            not_before = max(_until(line), now + self.notice_ms)
            rule = line.rule.id if line.rule else ""
            tx.announce(Erasure(case_id, line.record, rule, self.rules.reference, now, not_before))
            said[line.record] = {"rule": rule, "until": date_words(_until(line)), "not_before": not_before}
        tx.log(now, LogKind.ERASURE_PLANNED, ACTOR, case_id, {"records": said, "rules": self.rules.reference})

    def _erase(self, tx: Transaction, kept: Kept, lines: Iterable[Line], now: int) -> None:
        case_id = kept.case_id
        entries = tx.log_of(case_id)
        self._check_holds(tx, kept, now)
        before = _Contents.of(tx, case_id)
        before.check(entries)
        rules = {line.record: line.rule.id if line.rule else "" for line in lines}
        for record in sorted(rules, key=list(Record).index):
            if record is Record.CASE_EVIDENCE:
                self.shredder.shred(tx, case_id, now)
            else:
                tx.erase_record(case_id, record)
        tx.mark_erased(case_id, rules.keys(), now)
        after = _Contents.of(tx, case_id, before.events.keys())
        detail = {"records": rules, "rules": self.rules.reference, **before.gone(after)}
        tx.log(now, LogKind.CASE_ERASED, ACTOR, case_id, detail)

    def _check_holds(self, tx: Transaction, kept: Kept, now: int) -> None:
        """``RefusedError('record_changed')`` where the log knows of a hold that the tables do not."""
        accounts = tx.accounts_of(kept.case_id)
        if held_by_log(tx.log_about([kept.case_id, *accounts]), now):
            raise _changed(f"a hold on case {kept.case_id}")

    def _remove_files(self) -> None:
        """Takes what was erased off the disk: kept files, and what the database still has in its journals."""
        with self.store.read() as tx:
            waiting = tx.erasures_with_files()
        failed: UnavailableError | None = None
        removed = []
        for case_id in waiting:
            try:
                self.shredder.remove_files(case_id)
                removed.append(case_id)
            except UnavailableError as e:
                failed = e
        if removed and self.store.scrub():
            with self.store.write() as tx:
                for case_id in removed:
                    tx.mark_files_removed(case_id)
        if failed is not None:
            raise failed


@dataclass(frozen=True, slots=True)
class _Contents:
    """What there is of a case that the log knows by digest.

    ``events``: SHA-256 of each preserved event; ``files``: of each kept ciphertext; ``keys`` and ``notes`` are numbers.
    """

    reports: Mapping[str, Report]
    events: Mapping[str, str]
    files: frozenset[str]
    keys: int
    notes: int

    @classmethod
    def of(cls, tx: Transaction, case_id: str, event_ids: Collection[str] = ()) -> _Contents:
        """``event_ids``: of the messages, where the case itself may no longer say which they were."""
        reports = tx.reports_of(case_id)
        messages = [message for report in reports for message in report.messages]
        names = list(dict.fromkeys([*event_ids, *(message.event_id for message in messages)]))
        preserved = {name: tx.preserved(name) for name in names}
        return cls(
            {report.report_id: report for report in reports},
            {name: hashlib.sha256(event).hexdigest() for name, event in preserved.items() if event is not None},
            frozenset(item.blob.hex() for item in tx.attachments_of(names) if item.blob is not None),
            sum(message.message_key is not None for message in messages),
            sum(bool(report.note) for report in reports),
        )

    def check(self, entries: Iterable[LogEntry]) -> None:
        """``RefusedError('record_changed')`` where a report is not what the log says: nothing is erased over that.

        Else somebody could change a report and have an erasure make the change good.
        """
        records = recorded_reports(entries)
        for report_id, report in self.reports.items():
            if not is_recorded(report, records.get(report_id, "")):
                raise _changed(f"report {report_id}")

    def gone(self, after: _Contents) -> dict[str, Any]:
        """What the log says of the erasure: what is gone, by digest, and what the reports are now."""
        return {
            "reports": {report_id: record_digest(report) for report_id, report in after.reports.items()},
            "events": {name: digest for name, digest in self.events.items() if name not in after.events},
            "files": sorted(self.files - after.files),
            "keys": self.keys - after.keys,
            "notes": self.notes - after.notes,
        }


def _until(line: Line) -> int:
    assert line.until is not None  # noqa: S101 - what goes has a period
    return line.until


def _changed(what: str) -> RefusedError:
    return RefusedError(
        "record_changed",
        f"The tables do not say of {what} what the log says: it was edited or deleted in the database.",
        "Run `nightlight log verify`, and find out who could write to the database.",
    )
