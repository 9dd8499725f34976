"""Submissions in the tables: nothing of them is lost; work is found, and so is what needs a person."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import pytest
from sqlalchemy.exc import IntegrityError

from nightlight.model.case import Case, CaseState
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Agency, Referral, ReferralState
from nightlight.model.report import Category
from nightlight.model.submission import (
    Lease,
    Orphan,
    Step,
    StepKind,
    Submission,
    SubmissionFile,
    SubmissionState,
)
from nightlight.ports import Transaction
from nightlight.respond.submission import PERSON_ERRORS, WAIT_MAX_MS, needs_attention
from nightlight.store.database import Database

NOW = 1_800_000_000_000
LEASE_MS = 180_000
_numbers = itertools.count(1)


def added(tx: Transaction, **changes: object) -> Submission:
    number = next(_numbers)
    tx.add_case(Case(f"case_{number}", NOW, CaseState.OPEN, None, None, Category.GROOMING, 1, 0, 0, 0))
    tx.add_referral(
        Referral(
            *(f"referral_{number}", f"case_{number}", Agency("NCMEC", "", AgencyKind.NCMEC), "a law", "robin", NOW, 1),
            *(ReferralState.APPROVED, 0, b"", b"", ()),
        )
    )
    base = Submission(
        f"submission_{number}",
        f"referral_{number}",
        f"case_{number}",
        "NCMEC",
        *(False, SubmissionState.QUEUED, NOW, NOW + 1, 0),
    )
    submission = replace(base, **changes)  # type: ignore[arg-type]
    tx.add_submission(submission)
    return submission


EVERYTHING = {
    "urgent": True,
    "by_hand": True,
    "state": SubmissionState.OPEN,
    "next_attempt_at": NOW + 5,
    "attempts": 3,
    "openings": 2,
    "report_id": 2**62,
    "opened_at": NOW - 9,
    "last_change_at": NOW - 8,
    "in_flight": Step(StepKind.UPLOAD, 1),
    "finish_unknown": True,
    "lease": Lease("a token", NOW + 7),
    "error": "agency_busy",
    "error_words": "with ünicode 🌙",
    "files": (SubmissionFile(0, "a.png", "f0", bytes(range(16)), True, True), SubmissionFile(1, "b.png")),
    "orphans": (Orphan(NOW - 1, None, "agency_timeout"), Orphan(NOW, 7, "expired")),
    "request_ids": ("r1", "r2"),
    "finished_at": NOW + 6,
    "retract_by": "robin",
    "retract_reason": "a mistake",
}


def test_what_was_written_is_read_back_unchanged(database: Database) -> None:
    with database.write() as tx:
        plain, whole = added(tx), added(tx, **EVERYTHING)
    changeable = {field.name for field in fields(Submission)} - {
        *("submission_id", "referral_id", "case_id", "agency", "queued_at", "due_at"),
    }
    assert set(EVERYTHING) == changeable  # a new field is tried, too
    with database.read() as tx:
        assert tx.submission(plain.submission_id) == plain
        assert tx.submission_of(whole.referral_id) == whole
        assert tx.submissions() == [plain, whole]
        assert tx.submission("unknown") is None
    changed = {**EVERYTHING, "urgent": plain.urgent, "by_hand": plain.by_hand}
    with database.write() as tx:
        tx.save_submission(replace(plain, **changed))  # type: ignore[arg-type]
        tx.save_submission(replace(whole, files=()))
    with database.read() as tx:
        assert tx.submission(plain.submission_id) == replace(plain, **changed)  # type: ignore[arg-type]
        assert tx.submission(whole.submission_id) == replace(whole, files=())


def test_a_referral_has_one_submission(database: Database) -> None:
    with database.write() as tx:
        first = added(tx)
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.add_submission(replace(first, submission_id="another"))


def test_work_is_found_by_its_time_and_not_while_somebody_is_at_it(database: Database) -> None:
    with database.write() as tx:
        later = added(tx, next_attempt_at=NOW - 5)
        first = added(tx, urgent=True, next_attempt_at=NOW)
        added(tx, next_attempt_at=NOW + 1)
        added(tx, state=SubmissionState.FINISHED)
        added(tx, state=SubmissionState.FAILED)
        added(tx, state=SubmissionState.RETRACTED)
        added(tx, lease=Lease("t", NOW + 1))
        added(tx, by_hand=True)  # a person carries it
    with database.write() as tx:
        assert tx.due_submission(NOW, LEASE_MS) == first
        tx.save_submission(replace(first, lease=Lease("t", NOW + LEASE_MS)))
        assert tx.due_submission(NOW, LEASE_MS) == later
        tx.save_submission(replace(later, state=SubmissionState.FINISHED))
        assert tx.due_submission(NOW, LEASE_MS) is None
        assert tx.due_submission(NOW + LEASE_MS, LEASE_MS) is not None


def test_times_of_a_clock_that_was_put_back_hold_nothing_up(database: Database) -> None:
    with database.write() as tx:
        waiting = added(tx, next_attempt_at=NOW + WAIT_MAX_MS + 1)
        assert tx.due_submission(NOW, LEASE_MS) == waiting
        tx.save_submission(replace(waiting, next_attempt_at=0, lease=Lease("t", NOW + 10 * LEASE_MS)))
        assert tx.due_submission(NOW, LEASE_MS) is not None


def test_the_tables_and_the_rule_agree_on_what_needs_attention(database: Database) -> None:
    with database.write() as tx:
        every = [
            added(tx, state=state, due_at=due_at, error=error)
            for state in SubmissionState
            for due_at in (NOW - 1, NOW, NOW + 1)
            for error in ("", "agency_busy", *PERSON_ERRORS)
        ]
        urgent = added(tx, state=SubmissionState.FAILED, urgent=True)
    with database.read() as tx:
        shown = tx.submissions_needing_attention(NOW)
    assert shown[0] == urgent
    expected = {one.submission_id for one in (*every, urgent) if needs_attention(one, NOW)}
    assert {one.submission_id for one in shown} == expected
