"""What the log says of submissions, against what the tables hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.audit_erasures import ErasureClaims
from nightlight.model.retention import Record
from nightlight.model.submission import ENDED, Submission, SubmissionState
from nightlight.ports import Transaction

_STATE_AFTER = {
    LogKind.SUBMISSION_FINISHED: SubmissionState.FINISHED,
    LogKind.SUBMISSION_FAILED: SubmissionState.FAILED,
    LogKind.SUBMISSION_RETRACTED: SubmissionState.RETRACTED,
}


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one submission has to be. ``fixed``: referral, urgent, by hand, and when it is due.

    ``state``: None while the log names no end. ``finished_at``: when the agency had it. ``wanted_back``: by whom, and
    why. ``report``: the number of the newest report; ``files``: what was sent for it, MD5 in hexadecimal by position.
    """

    case_id: str
    fixed: tuple[str, bool, bool, int]
    agency: str
    state: SubmissionState | None = None
    finished_at: int | None = None
    wanted_back: tuple[str, str] = ("", "")
    report: int | None = None
    files: dict[int, tuple[str, str]] = field(default_factory=dict)

    def without(self, gone: ErasureClaims) -> _Claim:
        """What is left of it, after what was erased of its case."""
        claim = self
        if gone.of(self.case_id, Record.REFERRAL_RECORD):
            claim = replace(claim, files={}, wanted_back=("", ""))
        if gone.of(self.case_id, Record.AGENCY_REFERENCE):
            claim = replace(claim, agency="", report=None)
        return claim


@dataclass(slots=True)
class SubmissionClaims:
    """Collects what the log says, entry by entry, then compares."""

    _submissions: dict[str, _Claim] = field(default_factory=dict)

    def note(self, entry: LogEntry, detail: dict[str, Any]) -> None:
        if entry.kind == LogKind.SUBMISSION_QUEUED:
            fixed = (detail["referral"], detail["urgent"], detail.get("by_hand", False), detail["due"])
            self._submissions[detail["submission"]] = _Claim(entry.subject, fixed, detail["agency"])
            return
        known = self._submissions.get(detail.get("submission", ""))
        if known is None:
            return
        if entry.kind == LogKind.SUBMISSION_OPENED:
            known = replace(known, report=detail["report"], files={})
        elif entry.kind == LogKind.SUBMISSION_FILE_SENT:
            known = replace(known, files={**known.files, detail["position"]: (detail["file"], detail["md5"])})
        elif entry.kind == LogKind.SUBMISSION_RETRIED:
            known = replace(known, state=None)
        elif entry.kind == LogKind.SUBMISSION_WANTED_BACK:
            known = replace(known, state=None, wanted_back=(entry.actor, detail["reason"]))
        elif entry.kind in _STATE_AFTER:
            known = replace(known, state=_STATE_AFTER[LogKind(entry.kind)])
            if known.state is SubmissionState.FINISHED:
                known = replace(known, finished_at=entry.at)
        self._submissions[detail["submission"]] = known

    def broken(self, tx: Transaction, gone: ErasureClaims) -> str | None:
        """The id of a submission that is not what the log says, if there is one."""
        held = {submission.submission_id: submission for submission in tx.submissions()}
        for submission_id, claim in self._submissions.items():
            submission = held.pop(submission_id, None)
            if submission is None or not _agrees(submission, claim.without(gone)):
                return submission_id
        return next(iter(held), None)


def _agrees(submission: Submission, claim: _Claim) -> bool:
    if (submission.referral_id, submission.urgent, submission.by_hand, submission.due_at) != claim.fixed:
        return False
    if submission.agency != claim.agency:
        return False
    if (submission.state if submission.state in ENDED else None) != claim.state:
        return False
    if (submission.retract_by, submission.retract_reason) != claim.wanted_back:
        return False
    if submission.finished_at != claim.finished_at:
        return False
    if submission.state is SubmissionState.FINISHED and submission.report_id != claim.report:
        return False
    if submission.report_id is None:
        return True
    sent = {file.position: (file.file_id, file.md5.hex()) for file in submission.files if file.uploaded}
    return submission.report_id == claim.report and sent == claim.files
