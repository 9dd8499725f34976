"""Taking a report: authenticate, check, store, answer. Durable before it is acknowledged.

Nothing is written before the one transaction that stores the whole report, so a crash at any instant leaves either
no report (and no acknowledgement) or a whole one. A reporter who got no answer sends it again and gets the first one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError, UnavailableError
from nightlight.flows.check_messages import CheckedMessage, check_messages, unchecked
from nightlight.flows.record_report import NewId, digest_of, record_checked, record_new, record_pending
from nightlight.flows.take_events import EventIntake
from nightlight.model.report import Disclosure, Report, ReportRequest, ReportSource, ReportState
from nightlight.model.verdict import Code
from nightlight.ports import Clock, Homeserver, NewReport, PendingReport, Store, Transaction

_HOUR_MS = 3_600_000
_PENDING_WAIT_MAX_MS = 60_000


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """New reports of one account in an hour; reports that may wait; how long one may wait, in milliseconds."""

    reports_per_hour: int
    pending_max: int
    pending_ms: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the reporter is answered. ``created``: False when this very report was here before."""

    report: Report
    created: bool


@dataclass(frozen=True, slots=True)
class Intake:
    store: Store
    homeserver: Homeserver
    clock: Clock
    new_id: NewId
    limits: IntakeLimits
    events: EventIntake
    #: Tells a young person what a report is for; see ``Notifier.tell``.
    tell: Callable[[Transaction, str, str, int], object] = lambda *_: None

    def take(self, request: ReportRequest, openid_token: str, idempotency_key: str | None) -> Receipt:
        """Takes one report.

        ``RefusedError``: ``invalid_token``, ``idempotency_key_reused``, ``too_many_reports``. ``UnavailableError``
        only when the report could not be stored; an unreachable homeserver makes it pending instead.
        """
        unconfirmed = "token:" + hashlib.sha256(openid_token.encode()).hexdigest()
        digest = digest_of(request)
        try:
            reporter = self.homeserver.whois(openid_token)
        except UnavailableError:
            return self._store_pending(request, None, unconfirmed, [unconfirmed], digest, idempotency_key, openid_token)
        # A report that waits under this token is this account's, too.
        claimants = [reporter, unconfirmed]
        with self.store.read() as tx:
            known = self._known(tx, claimants, digest, idempotency_key)
        if known:
            return known
        try:
            checked = check_messages(self.store, self.homeserver, reporter, request.room_id, request.messages)
            if not request.messages:
                self._require_member(reporter, request.room_id)
        except UnavailableError:
            return self._store_pending(request, reporter, reporter, claimants, digest, idempotency_key, None)
        now = self.clock.now()
        with self.store.write() as tx:
            known = self._known(tx, claimants, digest, idempotency_key)
            if known:
                return known
            self._bound(tx, reporter, now)
            report = _report(self.new_id("report"), now, reporter, request, ReportState.CHECKED)
            report = replace(report, messages=tuple(item.message for item in checked))
            new = NewReport(report, reporter, digest, idempotency_key)
            self.tell(tx, reporter, "after_reporting", now)
            return Receipt(record_new(tx, new, checked, self.new_id, self.events), created=True)

    def check_pending(self, limit: int = 100) -> int:
        """Checks reports that waited for the homeserver; returns how many were settled. Run it again and again."""
        settled = 0
        with self.store.read() as tx:
            due = tx.pending_due(self.clock.now(), limit)
        for pending in due:
            # Its next turn is set before this one is taken: a report that cannot be checked, for whatever reason,
            # must not stand in front of those behind it for ever.
            wait_ms = min(_PENDING_WAIT_MAX_MS, 2_000 * 2 ** min(pending.attempts, 10))
            with self.store.write() as tx:
                tx.postpone(pending.report.report_id, self.clock.now() + wait_ms)
            try:
                self._check_pending(pending)
                settled += 1
            except UnavailableError:
                continue
        return settled

    def _check_pending(self, pending: PendingReport) -> None:
        report = pending.report
        reporter = report.reporter
        if reporter is None and pending.openid_token:
            try:
                reporter = self.homeserver.whois(pending.openid_token)
            except UnavailableError:
                # Once the proof has surely run out there is nothing left to wait for.
                if self.clock.now() < report.received_at + self.limits.pending_ms:
                    raise
            except RefusedError:
                pass  # expired or forged: stays unconfirmed
        disclosures = [Disclosure(m.event_id, m.message_key, m.role) for m in report.messages]
        if reporter is None:
            messages = unchecked(disclosures, Code.REPORTER_UNCONFIRMED, keep_keys=False)
            checked = [CheckedMessage(message, None) for message in messages]
            claimant = pending.claimant
        else:
            room_id = report.room_id or ""
            checked = check_messages(self.store, self.homeserver, reporter, room_id, disclosures)
            claimant = reporter
        settled = replace(
            report, reporter=reporter, state=ReportState.CHECKED, messages=tuple(item.message for item in checked)
        )
        with self.store.write() as tx:
            current = tx.report(report.report_id)
            if current is None or current.state is not ReportState.PENDING:
                return  # another worker was faster
            if claimant != pending.claimant and not tx.may_claim(report.report_id, claimant):
                # The reporter sent it again meanwhile. This one keeps its own claimant, so both stay reachable.
                claimant = pending.claimant
            record_checked(tx, settled, claimant, checked, self.new_id, self.events, self.clock.now())
            if reporter is not None:
                self.tell(tx, reporter, "after_reporting", self.clock.now())

    def _store_pending(
        self,
        request: ReportRequest,
        reporter: str | None,
        claimant: str,
        claimants: Sequence[str],
        digest: bytes,
        idempotency_key: str | None,
        openid_token: str | None,
    ) -> Receipt:
        now = self.clock.now()
        report = replace(
            _report(self.new_id("report"), now, reporter, request, ReportState.PENDING),
            messages=unchecked(request.messages, Code.PENDING_VERIFICATION, keep_keys=True),
        )
        with self.store.write() as tx:
            known = self._known(tx, claimants, digest, idempotency_key)
            if known:
                return known
            self._bound(tx, claimant, now)
            if tx.pending_count() >= self.limits.pending_max:
                raise UnavailableError(
                    "intake_full",
                    "Too many reports are waiting for the homeserver. Please send this again in some minutes.",
                )
            record_pending(tx, NewReport(report, claimant, digest, idempotency_key, None, openid_token, now))
        return Receipt(report, created=True)

    def _known(
        self, tx: Transaction, claimants: Sequence[str], digest: bytes, idempotency_key: str | None
    ) -> Receipt | None:
        report = tx.same_report(claimants, digest, idempotency_key)
        return Receipt(report, created=False) if report else None

    def _bound(self, tx: Transaction, claimant: str, now: int) -> None:
        if tx.reports_since(claimant, now - _HOUR_MS) >= self.limits.reports_per_hour:
            raise RefusedError(
                "too_many_reports",
                "This account sent very many reports in the last hour.",
                "Please wait a while. In danger, call the emergency number.",
            )

    def _require_member(self, reporter: str, room_id: str) -> None:
        # A report of a whole room has no message whose time could be asked for; having been in it is enough.
        if self.homeserver.membership_now(room_id, reporter) is None:
            raise RefusedError(
                "room_not_found", "There is no such room, or you were never in it.", "Check the room id."
            )


def _report(report_id: str, now: int, reporter: str | None, request: ReportRequest, state: ReportState) -> Report:
    return Report(
        report_id=report_id,
        received_at=now,
        reporter=reporter,
        room_id=request.room_id,
        category=request.category,
        note=request.note,
        language=request.language,
        source=ReportSource.API,
        state=state,
        case_id=None,
        target_account=None,
        messages=(),
    )
