"""One tap: block somebody, tell the safety team, and see who helps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.flows.answer_request import RequestDesk
from nightlight.flows.record_report import record_new
from nightlight.flows.tell import Notifier
from nightlight.model.relation import DAY_MS
from nightlight.model.report import Category, Report, ReportSource, ReportState
from nightlight.ports import Clock, NewReport, RelationView, Store

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Help:
    """``reports_per_hour``: of one account; beyond that the block still holds, and a person is asked to wait."""

    store: Store
    clock: Clock
    new_id: Callable[[str], str]
    requests: RequestDesk
    notifier: Notifier
    view: RelationView
    reports_per_hour: int

    def seek(self, account: str, about: str, category: Category, language: str) -> Report:
        """Blocks ``about`` and opens an unverified case, both or neither. The same again on one day is one report.

        ``RefusedError``: ``self_contact``, ``too_many_reports`` (blocked all the same).
        """
        if account == about:
            raise RefusedError("self_contact", "Nobody blocks or reports themselves.")
        now = self.clock.now()
        digest = _digest(account, about, category, now // DAY_MS)
        refused: RefusedError | None = None
        with self.store.write() as tx:
            self.requests.block_within(tx, account, about, now)
            report = tx.same_report([account], digest, None)
            if report is None:
                if tx.reports_since(account, now - _HOUR_MS) >= self.reports_per_hour:
                    refused = RefusedError(
                        "too_many_reports",
                        "You sent very many reports in the last hour. The account is blocked.",
                        "Wait a while, or call somebody.",
                    )
                else:
                    report = Report(
                        report_id=self.new_id("report"),
                        received_at=now,
                        reporter=account,
                        room_id=None,
                        category=category,
                        note="",
                        language=language,
                        source=ReportSource.OWN_PAGE,
                        state=ReportState.CHECKED,
                        case_id=None,
                        target_account=about,
                        messages=(),
                    )
                    report = record_new(tx, NewReport(report, account, digest), [], self.new_id, self.requests.events)
                    self.notifier.note_told(tx, account, "after_reporting", now)
        self.view.follow()
        if refused is not None or report is None:
            raise refused or RefusedError("too_many_reports", "Please wait.")
        return report


def _digest(account: str, about: str, category: Category, day: int) -> bytes:
    said = json.dumps([account, about, category, day])
    return hashlib.sha256(b"nightlight/own-page/report/1\n" + said.encode()).digest()
