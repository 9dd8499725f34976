"""The machine of a submission against an agency that follows its own rules, with every loss and crash in between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem
from nightlight.model.submission import CALLS, ENDED, Step, StepKind, Submission, SubmissionState
from nightlight.respond.submission import (
    ATTEMPTS_MAX,
    BACKOFF_MAX_MS,
    MAYBE_FILED,
    OPENINGS_MAX,
    WAIT_MAX_MS,
    after,
    backoff_ms,
    begin,
    expires_at,
    finished,
    lost,
    needs_attention,
    next_step,
    retried,
    stopped,
    wanted_back,
)
from tests.respond.agency import HOUR, NOW, Agency, failure, ok

FILES = ("one.png", "two.png")


def queued(**changes: object) -> Submission:
    base = Submission(
        "submission_1", "referral_1", "case_1", "NCMEC", False, SubmissionState.QUEUED, NOW, NOW + HOUR, 0
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def opened(now: int = NOW, files: tuple[str, ...] = FILES) -> Submission:
    return after(begin(queued(), Step(StepKind.OPEN), now), ok(report_id=7), now, files)


def with_files(submission: Submission, now: int = NOW) -> Submission:
    """Every file sent and described."""
    while (step := next_step(submission, now)).kind in (StepKind.UPLOAD, StepKind.DESCRIBE):
        file_id = f"f{step.position}"
        reply = ok(file_id=file_id, md5=bytes(16)) if step.kind is StepKind.UPLOAD else ok()
        submission = after(begin(submission, step, now), reply, now)
    return submission


def finishing(reply: AgencyReply, now: int = NOW) -> Submission:
    return after(begin(with_files(opened(now), now), Step(StepKind.FINISH), now), reply, now)


def steps_of(submission: Submission, now: int) -> list[StepKind]:
    """The calls of a submission that nothing goes wrong with."""
    made = []
    while (step := next_step(submission, now)).kind in CALLS:
        made.append(step.kind)
        begun = begin(submission, step, now)
        replies = {
            StepKind.OPEN: ok(report_id=8),
            StepKind.UPLOAD: ok(file_id=f"g{step.position}", md5=bytes(16)),
            StepKind.FINISH: ok(report_id=8, file_ids=tuple(file.file_id for file in submission.files)),
        }
        submission = after(begun, replies.get(step.kind, ok()), now, FILES)
    assert submission.state is SubmissionState.FINISHED
    assert submission.error == ""
    return made


WHOLE = [
    *(StepKind.OPEN, StepKind.UPLOAD, StepKind.DESCRIBE, StepKind.UPLOAD, StepKind.DESCRIBE, StepKind.FINISH),
]


def test_a_submission_without_trouble_is_opened_filled_and_finished() -> None:
    assert steps_of(queued(), NOW) == WHOLE


# Lost answers


def test_a_lost_answer_to_submit_leaves_an_orphan_and_another_report_is_opened() -> None:
    orphaned = lost(begin(queued(), Step(StepKind.OPEN), NOW), NOW)
    assert (orphaned.state, orphaned.report_id) == (SubmissionState.QUEUED, None)
    assert [orphan.report_id for orphan in orphaned.orphans] == [None]
    assert steps_of(orphaned, orphaned.next_attempt_at) == WHOLE


def test_an_opening_that_certainly_came_to_nothing_leaves_no_orphan() -> None:
    reply = failure(acted=Acted.NO, problem=Problem.UNREACHABLE)
    assert after(begin(queued(), Step(StepKind.OPEN), NOW), reply, NOW).orphans == ()


@pytest.mark.parametrize("kind", [StepKind.UPLOAD, StepKind.DESCRIBE])
def test_a_file_that_may_have_arrived_is_not_sent_again_into_the_same_report(kind: StepKind) -> None:
    submission = opened()
    if kind is StepKind.DESCRIBE:
        submission = after(begin(submission, Step(StepKind.UPLOAD), NOW), ok(file_id="f", md5=bytes(16)), NOW)
    left = lost(begin(submission, Step(kind), NOW), NOW)
    assert left.report_id is None
    assert [orphan.report_id for orphan in left.orphans] == [7]
    assert steps_of(left, left.next_attempt_at) == WHOLE


def test_a_file_that_certainly_did_not_arrive_is_sent_again_into_the_same_report() -> None:
    reply = failure(acted=Acted.NO)
    same = after(begin(opened(), Step(StepKind.UPLOAD), NOW), reply, NOW)
    assert same.report_id == 7
    assert next_step(same, same.next_attempt_at) == Step(StepKind.UPLOAD, 0)


def test_after_a_lost_answer_to_finish_the_same_report_is_asked_about_whatever_the_clock_says() -> None:
    unknown = lost(begin(with_files(opened()), Step(StepKind.FINISH), NOW), NOW)
    for now in (unknown.next_attempt_at, NOW + 1_000 * HOUR, NOW - 1_000 * HOUR):
        assert next_step(unknown, now) == Step(StepKind.FINISH)
    with pytest.raises(ValueError, match="never filed anew"):
        begin(unknown, Step(StepKind.OPEN), NOW)
    asked = begin(unknown, Step(StepKind.FINISH), NOW)
    assert after(asked, failure(Outcome.ALREADY_FINISHED, Acted.NO), NOW).state is SubmissionState.FINISHED


def test_a_report_that_vanished_after_its_end_was_asked_for_waits_for_a_person() -> None:
    unknown = lost(begin(with_files(opened()), Step(StepKind.FINISH), NOW), NOW)
    failed = after(begin(unknown, Step(StepKind.FINISH), NOW), failure(Outcome.REPORT_GONE, Acted.NO), NOW)
    assert (failed.state, failed.error, failed.report_id) == (SubmissionState.FAILED, MAYBE_FILED, 7)
    assert needs_attention(failed, NOW)
    assert next_step(failed, NOW + HOUR).kind is StepKind.DONE
    assert next_step(retried(failed, NOW, not_filed=False), NOW) == Step(StepKind.FINISH)
    assert steps_of(retried(failed, NOW, not_filed=True), NOW) == WHOLE
    assert finished(failed, NOW).report_id == 7


def test_a_report_that_expired_before_its_end_was_ever_asked_for_is_opened_anew() -> None:
    gone = finishing(failure(Outcome.REPORT_GONE, Acted.NO))
    assert (gone.state, gone.report_id) == (SubmissionState.QUEUED, None)
    assert steps_of(gone, gone.next_attempt_at) == WHOLE


def test_a_finish_that_certainly_did_not_get_there_leaves_no_doubt() -> None:
    open_still = finishing(failure(acted=Acted.NO, problem=Problem.UNREACHABLE))
    assert (open_still.state, open_still.finish_unknown) == (SubmissionState.OPEN, False)
    assert next_step(open_still, NOW + 25 * HOUR).kind is StepKind.OPEN


def test_a_finished_report_with_other_files_than_ours_is_finished_and_shown() -> None:
    done = finishing(ok(report_id=7, file_ids=("f0",)))
    assert done.state is SubmissionState.FINISHED
    assert needs_attention(done, NOW)


# What needs a person


@pytest.mark.parametrize("outcome", [Outcome.FIX_DOCUMENT, Outcome.REFUSED])
def test_what_is_refused_waits_for_a_person_and_can_be_put_back_to_work(outcome: Outcome) -> None:
    for step in (Step(StepKind.OPEN), Step(StepKind.UPLOAD)):
        before = queued() if step.kind is StepKind.OPEN else opened()
        failed = after(begin(before, step, NOW), failure(outcome, Acted.NO, Problem.NONE), NOW)
        assert (failed.state, failed.error) == (SubmissionState.FAILED, f"agency_{outcome}")
        again = retried(failed, NOW, not_filed=False)
        assert steps_of(again, NOW) == WHOLE


def test_wrong_credentials_are_tried_again_and_shown_at_once() -> None:
    reply = failure(Outcome.FIX_CREDENTIALS, Acted.NO, Problem.CREDENTIALS)
    held_up = after(begin(queued(), Step(StepKind.OPEN), NOW), reply, NOW)
    assert held_up.state is SubmissionState.QUEUED
    assert needs_attention(held_up, NOW)
    assert steps_of(held_up, held_up.next_attempt_at) == WHOLE


@pytest.mark.parametrize("outcome", [Outcome.ALREADY_FINISHED, Outcome.ALREADY_RETRACTED])
def test_a_report_that_somebody_else_ended_waits_for_a_person(outcome: Outcome) -> None:
    failed = after(begin(opened(), Step(StepKind.UPLOAD), NOW), failure(outcome, Acted.NO), NOW)
    assert failed.state is SubmissionState.FAILED


def test_an_agency_that_never_answers_comes_to_a_person_in_the_end() -> None:
    submission, now, waits = queued(), NOW, []
    while submission.state is not SubmissionState.FAILED:
        begun = begin(submission, Step(StepKind.OPEN), now)
        submission = after(begun, failure(acted=Acted.NO), now)
        waits.append(submission.next_attempt_at - now)
        now = max(now, submission.next_attempt_at)
    assert len(waits) == ATTEMPTS_MAX
    assert max(waits) == BACKOFF_MAX_MS
    assert now - NOW > 40 * HOUR


def test_no_more_than_a_few_reports_are_left_unfinished_at_the_agency() -> None:
    submission, now, openings = queued(), NOW, 0
    while submission.state is not SubmissionState.FAILED:
        now = max(now, submission.next_attempt_at)
        submission = after(begin(submission, Step(StepKind.OPEN), now), ok(report_id=openings + 1), now, FILES)
        openings += 1
        submission = lost(begin(submission, Step(StepKind.UPLOAD), now), now)
    assert openings == OPENINGS_MAX
    assert retried(submission, now, not_filed=False).openings == 0


def test_what_is_late_is_shown_until_it_has_an_end() -> None:
    late = queued(due_at=NOW - 1)
    assert needs_attention(late, NOW)
    assert not needs_attention(queued(), NOW)
    assert not needs_attention(finished(late, NOW), NOW)


@given(st.integers(0, 10_000))
def test_waiting_is_bounded(attempts: int) -> None:
    assert 0 < backoff_ms(attempts) <= BACKOFF_MAX_MS


def test_what_cannot_be_prepared_opens_nothing() -> None:
    begun = begin(queued(), Step(StepKind.OPEN), NOW)
    failed = stopped(begun, "document_invalid", "Line 3: what is wrong.", NOW, retry=False)
    assert (failed.state, failed.orphans, failed.opened_at) == (SubmissionState.FAILED, (), None)
    later = stopped(begun, "vault_unreadable", "The disk is away.", NOW, retry=True)
    assert (later.state, later.orphans) == (SubmissionState.QUEUED, ())
    assert later.next_attempt_at > NOW


# Expiry and the clock


def test_a_report_expires_a_day_after_it_was_opened_or_an_hour_after_its_last_change() -> None:
    assert expires_at(queued()) is None
    assert expires_at(opened()) == NOW + 24 * HOUR
    late = after(
        begin(opened(), Step(StepKind.UPLOAD), NOW), ok(file_id="f", md5=bytes(16)), NOW + 30 * HOUR,
        begun_at=NOW + 29 * HOUR,
    )  # fmt: skip
    assert expires_at(late) == NOW + 30 * HOUR  # reckoned from before it was sent


def test_a_report_that_is_about_to_expire_is_given_up_for_another() -> None:
    submission = opened()
    assert next_step(submission, NOW + 23 * HOUR) == Step(StepKind.UPLOAD, 0)
    step = next_step(submission, NOW + 24 * HOUR - 1)
    assert step.kind is StepKind.OPEN
    again = begin(submission, step, NOW + 24 * HOUR)
    assert [(orphan.report_id, orphan.why) for orphan in again.orphans] == [(7, "expired")]


def test_a_clock_that_was_put_back_keeps_nothing_waiting() -> None:
    ahead = 1_000 * HOUR
    reply = failure(acted=Acted.NO)
    held_up = after(begin(queued(), Step(StepKind.OPEN), NOW + ahead), reply, NOW + ahead)
    assert next_step(held_up, NOW).kind is StepKind.OPEN
    assert next_step(opened(NOW + ahead), NOW).kind is StepKind.UPLOAD


@given(st.integers(-(10**13), 10**13), st.integers(-(10**13), 10**13))
def test_no_wait_is_longer_than_it_can_ever_be_put(at: int, now: int) -> None:
    step = next_step(queued(next_attempt_at=at), now)
    assert step.kind in (StepKind.WAIT, StepKind.OPEN)
    if step.kind is StepKind.WAIT:
        assert 0 < step.until - now <= WAIT_MAX_MS


# Taking it back


def test_what_is_not_open_is_taken_back_without_a_call() -> None:
    assert wanted_back(queued(), "robin", "a mistake").state is SubmissionState.RETRACTED


def test_an_open_report_is_taken_back_at_the_agency() -> None:
    wanted = wanted_back(opened(), "robin", "a mistake")
    assert next_step(wanted, NOW) == Step(StepKind.RETRACT)
    begun = begin(wanted, Step(StepKind.RETRACT), NOW)
    for outcome in (Outcome.OK, Outcome.ALREADY_RETRACTED, Outcome.REPORT_GONE):
        done = after(begun, AgencyReply(outcome, Acted.NO), NOW)
        assert (done.state, done.report_id) == (SubmissionState.RETRACTED, None)
    again = lost(begun, NOW)
    assert next_step(again, again.next_attempt_at) == Step(StepKind.RETRACT)


def test_a_report_that_is_finished_meanwhile_stays_finished() -> None:
    asked = begin(with_files(opened()), Step(StepKind.FINISH), NOW)
    wanted = wanted_back(asked, "robin", "a mistake")
    done = after(wanted, ok(report_id=7, file_ids=("f0", "f1")), NOW)
    assert done.state is SubmissionState.FINISHED


def test_taking_back_what_may_be_filed_finds_out_whether_it_is() -> None:
    unknown = lost(begin(with_files(opened()), Step(StepKind.FINISH), NOW), NOW)
    asked = begin(wanted_back(unknown, "robin", "a mistake"), Step(StepKind.RETRACT), NOW)
    assert after(asked, failure(Outcome.ALREADY_FINISHED, Acted.NO), NOW).state is SubmissionState.FINISHED
    assert after(asked, ok(), NOW).state is SubmissionState.RETRACTED
    gone = after(asked, failure(Outcome.REPORT_GONE, Acted.NO), NOW)
    assert (gone.state, gone.error) == (SubmissionState.FAILED, MAYBE_FILED)


@given(st.sampled_from(list(Outcome)), st.sampled_from(list(Acted)))
def test_what_is_wanted_back_is_never_opened_again(outcome: Outcome, acted: Acted) -> None:
    for step, submission in ((Step(StepKind.OPEN), queued()), (Step(StepKind.UPLOAD), opened())):
        wanted = wanted_back(begin(submission, step, NOW), "robin", "a mistake")
        then = after(wanted, AgencyReply(outcome, acted, report_id=9), NOW, FILES)
        assert next_step(then, NOW + WAIT_MAX_MS + 1).kind is not StepKind.OPEN


# The whole of it, against an agency


LUCK = st.sampled_from(
    ["well"] * 6 + ["lost before", "lost after", "crash before", "crash after", "refused at the door"]
)
MOVES = st.tuples(
    LUCK, st.sampled_from([0, 0, 0, 1_000, HOUR, 30 * HOUR, -40 * HOUR]), st.sampled_from([0, 0, 1, HOUR])
)


@given(st.lists(MOVES, max_size=60), st.booleans())
def test_filed_exactly_once_whatever_is_lost_and_however_the_clock_jumps(
    moves: list[tuple[str, int, int]], taken_back: bool
) -> None:
    """``moves``: what happens to each call, by how much our clock jumps, how much time really passes."""
    agency, submission, now = Agency(), queued(), NOW
    if taken_back:
        moves = [*moves, ("retract", 0, 0)]
    quiet = iter([*moves, *[("well", 0, 0)] * 400])
    for luck, jump, passing in quiet:
        now += jump + passing
        agency.clock += passing
        submission = lost(submission, now)
        if luck == "retract" and submission.state not in ENDED:
            submission = wanted_back(submission, "robin", "a mistake")
        step = next_step(submission, now)
        if step.kind is StepKind.WAIT:
            agency.clock += step.until - now
            now = step.until
            step = next_step(submission, now)
        if step.kind is StepKind.DONE:
            if submission.error == MAYBE_FILED:
                # A person asks the agency and gets a true answer.
                if submission.report_id in agency.filed:
                    submission = finished(submission, now)
                else:
                    submission = retried(submission, now, not_filed=True)
                continue
            break
        submission = begin(submission, step, now)
        if luck == "refused at the door":
            submission = after(submission, failure(acted=Acted.NO), now, FILES)
        elif luck in ("lost before", "crash before"):
            submission = after(submission, failure(), now) if luck == "lost before" else submission
        else:
            reply = agency.act(step, submission)
            if luck == "crash after":
                continue
            submission = after(submission, failure() if luck == "lost after" else reply, now, FILES)
    assert submission.state in ENDED
    assert len(agency.filed) <= 1
    if submission.state is SubmissionState.FINISHED:
        (number, files), *_ = agency.filed.items()
        assert submission.report_id == number
        assert [file.rpartition("-")[2] for file in files] == ["0", "1"]  # each file once
        assert set(files) <= agency.described
    elif submission.state is SubmissionState.RETRACTED:
        assert agency.filed == {}
    else:
        assert submission.openings >= OPENINGS_MAX or submission.attempts >= ATTEMPTS_MAX
