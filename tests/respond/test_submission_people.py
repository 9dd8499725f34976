"""The machine of a submission while people take it back, put it back to work, and say what the agency told them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.model.agency_reply import Acted, AgencyReply, Outcome
from nightlight.model.submission import CALLS, Step, StepKind, Submission, SubmissionState
from nightlight.respond.submission import (
    ATTEMPTS_MAX,
    UNSURE,
    after,
    begin,
    finished,
    in_doubt,
    looked_into,
    lost,
    needs_attention,
    next_step,
    retried,
    wanted_back,
)
from tests.respond.agency import HOUR, NOW, Agency, failure, ok


def queued() -> Submission:
    return Submission(
        "submission_1", "referral_1", "case_1", "NCMEC", False, SubmissionState.QUEUED, NOW, NOW + HOUR, 0
    )


def opened() -> Submission:
    return after(begin(queued(), Step(StepKind.OPEN), NOW), ok(report_id=7), NOW, ("one.png",))


def failed_to_take_back() -> Submission:
    asked = begin(wanted_back(opened(), "robin", "a mistake"), Step(StepKind.RETRACT), NOW)
    failed = after(asked, failure(Outcome.REFUSED, Acted.NO), NOW)
    assert failed.state is SubmissionState.FAILED
    return failed


@pytest.mark.parametrize(
    "again", [lambda one: retried(one, NOW, not_filed=False), lambda one: wanted_back(one, "kim", "x")]
)
def test_taking_back_that_failed_is_tried_again_as_taking_back(again: object) -> None:
    then = again(failed_to_take_back())  # type: ignore[operator]
    assert (then.state, then.attempts) == (SubmissionState.RETRACTING, 0)
    assert next_step(then, NOW) == Step(StepKind.RETRACT)


def test_what_the_agency_does_not_have_and_nobody_wants_there_is_back() -> None:
    assert retried(failed_to_take_back(), NOW, not_filed=True).state is SubmissionState.RETRACTED


def test_many_attempts_before_do_not_count_against_taking_it_back() -> None:
    worn = replace(opened(), attempts=ATTEMPTS_MAX, state=SubmissionState.FAILED)
    asked = begin(wanted_back(worn, "robin", "a mistake"), Step(StepKind.RETRACT), NOW)
    assert lost(asked, NOW).state is SubmissionState.RETRACTING


@given(st.sampled_from(list(Outcome)), st.sampled_from(list(Acted)))
def test_whatever_finish_is_answered_it_is_in_doubt_unless_the_agency_said_no(outcome: Outcome, acted: Acted) -> None:
    asked = replace(opened(), files=(), in_flight=Step(StepKind.FINISH), attempts=ATTEMPTS_MAX)
    then = after(asked, AgencyReply(outcome, acted, report_id=7), NOW)
    if then.state is SubmissionState.FAILED:
        ended = outcome is Outcome.ALREADY_RETRACTED
        assert in_doubt(then) == (not ended and acted is not Acted.NO and then.report_id is not None)


def test_an_alarm_about_a_finished_report_ends_when_somebody_looked_into_it() -> None:
    odd = after(
        begin(replace(opened(), files=()), Step(StepKind.FINISH), NOW), ok(report_id=7, file_ids=("another",)), NOW
    )
    assert needs_attention(odd, NOW)
    settled = looked_into(odd)
    assert not needs_attention(settled, NOW)
    assert (settled.state, settled.report_id, settled.finished_at) == (SubmissionState.FINISHED, 7, NOW)


HAPPENINGS = st.sampled_from(
    [*["well"] * 8, "lost before", "lost after", "refused", "take back", "a day", "clock back", "clock on"]
)
PEOPLE = st.sampled_from(["retry", "take back"])


@given(st.lists(HAPPENINGS, max_size=50), st.lists(PEOPLE, max_size=8))
def test_whatever_people_do_it_is_filed_once_or_not_at_all_and_never_after_it_was_taken_back(
    happenings: list[str], people: list[str]
) -> None:
    """People tell the truth about what the agency told them; otherwise they press any button at any time."""
    agency, submission, now = Agency(), queued(), NOW
    deeds = iter([*people, *["retry"] * 1_000])
    for happening in [*happenings, *["well"] * 200]:
        if happening == "take back" and submission.state is not SubmissionState.FINISHED:
            submission = wanted_back(submission, "robin", "a mistake")
        elif happening in ("clock back", "clock on"):
            now += (-40 if happening == "clock back" else 40) * HOUR
        elif happening == "a day":
            now, agency.clock = now + 25 * HOUR, agency.clock + 25 * HOUR
        if submission.state is SubmissionState.FAILED:
            submission = a_person_acts(submission, agency, next(deeds), now)
        submission = lost(submission, now)
        step = next_step(submission, now)
        if step.kind is StepKind.WAIT:
            passing, now = step.until - now, step.until
            agency.clock += passing
            step = next_step(submission, now)
        if step.kind not in CALLS:
            if submission.state in (SubmissionState.FINISHED, SubmissionState.RETRACTED):
                break
            continue
        if submission.retract_by:
            assert step.kind is StepKind.RETRACT, "what is wanted back is neither opened, filled nor finished"
        submission = begin(submission, step, now)
        if happening == "refused":
            submission = after(submission, failure(Outcome.REFUSED, Acted.NO), now)
        elif happening == "lost before":
            submission = after(submission, failure(), now)
        else:
            reply = agency.act(step, submission)
            submission = after(submission, failure() if happening == "lost after" else reply, now, ("one", "two"))
    assert len(agency.filed) <= 1
    if submission.state is SubmissionState.FINISHED:
        assert list(agency.filed) == [submission.report_id]
    else:
        assert (submission.state, agency.filed) == (SubmissionState.RETRACTED, {})


def a_person_acts(submission: Submission, agency: Agency, deed: str, now: int) -> Submission:
    if deed == "take back":
        return wanted_back(submission, "robin", "a mistake")
    if not in_doubt(submission):
        return retried(submission, now, not_filed=False)
    if submission.report_id in agency.filed:
        return finished(submission, now)
    # Without the agency's word it can only be asked about again, and only where that may say something new.
    return retried(submission, now, not_filed=submission.error in UNSURE)
