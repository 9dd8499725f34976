"""Referrals that only wait to be filed, and a submitter for them, for tests of submissions."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import pytest

from nightlight.adapters.cybertipline import samples
from nightlight.adapters.cybertipline.client import TiplineClient, TiplineTimes
from nightlight.adapters.cybertipline.schema import Schema
from nightlight.adapters.cybertipline.writer import file_details_xml, report_xml
from nightlight.evidence.log import LogKind
from nightlight.flows.audit import audit
from nightlight.flows.draft_referral import digest_of
from nightlight.flows.send_referral import taken_back
from nightlight.flows.submit import LEASE_MS, Submitter
from nightlight.model.case import Case, CaseState
from nightlight.model.draft import AgencyKind, Draft
from nightlight.model.referral import Agency, Referral, ReferralState
from nightlight.model.report import Category
from nightlight.model.submission import ENDED, Submission, SubmissionState
from nightlight.ports import ReportDocuments, ReportingService, Transaction
from nightlight.respond.submission import BACKOFF_MAX_MS
from nightlight.store.database import Database
from tests.simulators.cybertipline import PASSWORD, USER, SimulatedTipline, TurnedClock, simulated_tipline

NCMEC = "NCMEC CyberTipline"
HOUR = 3_600_000
#: One agency serves many tests, so that no number comes twice.
_NUMBERS = itertools.count(1)
QUICK = TiplineTimes(connect=5, read=5, write=5, call=10, upload=20)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedTipline]:
    """One agency for all tests of a file."""
    with simulated_tipline(tmp_path_factory.mktemp("tipline")) as agency:
        yield agency


@dataclass
class PictureDocuments:
    """A report with some pictures of shapes, told apart from all others by its referral. Implements the port."""

    referral_id: str
    pictures: tuple[bytes, ...] = (b"[picture of a circle]", b"[picture of a square]")
    check: Callable[[], None] = lambda: None

    def validate(self) -> None:
        self.check()
        Schema.own().check(self.report())
        for position in range(len(self.pictures)):
            Schema.own().check(self.file_details(position, 1, "a"))

    def report(self) -> bytes:
        return _REPORT.replace(b"@@", self.referral_id.encode())

    def files(self) -> list[str]:
        return [f"{number}.png" for number in range(len(self.pictures))]

    def file_details(self, position: int, report_id: int, file_id: str) -> bytes:
        return file_details_xml(replace(_DETAILS, report_id=report_id, file_id=file_id, file_name=f"{position}.png"))

    def content(self, position: int) -> Iterator[bytes]:
        half = len(self.pictures[position]) // 2
        yield self.pictures[position][:half]
        yield self.pictures[position][half:]


_DETAILS = replace(samples.full_file_details(), original_file_hash=(), ip_capture_event=None, device_id=(), details=())


# Made once: it is the calls that these tests are about.
_REPORT = report_xml(replace(samples.full_report(), additional_info="This is @@."))


def connected(url: str) -> TiplineClient:
    return TiplineClient(url, lambda: (USER, PASSWORD), times=QUICK)


@dataclass
class Submitting:
    """``followed``: referrals after whose finished report something followed, in order."""

    store: Database
    agency: SimulatedTipline
    clock: TurnedClock = field(default_factory=TurnedClock)
    documents: Callable[[Submission], ReportDocuments] = lambda submission: PictureDocuments(submission.referral_id)
    followed: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: _NUMBERS)

    def submitter(self, service: ReportingService | None = None) -> Submitter:
        return Submitter(
            store=self.store,
            service=service or connected(self.agency.url),
            documents_of=self.documents,
            clock=self.clock,
            new_id=lambda prefix: f"{prefix}_{os.getpid()}_{next(self.numbers)}",
            on_finished=lambda _tx, submission, _now: self.followed.append(submission.referral_id),
            on_retracted=taken_back,
        )

    def approved(self, tx: Transaction) -> Referral:
        """A referral that a second person signed off, with its case."""
        number = next(self.numbers)
        now, case_id, referral_id = self.clock.at, f"case_{number}", f"referral_{number}"
        tx.add_case(Case(case_id, now, CaseState.OPEN, None, None, Category.GROOMING, 1, 0, 0, 0))
        draft = Draft()
        referral = Referral(
            *(referral_id, case_id, Agency(NCMEC, "", AgencyKind.NCMEC), "a law", "robin", now, 1),
            *(ReferralState.APPROVED, 0, b"", b"", ()),
            draft=draft,
            reviewed_by="kim",
        )
        tx.add_referral(referral)
        digest = digest_of(draft)
        tx.log(now, LogKind.DRAFT_BEGUN, "robin", case_id, {"referral": referral_id, "agency": NCMEC, "draft": digest})
        tx.log(now, LogKind.DRAFT_APPROVED, "kim", case_id, {"referral": referral_id, "draft": digest})
        return referral

    def queued(self, *, urgent: bool = False, due_in: int = HOUR) -> Submission:
        now = self.clock.at
        with self.store.write() as tx:
            referral = self.approved(tx)
            return self.submitter().enqueue(
                tx, referral.referral_id, referral.case_id, NCMEC, urgent, now + due_in, now
            )

    def now(self, submission: Submission) -> Submission:
        with self.store.read() as tx:
            found = tx.submission(submission.submission_id)
        assert found is not None
        return found

    def go_on(self, submission: Submission, most: int = 40) -> Submission:
        """Lets time pass, the agency's too, until the submission has an end."""
        submitter = self.submitter()
        for _ in range(most):
            submitter.run_due()
            found = self.now(submission)
            if found.state in ENDED:
                return found
            passing = LEASE_MS + 1
            if found.lease is None:
                passing = min(BACKOFF_MAX_MS, max(1, found.next_attempt_at - self.clock.at))
            self.clock.at += passing
            self.agency.clock.at += passing
        return self.now(submission)

    def filed(self, submission: Submission) -> list[int]:
        """The numbers of the finished reports about this referral, each checked to be whole."""
        mark = f"This is {submission.referral_id}.".encode()
        found = [report for report in self.agency.finished() if mark in report.document]
        for report in found:
            assert [file.name for file in report.files] == ["0.png", "1.png"]
            assert all(file.details is not None for file in report.files)
        return [report.report_id for report in found]

    def assert_filed_once(self, submission: Submission) -> None:
        """At the agency, in the tables and in the log; and what follows a finished report followed once."""
        found = self.now(submission)
        assert found.state is SubmissionState.FINISHED, (found.state, found.error, found.error_words)
        assert self.filed(submission) == [found.report_id]
        assert found.error == ""

    def kinds(self, submission: Submission) -> list[str]:
        """What the log says of it, in order."""
        with self.store.read() as tx:
            mine = [entry for entry in tx.log_of(submission.case_id) if submission.submission_id in entry.detail]
        return [entry.kind.removeprefix("submission.") for entry in mine]

    def audit(self) -> None:
        audit(self.store, [])

    def attention(self) -> list[str]:
        with self.store.read() as tx:
            return [one.submission_id for one in tx.submissions_needing_attention(self.clock.at)]

    def writing(self) -> AbstractContextManager[Transaction]:
        return self.store.write()
