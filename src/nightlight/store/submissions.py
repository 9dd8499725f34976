"""Submissions and their files: what has to survive every crash."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update

from nightlight.model.submission import (
    ENDED,
    Lease,
    Orphan,
    Step,
    StepKind,
    Submission,
    SubmissionFile,
    SubmissionState,
)
from nightlight.respond.submission import PERSON_ERRORS, WAIT_MAX_MS
from nightlight.store.submission_schema import submission_files, submissions

_ENDED = [str(state) for state in sorted(ENDED)]


class SubmissionTables:
    _connection: Connection

    def add_submission(self, submission: Submission) -> None:
        """A second one of the same referral breaks the table's own constraint."""
        values = {**_values(submission), **_fixed(submission)}
        self._connection.execute(insert(submissions), values)
        self._put_files(submission)

    def save_submission(self, submission: Submission) -> None:
        this = submissions.c.submission_id == submission.submission_id
        self._connection.execute(update(submissions).where(this), _values(submission))
        self._connection.execute(
            delete(submission_files).where(submission_files.c.submission_id == submission.submission_id)
        )
        self._put_files(submission)

    def submission(self, submission_id: str) -> Submission | None:
        return self._submission_where(submissions.c.submission_id == submission_id)

    def submission_of(self, referral_id: str) -> Submission | None:
        return self._submission_where(submissions.c.referral_id == referral_id)

    def submissions(self) -> list[Submission]:
        rows = self._connection.execute(select(submissions).order_by(submissions.c.queued_at)).all()
        return [self._submission(row) for row in rows]

    def due_submission(self, now: int, lease_ms: int) -> Submission | None:
        """One that has not ended, that it is time for and that nobody works on: the urgent first.

        What lies further ahead than anything is ever put is a time that a clock showed before it was put back.
        """
        table = submissions.c
        due = or_(table.next_attempt_at <= now, table.next_attempt_at > now + WAIT_MAX_MS)
        free = or_(table.lease_until <= now, table.lease_until > now + 2 * lease_ms)
        row = self._connection.execute(
            select(submissions)
            .where(table.state.not_in(_ENDED), table.by_hand.is_(False), due, free)
            .order_by(table.urgent.desc(), table.next_attempt_at, table.queued_at)
            .limit(1)
        ).first()
        return self._submission(row) if row else None

    def submissions_needing_attention(self, now: int) -> list[Submission]:
        """Failed, overdue, or held up by what does not mend itself; the urgent first, then by when they were due."""
        table = submissions.c
        overdue = and_(table.state.not_in(_ENDED), table.due_at < now)
        held_up = table.error.in_([str(error) for error in sorted(PERSON_ERRORS)])
        rows = self._connection.execute(
            select(submissions)
            .where(or_(table.state == SubmissionState.FAILED, overdue, held_up))
            .order_by(table.urgent.desc(), table.due_at)
        ).all()
        return [self._submission(row) for row in rows]

    def _submission_where(self, which: ColumnElement[bool]) -> Submission | None:
        row = self._connection.execute(select(submissions).where(which)).first()
        return self._submission(row) if row else None

    def _put_files(self, submission: Submission) -> None:
        if submission.files:
            rows = [
                {
                    "submission_id": submission.submission_id,
                    "position": file.position,
                    "name": file.name,
                    "file_id": file.file_id,
                    "md5": file.md5,
                    "uploaded": file.uploaded,
                    "described": file.described,
                }
                for file in submission.files
            ]
            self._connection.execute(insert(submission_files), rows)

    def _submission(self, row: Row[Any]) -> Submission:
        files = self._connection.execute(
            select(submission_files)
            .where(submission_files.c.submission_id == row.submission_id)
            .order_by(submission_files.c.position)
        )
        return Submission(
            submission_id=row.submission_id,
            referral_id=row.referral_id,
            case_id=row.case_id,
            agency=row.agency,
            urgent=row.urgent,
            by_hand=row.by_hand,
            state=SubmissionState(row.state),
            queued_at=row.queued_at,
            due_at=row.due_at,
            next_attempt_at=row.next_attempt_at,
            attempts=row.attempts,
            openings=row.openings,
            report_id=row.report_id,
            opened_at=row.opened_at,
            last_change_at=row.last_change_at,
            in_flight=_step(row.in_flight),
            finish_unknown=row.finish_unknown,
            lease=Lease(row.lease_token, row.lease_until) if row.lease_token else None,
            error=row.error,
            error_words=row.error_words,
            files=tuple(
                SubmissionFile(one.position, one.name, one.file_id, bytes(one.md5), one.uploaded, one.described)
                for one in files
            ),
            orphans=tuple(Orphan(at, report_id, why) for at, report_id, why in json.loads(row.orphans)),
            request_ids=tuple(json.loads(row.request_ids)),
            finished_at=row.finished_at,
            retract_by=row.retract_by,
            retract_reason=row.retract_reason,
        )


def _fixed(submission: Submission) -> dict[str, Any]:
    """What never changes."""
    return {
        "submission_id": submission.submission_id,
        "referral_id": submission.referral_id,
        "case_id": submission.case_id,
        "agency": submission.agency,
        "urgent": submission.urgent,
        "by_hand": submission.by_hand,
        "queued_at": submission.queued_at,
        "due_at": submission.due_at,
    }


def _values(submission: Submission) -> dict[str, Any]:
    flight, lease = submission.in_flight, submission.lease
    return {
        "state": submission.state,
        "next_attempt_at": submission.next_attempt_at,
        "attempts": submission.attempts,
        "openings": submission.openings,
        "report_id": submission.report_id,
        "opened_at": submission.opened_at,
        "last_change_at": submission.last_change_at,
        "in_flight": "" if flight is None else f"{flight.kind}:{flight.position}",
        "finish_unknown": submission.finish_unknown,
        "lease_token": "" if lease is None else lease.token,
        "lease_until": 0 if lease is None else lease.until,
        "error": submission.error,
        "error_words": submission.error_words,
        "orphans": json.dumps([[one.at, one.report_id, one.why] for one in submission.orphans]),
        "request_ids": json.dumps(submission.request_ids),
        "finished_at": submission.finished_at,
        "retract_by": submission.retract_by,
        "retract_reason": submission.retract_reason,
    }


def _step(text: str) -> Step | None:
    kind, _, position = text.partition(":")
    return Step(StepKind(kind), int(position)) if kind else None
