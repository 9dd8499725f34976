"""Filing a referral with an agency's reporting service, exactly once, whatever crashes on the way.

Before every call stands a transaction that says which call it is, after every call one that says what came of it. What
was begun by somebody who is gone is settled as *lost*, and ``respond.submission`` knows for each call what that means
(ADR 0018). Whoever works on a submission holds its lease; whoever lost it writes nothing any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogKind
from nightlight.flows.record_report import NewId
from nightlight.model.agency_reply import AgencyReply
from nightlight.model.submission import CALLS, ENDED, Lease, Step, StepKind, Submission, SubmissionState
from nightlight.ports import Clock, ReportDocuments, ReportingService, Store, Transaction
from nightlight.respond.enforcement import reason_in_words
from nightlight.respond.submission import (
    UNSURE,
    after,
    begin,
    finished,
    in_doubt,
    looked_into,
    lost,
    next_step,
    retried,
    stopped,
    wanted_back,
)

#: Longer than any call but an upload may take; an upload renews it as it goes.
LEASE_MS = 180_000
#: So often an upload under way renews the lease.
BEAT_MS = 30_000
WORKER = "nightlight"

#: Follows the end of a submission, in the transaction that records it.
Follow = Callable[[Transaction, Submission, int], None]


class _LeaseLostError(Exception):
    """Somebody else works on it now: whatever is known here is out of date."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A reply, and what went along with it that has to be stored. ``sha256``: of the report's document."""

    reply: AgencyReply
    files: tuple[str, ...] = ()
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Submitter:
    """``new_id`` makes ids and lease tokens that nobody guesses; ``jitter`` a factor around 1 on every wait.

    ``on_finished``: what follows a finished report and no other; ``on_retracted``: what follows taking one back.
    """

    store: Store
    service: ReportingService
    documents_of: Callable[[Submission], ReportDocuments]
    clock: Clock
    new_id: NewId
    on_finished: Follow
    on_retracted: Follow
    jitter: Callable[[], float] = lambda: 1.0

    def enqueue(
        self, tx: Transaction, referral_id: str, case_id: str, agency: str, urgent: bool, due_at: int, now: int
    ) -> Submission:
        """Puts a referral on its way. ``due_at``: when it counts as overdue. ``RefusedError('already_submitted')``."""
        submission = queued(self.new_id, referral_id, case_id, agency, urgent, due_at, now)
        add(tx, submission, now)
        return submission

    def run_due(self) -> int:
        """Works on every submission that is due, one after the other; returns how many."""
        worked = 0
        while (submission := self._lease()) is not None:
            worked += 1
            with suppress(_LeaseLostError):
                self._work(submission)
        return worked

    def retry(self, submission_id: str, by: str, *, not_filed: bool = False) -> Submission:
        """Puts a failed one back to work. ``not_filed``: the agency told that person that it does not have it.

        ``RefusedError``: ``submission_not_found``, ``not_failed``, ``maybe_filed`` without that word.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            submission = self._failed(tx, submission_id)
            if submission.error in UNSURE and not not_filed:
                raise RefusedError(
                    "maybe_filed",
                    "The agency may have this report already.",
                    "Ask the agency. Then say here that it does not have it, or that it does.",
                )
            again = retried(submission, now, not_filed=not_filed)
            tx.save_submission(again)
            _log(tx, LogKind.SUBMISSION_RETRIED, by, again, now, before=submission.error, not_filed=not_filed)
            self._note(tx, submission, again, now)
        return again

    def confirm(self, submission_id: str, by: str) -> Submission:
        """A person learned from the agency that it does have a report of which nobody here could tell.

        Or that a finished one about which something was odd is in order. ``RefusedError``: ``submission_not_found``,
        ``not_failed``, ``not_in_doubt``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            submission = self._known(tx, submission_id)
            if submission.state is SubmissionState.FINISHED and submission.error:
                done = looked_into(submission)
                tx.save_submission(done)
                _log(tx, LogKind.SUBMISSION_SETTLED, by, done, now, before=submission.error)
                return done
            if not in_doubt(self._failed(tx, submission_id)):
                raise RefusedError("not_in_doubt", "It is known that the agency does not have this report.")
            done = finished(submission, now)
            tx.save_submission(done)
            _log_finished(tx, by, done, now)
            self.on_finished(tx, done, now)
        return done

    def retract(self, submission_id: str, by: str, reason: str) -> Submission:
        """Takes it back, as long as it is not filed. Where a report is open the agency is asked to drop it.

        ``RefusedError``: ``submission_not_found``, ``already_filed``, ``already_retracted``, ``reason_missing``.
        """
        words, now = reason_in_words(reason), self.clock.now()
        with self.store.write() as tx:
            submission = self._known(tx, submission_id)
            if submission.state is SubmissionState.FINISHED:
                raise RefusedError(
                    "already_filed",
                    "The agency has this report: it cannot be taken back from here.",
                    "Write to the agency, and name the report's number.",
                )
            under_way = submission.retract_by and submission.state is not SubmissionState.FAILED
            if under_way or submission.state is SubmissionState.RETRACTED:
                raise RefusedError("already_retracted", "Somebody takes this back already.")
            back = wanted_back(submission, by, words)
            tx.save_submission(back)
            _log(tx, LogKind.SUBMISSION_WANTED_BACK, by, back, now, reason=words)
            self._note(tx, submission, back, now)
        return back

    def _lease(self) -> Submission | None:
        now = self.clock.now()
        with self.store.read() as tx:
            if tx.due_submission(now, LEASE_MS) is None:
                return None
        with self.store.write() as tx:
            due = tx.due_submission(now, LEASE_MS)
            if due is None:
                return None
            # Whoever had it before is gone, or will find that it is: what they were at is settled first.
            settled = lost(due, now)
            leased = replace(settled, lease=Lease(self.new_id("lease"), now + LEASE_MS))
            tx.save_submission(leased)
            self._note(tx, due, leased, now)
        return leased

    def _work(self, submission: Submission) -> None:
        """Step by step until there is nothing to do right now."""
        step = next_step(submission, self.clock.now())
        if step.kind not in CALLS:
            self._let_go(submission)
            return
        documents = cache(lambda: self.documents_of(submission))
        with self.store.write() as tx:
            submission = self._begin(tx, self._ours(tx, submission), step)
        while submission.in_flight is not None:
            submission = self._one_step(submission, documents)

    def _one_step(self, submission: Submission, documents: Callable[[], ReportDocuments]) -> Submission:
        """Makes the call in flight; stores what came of it and, in the same transaction, which one is next."""
        begun_at = self.clock.now()
        sent: _Sent | None = None
        try:
            sent = self._call(submission, documents)
        except RefusedError as e:
            trouble, retry = (e.code, e.message), False
        except UnavailableError as e:
            trouble, retry = (e.code, e.message), e.retry
        now, jitter = self.clock.now(), self.jitter()
        with self.store.write() as tx:
            current = self._ours(tx, submission)
            if sent is None:
                then = stopped(current, *trouble, now, retry=retry, jitter=jitter)
            else:
                then = after(current, sent.reply, now, sent.files, begun_at=begun_at, jitter=jitter)
            self._note(tx, current, then, now, sent.sha256 if sent else "")
            step = next_step(then, now)
            if step.kind in CALLS:
                return self._begin(tx, then, step)
            free = replace(then, lease=None)
            tx.save_submission(free)
            return free

    def _begin(self, tx: Transaction, submission: Submission, step: Step) -> Submission:
        now = self.clock.now()
        token = submission.lease.token if submission.lease else ""
        begun = replace(begin(submission, step, now), lease=Lease(token, now + LEASE_MS))
        tx.save_submission(begun)
        return begun

    def _call(self, submission: Submission, documents: Callable[[], ReportDocuments]) -> _Sent:
        step, report_id = submission.in_flight, submission.report_id
        if step is None or (report_id is None) != (step.kind is StepKind.OPEN):
            raise RuntimeError("no such call can be under way")
        if report_id is None:
            said = documents()
            said.validate()  # everything, before anything is opened
            files, document = tuple(said.files()), said.report()
            return _Sent(self.service.submit(document), files, hashlib.sha256(document).hexdigest())
        match step.kind:
            case StepKind.UPLOAD:
                file = submission.files[step.position]
                content = self._beating(submission, documents().content(step.position))
                return _Sent(self.service.upload(report_id, file.name, content))
            case StepKind.DESCRIBE:
                file = submission.files[step.position]
                details = documents().file_details(step.position, report_id, file.file_id)
                return _Sent(self.service.describe(report_id, details))
            case StepKind.FINISH:
                return _Sent(self.service.finish(report_id))
            case _:
                return _Sent(self.service.retract(report_id))

    def _beating(self, submission: Submission, content: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks; every now and then the lease is renewed, or the upload broken off because it is lost."""
        beat = self.clock.now()
        try:
            for chunk in content:
                now = self.clock.now()
                if not beat <= now < beat + BEAT_MS:
                    beat = now
                    with self.store.write() as tx:
                        current = self._ours(tx, submission)
                        token = current.lease.token if current.lease else ""
                        tx.save_submission(replace(current, lease=Lease(token, now + LEASE_MS)))
                yield chunk
        finally:
            getattr(content, "close", lambda: None)()

    def _let_go(self, submission: Submission) -> None:
        with self.store.write() as tx:
            tx.save_submission(replace(self._ours(tx, submission), lease=None))

    def _ours(self, tx: Transaction, submission: Submission) -> Submission:
        """The row as it is now, which others may have changed in what is theirs to change."""
        current = tx.submission(submission.submission_id)
        if current is None or current.lease is None or submission.lease is None:
            raise _LeaseLostError
        if current.lease.token != submission.lease.token:
            raise _LeaseLostError
        return current

    def _known(self, tx: Transaction, submission_id: str) -> Submission:
        submission = tx.submission(submission_id)
        if submission is None:
            raise RefusedError("submission_not_found", "There is no such submission.")
        return submission

    def _failed(self, tx: Transaction, submission_id: str) -> Submission:
        submission = self._known(tx, submission_id)
        if submission.state is not SubmissionState.FAILED:
            raise RefusedError("not_failed", "This submission did not fail.", "Nothing has to be done.")
        return submission

    def _note(self, tx: Transaction, before: Submission, then: Submission, now: int, sha256: str = "") -> None:
        """What the log says of a change, and what follows a finished report."""
        if then.report_id is not None and before.report_id is None:
            files = len(then.files)
            _log(tx, LogKind.SUBMISSION_OPENED, WORKER, then, now, report=then.report_id, files=files, sha256=sha256)
        sent_before = {file.position for file in before.files if file.uploaded}
        for file in then.files:
            if file.uploaded and file.position not in sent_before:
                detail: dict[str, str | int] = {
                    "report": then.report_id or 0,
                    "position": file.position,
                    "file": file.file_id,
                    "md5": file.md5.hex(),
                }
                _log(tx, LogKind.SUBMISSION_FILE_SENT, WORKER, then, now, **detail)
        if then.state is before.state or then.state not in ENDED:
            return
        if then.state is SubmissionState.FINISHED:
            _log_finished(tx, WORKER, then, now)
            self.on_finished(tx, then, now)
        elif then.state is SubmissionState.RETRACTED:
            _log(tx, LogKind.SUBMISSION_RETRACTED, WORKER, then, now)
            self.on_retracted(tx, then, now)
        else:
            # Not in words: they quote what was wrong, and that may be about somebody, while the log is for ever.
            _log(tx, LogKind.SUBMISSION_FAILED, WORKER, then, now, error=then.error, report=then.report_id or 0)


def queued(
    new_id: NewId, referral_id: str, case_id: str, agency: str, urgent: bool, due_at: int, now: int
) -> Submission:
    return Submission(
        submission_id=new_id("submission"),
        referral_id=referral_id,
        case_id=case_id,
        agency=agency,
        urgent=urgent,
        state=SubmissionState.QUEUED,
        queued_at=now,
        due_at=due_at,
        next_attempt_at=0,
    )


def add(tx: Transaction, submission: Submission, now: int) -> None:
    """``RefusedError('already_submitted')``: however many people race, a referral has one submission."""
    if tx.submission_of(submission.referral_id) is not None:
        raise RefusedError("already_submitted", "This referral is on its way already.", "Nothing is missing.")
    tx.add_submission(submission)
    said: dict[str, str | int | bool] = {
        "agency": submission.agency,
        "urgent": submission.urgent,
        "due": submission.due_at,
    }
    if submission.by_hand:
        said["by_hand"] = True
    _log(tx, LogKind.SUBMISSION_QUEUED, WORKER, submission, now, **said)


def _log(
    tx: Transaction, kind: LogKind, actor: str, submission: Submission, now: int, **detail: str | int | bool
) -> None:
    named = {"submission": submission.submission_id, "referral": submission.referral_id, **detail}
    tx.log(now, kind, actor, submission.case_id, named)


def _log_finished(tx: Transaction, actor: str, submission: Submission, now: int) -> None:
    files = ",".join(file.file_id for file in submission.files)
    _log(tx, LogKind.SUBMISSION_FINISHED, actor, submission, now, report=submission.report_id or 0, files=files)
