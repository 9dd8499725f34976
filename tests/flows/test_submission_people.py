"""What people do about a submission: take it back, put it back to work, say what the agency told them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from nightlight.adapters.cybertipline.schema import Schema
from nightlight.demo.tipline_store import TrainingState
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.model.agency_reply import Acted, AgencyReply, Outcome
from nightlight.model.referral import ReferralState
from nightlight.model.submission import Submission, SubmissionState
from nightlight.respond.submission import ATTEMPTS_MAX
from nightlight.store.database import Database
from tests.databases import LOG_KEY
from tests.flows.submitting import HOUR, PictureDocuments, Submitting, connected, running
from tests.simulators.cybertipline import SimulatedTipline

__all__ = ["running"]


@pytest.fixture
def world(running: SimulatedTipline, tmp_path: Path) -> Iterator[Submitting]:
    running.fail()
    running.heard.clear()
    store = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}", LOG_KEY)
    store.migrate()
    yield Submitting(store, running)
    store.close()


def state_of(world: Submitting, submission: Submission) -> ReferralState:
    with world.store.read() as tx:
        referral = tx.referral(submission.referral_id)
    assert referral is not None
    return referral.state


class Service:
    """The agency, but for one call that it answers in its own way."""

    def __init__(self, world: Submitting, call: str, reply: AgencyReply) -> None:
        self._client, self._call, self._reply = connected(world.agency.url), call, reply

    def __getattr__(self, name: str) -> object:
        if name == self._call:
            return lambda *_: self._reply
        return getattr(self._client, name)


UNDOCUMENTED = AgencyReply(Outcome.REFUSED, Acted.UNKNOWN, "A code that is not documented.", code=9_999)


def refused_while_taken_back(world: Submitting) -> Submission:
    """Open at the agency, wanted back, and the agency says no to that."""
    submission = world.queued()

    class Asking:
        def __init__(self) -> None:
            self._service = Service(world, "retract", UNDOCUMENTED)

        def __getattr__(self, name: str) -> object:
            if name == "describe":
                world.submitter().retract(submission.submission_id, "robin", "the wrong account")
            return getattr(self._service, name)

    world.submitter(Asking()).run_due()  # type: ignore[arg-type]
    failed = world.now(submission)
    assert (failed.state, failed.error) == (SubmissionState.FAILED, "agency_refused")
    return failed


@pytest.mark.parametrize("how", ["retry", "retract"])
def test_what_somebody_wants_back_is_not_filed_because_taking_it_back_failed(world: Submitting, how: str) -> None:
    failed = refused_while_taken_back(world)
    if how == "retry":
        world.submitter().retry(failed.submission_id, "kim")
    else:
        world.submitter().retract(failed.submission_id, "kim", "still the wrong account")
    world.audit()
    world.go_on(failed)
    back = world.now(failed)
    assert back.state is SubmissionState.RETRACTED
    assert world.agency.service.store.reports()[-1].state is TrainingState.RETRACTED
    assert world.filed(failed) == []
    assert world.followed == []
    world.audit()


def test_a_submission_that_was_given_up_after_many_attempts_is_taken_back_as_patiently(world: Submitting) -> None:
    """Its attempts are counted anew: one hiccup of the agency does not fail it again."""
    submission = world.queued()
    locked = Service(world, "describe", AgencyReply(Outcome.FIX_CREDENTIALS, Acted.NO, "No."))
    for _ in range(ATTEMPTS_MAX + 1):
        world.submitter(locked).run_due()  # type: ignore[arg-type]
        world.clock.at = max(world.clock.at, world.now(submission).next_attempt_at)
    assert world.now(submission).state is SubmissionState.FAILED
    world.submitter().retract(submission.submission_id, "robin", "a mistake")
    world.agency.fail("retract:error_503:1", "retract:error_503:2")
    world.go_on(submission)
    assert world.now(submission).state is SubmissionState.RETRACTED
    world.audit()


def test_a_referral_that_was_taken_back_is_withdrawn_so_that_another_can_be_written(world: Submitting) -> None:
    submission = world.queued()
    assert state_of(world, submission) is ReferralState.APPROVED
    world.submitter().retract(submission.submission_id, "robin", "a mistake in it")
    assert state_of(world, submission) is ReferralState.WITHDRAWN
    world.audit()


def test_who_asked_for_it_back_is_in_the_log_also_where_it_was_too_late(world: Submitting) -> None:
    submission = world.queued()

    class Asking:
        def __getattr__(self, name: str) -> object:
            if name == "finish":
                world.submitter().retract(submission.submission_id, "robin", "a mistake")
            return getattr(connected(world.agency.url), name)

    world.submitter(Asking()).run_due()  # type: ignore[arg-type]
    assert world.now(submission).state is SubmissionState.FINISHED
    assert world.kinds(submission)[-2:] == ["wanted_back", "finished"]
    assert state_of(world, submission) is ReferralState.APPROVED
    world.audit()


# In doubt


def in_doubt_without_an_answer(world: Submitting) -> Submission:
    """The agency took the report and nobody heard, and it never answers to that call again."""
    submission = world.queued()
    world.agency.fail("finish:drop_after:1")
    world.submitter().run_due()
    assert world.now(submission).finish_unknown
    silent = Service(world, "finish", AgencyReply(Outcome.RETRY, Acted.UNKNOWN, "No answer."))
    for _ in range(ATTEMPTS_MAX + 1):
        world.clock.at = max(world.clock.at, world.now(submission).next_attempt_at)
        world.submitter(silent).run_due()  # type: ignore[arg-type]
    failed = world.now(submission)
    assert failed.state is SubmissionState.FAILED
    return failed


def test_nobody_claims_to_know_that_the_agency_lacks_what_it_may_have(world: Submitting) -> None:
    """Its finish was asked for and never answered: what the agency says to a person counts."""
    failed = in_doubt_without_an_answer(world)
    world.submitter().confirm(failed.submission_id, "robin")
    world.assert_filed_once(failed)
    assert world.followed == [failed.referral_id]
    world.audit()


def test_the_machine_may_ask_again_about_what_is_in_doubt_and_files_no_second_one(world: Submitting) -> None:
    failed = in_doubt_without_an_answer(world)
    world.submitter().retry(failed.submission_id, "robin")
    world.go_on(failed)
    world.assert_filed_once(failed)
    assert world.followed == [failed.referral_id]


def test_what_was_never_asked_to_be_finished_is_not_in_doubt(world: Submitting) -> None:
    submission = world.queued()
    world.submitter(Service(world, "upload", UNDOCUMENTED)).run_due()  # type: ignore[arg-type]
    assert world.now(submission).state is SubmissionState.FAILED
    with pytest.raises(RefusedError) as caught:
        world.submitter().confirm(submission.submission_id, "robin")
    assert caught.value.code == "not_in_doubt"


@pytest.mark.parametrize("it_has_it", [True, False])
def test_what_is_wanted_back_and_in_doubt_is_never_opened_again(world: Submitting, it_has_it: bool) -> None:
    submission = world.queued()
    world.agency.fail(f"finish:{'drop_after' if it_has_it else 'drop_before'}:1")
    world.submitter().run_due()
    world.submitter().retract(submission.submission_id, "robin", "a mistake")
    gone = Service(world, "retract", AgencyReply(Outcome.REPORT_GONE, Acted.NO, "No such report."))
    world.clock.at += HOUR
    world.submitter(gone).run_due()  # type: ignore[arg-type]
    assert world.now(submission).error == "maybe_filed"
    submitter = world.submitter()
    if it_has_it:
        submitter.confirm(submission.submission_id, "kim")
    else:
        submitter.retry(submission.submission_id, "kim", not_filed=True)
    ended = world.now(submission)
    assert ended.state is (SubmissionState.FINISHED if it_has_it else SubmissionState.RETRACTED)
    assert submitter.run_due() == 0
    assert world.agency.heard.count("submit") == 1
    world.audit()


# Alarms that end


def test_an_alarm_about_a_finished_report_ends_when_somebody_looked_into_it(world: Submitting) -> None:
    submission = world.queued()
    world.agency.fail("upload:duplicate:1")
    world.go_on(submission)
    assert world.now(submission).error == "files_differ"
    assert world.attention() == [submission.submission_id]
    world.submitter().confirm(submission.submission_id, "robin")
    assert world.attention() == []
    assert world.kinds(submission)[-2:] == ["finished", "settled"]
    assert world.followed == [submission.referral_id]  # and not once more
    with pytest.raises(RefusedError) as caught:
        world.submitter().confirm(submission.submission_id, "robin")
    assert caught.value.code == "not_failed"
    world.audit()


# The log


def test_the_log_never_quotes_what_a_document_says_about_somebody(world: Submitting) -> None:
    """A log is for ever; what a validator quotes may be a name or an address."""

    class Wrong(PictureDocuments):
        def validate(self) -> None:
            Schema.own().check(self.report().replace(b"<report>", b"<report>ada@example.org", 1))

    world.documents = lambda submission: Wrong(submission.referral_id)
    submission = world.queued()
    world.submitter().run_due()
    failed = world.now(submission)
    assert (failed.state, failed.error) == (SubmissionState.FAILED, "document_invalid")
    with world.store.read() as tx:
        entries = list(tx.log_entries())
    (entry,) = [one for one in entries if one.kind == LogKind.SUBMISSION_FAILED]
    assert json.loads(entry.detail).keys() == {"submission", "referral", "error", "report"}


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE submissions SET due_at = due_at + 1000000000",
        "UPDATE submissions SET urgent = NOT urgent",
        "UPDATE submissions SET finished_at = finished_at - 1",
        "UPDATE submissions SET finished_at = NULL",
        "UPDATE submissions SET retract_by = 'somebody else'",
    ],
)
def test_operator_cannot_silence_an_alarm_or_move_a_period_unseen(world: Submitting, tampering: str) -> None:
    world.queued()
    world.submitter().run_due()
    world.audit()
    with world.store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text(tampering))
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"
