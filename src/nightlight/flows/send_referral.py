"""A signed referral on its way, what follows when the agency has it, and alarms about those that do not get there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.record_report import NewId
from nightlight.flows.submit import Submitter, add, queued
from nightlight.model.draft import AgencyKind, Draft
from nightlight.model.referral import Referral, ReferralState
from nightlight.model.submission import Submission
from nightlight.ports import Clock, Store, Transaction
from nightlight.respond.referral_clock import ReferralClock

#: Cases about one account that earlier reports are looked for in.
_CASES = 200


@dataclass(frozen=True, slots=True)
class Sender:
    """``submitter``: None where this installation is not connected to the CyberTipline."""

    submitter: Callable[[], Submitter | None]
    timing: ReferralClock
    new_id: NewId

    def send(self, tx: Transaction, referral: Referral, now: int) -> None:
        """Within the transaction that signs it. To agencies without a service, a person carries a package.

        ``RefusedError('not_connected')``.
        """
        draft, agency = referral.draft or Draft(), referral.agency
        due_at = now + self.timing.due_in(agency.kind, draft)
        if agency.kind is not AgencyKind.NCMEC:
            submission = queued(
                self.new_id, referral.referral_id, referral.case_id, agency.name, draft.urgent, due_at, now
            )
            add(tx, replace(submission, by_hand=True), now)
            return
        submitter = self.submitter()
        if submitter is None:
            raise RefusedError(
                "not_connected",
                "This installation is not connected to the CyberTipline, so nothing can go out.",
                "Set NIGHTLIGHT_NCMEC_URL and NIGHTLIGHT_NCMEC_CREDENTIALS_FILE.",
            )
        submitter.enqueue(tx, referral.referral_id, referral.case_id, agency.name, draft.urgent, due_at, now)


def filed(tx: Transaction, submission: Submission, now: int) -> None:
    """The agency has it: its number stands in the referral, in the transaction that records the finish."""
    referral = tx.referral(submission.referral_id)
    if referral is None or submission.report_id is None:
        return
    filed_as(tx, referral, str(submission.report_id), "nightlight", now)


def filed_as(tx: Transaction, referral: Referral, reference: str, by: str, now: int) -> Referral:
    """``reference``: what the agency calls it."""
    done = replace(referral, state=ReferralState.FILED, reference=reference, finished_at=now)
    tx.save_referral(done)
    detail = {"referral": referral.referral_id, "reference": reference}
    tx.log(now, LogKind.REFERRAL_FILED, by, referral.case_id, detail)
    return done


def taken_back(tx: Transaction, submission: Submission, now: int) -> None:
    """It did not go out: the referral is withdrawn, so that another can be written in its place."""
    referral = tx.referral(submission.referral_id)
    if referral is None:
        return
    tx.save_referral(replace(referral, state=ReferralState.WITHDRAWN))
    detail = {"referral": referral.referral_id, "reason": submission.retract_reason}
    tx.log(now, LogKind.DRAFT_WITHDRAWN, submission.retract_by, referral.case_id, detail)


def prior_reports(tx: Transaction, kind: AgencyKind, account: str) -> list[int]:
    """NCMEC's numbers of earlier reports about the account, the oldest first."""
    if kind is not AgencyKind.NCMEC:
        return []
    found = [
        int(referral.reference)
        for case in tx.cases_about(account, _CASES)
        for referral in tx.referrals_of(case.case_id)
        if referral.agency.kind is kind and referral.state is ReferralState.FILED and referral.reference.isdecimal()
    ]
    return sorted(set(found))


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about a referral that must not wait. ``what``: in words, with no name in it."""

    referral_id: str
    what: str


@dataclass(frozen=True, slots=True)
class Alarms:
    """``review_ms``: how soon an urgent referral has to be reviewed after it went out."""

    store: Store
    clock: Clock
    review_ms: int

    def all(self) -> list[Alarm]:
        """Failed and overdue ones first, then urgent ones that nobody reviewed."""
        now = self.clock.now()
        with self.store.read() as tx:
            troubled = tx.submissions_needing_attention(now)
            unreviewed = [one for one, at in tx.urgent_unreviewed() if at < now - self.review_ms]
        return [
            *(Alarm(one.referral_id, _trouble(one, now)) for one in troubled),
            *(Alarm(one, "went out as urgent and was not reviewed") for one in unreviewed),
        ]


def _trouble(submission: Submission, now: int) -> str:
    if submission.state == "failed":
        return "failed: a person has to decide"
    if submission.due_at < now and submission.by_hand:
        return "is overdue: nobody has said that the agency has its package"
    if submission.due_at < now:
        return "is overdue: the agency does not have it yet"
    return "is held up by something that does not mend itself"
