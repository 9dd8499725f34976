"""Filed exactly once: whatever the agency does, whoever races, whatever the clock says, however often it is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from nightlight.adapters.cybertipline.client import TiplineClient
from nightlight.demo.tipline_faults import FaultKind
from nightlight.demo.tipline_store import TrainingState
from nightlight.errors import RefusedError, UnavailableError
from nightlight.flows.submit import LEASE_MS
from nightlight.model.agency_reply import AgencyReply
from nightlight.model.referral import ReferralState
from nightlight.model.submission import Submission, SubmissionState
from nightlight.store.database import Database
from tests.databases import LOG_KEY, case_keys
from tests.flows.submitting import HOUR, PictureDocuments, Submitting, connected, running
from tests.simulators.cybertipline import PASSWORD, USER, SimulatedTipline

__all__ = ["running"]


@pytest.fixture
def world(running: SimulatedTipline, tmp_path: Path) -> Iterator[Submitting]:
    """On SQLite, where it is quick; what databases could differ in is tried on both."""
    store = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}", LOG_KEY, case_keys())
    store.migrate()
    yield from around(store, running)


@pytest.fixture
def both(running: SimulatedTipline, database: Database) -> Iterator[Submitting]:
    yield from around(database, running)


def around(store: Database, agency: SimulatedTipline) -> Iterator[Submitting]:
    agency.fail()
    agency.heard.clear()
    agency.service.credentials = (USER, PASSWORD)
    yield Submitting(store, agency)
    store.close()


def test_a_referral_is_filed_with_its_files_and_every_step_is_in_the_log(both: Submitting) -> None:
    submission = both.queued()
    assert both.submitter().run_due() == 1
    both.assert_filed_once(submission)
    assert both.followed == [submission.referral_id]
    assert both.kinds(submission) == ["queued", "opened", "file_sent", "file_sent", "finished"]
    assert both.agency.heard == ["submit", "upload", "fileinfo", "upload", "fileinfo", "finish"]
    assert both.submitter().run_due() == 0
    both.audit()


def test_a_case_of_text_alone_is_filed(world: Submitting) -> None:
    world.documents = lambda submission: PictureDocuments(submission.referral_id, ())
    submission = world.queued()
    world.submitter().run_due()
    assert world.now(submission).state is SubmissionState.FINISHED
    assert world.agency.heard == ["submit", "finish"]


def test_the_urgent_go_first(world: Submitting) -> None:
    later, first = world.queued(), world.queued(urgent=True)
    world.submitter().run_due()
    assert world.followed == [first.referral_id, later.referral_id]


def test_a_referral_is_never_submitted_twice(both: Submitting) -> None:
    submission = both.queued()
    with pytest.raises(RefusedError) as caught, both.writing() as tx:
        both.submitter().enqueue(tx, submission.referral_id, submission.case_id, "x", False, 1, 1)
    assert caught.value.code == "already_submitted"
    # Also where two look at the same instant, and neither sees the other: the table itself does not have it.
    with pytest.raises(IntegrityError), both.writing() as tx:
        values = {**{name: getattr(submission, name) for name in Submission.__slots__}, "submission_id": "another"}
        tx.add_submission(Submission(**values))


# Documents


def test_nothing_is_opened_before_every_document_is_valid(world: Submitting) -> None:
    def refuse() -> None:
        raise RefusedError("document_invalid", "Line 12: fileDetails lacks a reportId.")

    world.documents = lambda submission: PictureDocuments(submission.referral_id, check=refuse)
    submission = world.queued()
    world.submitter().run_due()
    failed = world.now(submission)
    assert (failed.state, failed.error) == (SubmissionState.FAILED, "document_invalid")
    assert "Line 12" in failed.error_words
    assert world.agency.heard == []
    assert world.followed == []
    assert world.attention() == [submission.submission_id]
    world.audit()
    # A person mended what was wrong.
    world.documents = lambda submission: PictureDocuments(submission.referral_id)
    world.submitter().retry(submission.submission_id, "robin")
    world.submitter().run_due()
    world.assert_filed_once(submission)
    assert world.attention() == []
    assert world.kinds(submission)[:3] == ["queued", "failed", "retried"]
    world.audit()


def test_evidence_that_cannot_be_read_just_now_only_waits(world: Submitting) -> None:
    away = [True]

    class Moody(PictureDocuments):
        def content(self, position: int) -> Iterator[bytes]:
            yield from PictureDocuments.content(self, position)
            if position == 1 and away.pop():
                raise UnavailableError("vault_unreadable", "The disk is away.")

    world.documents = lambda submission: Moody(submission.referral_id)
    submission = world.queued()
    world.submitter().run_due()
    waiting = world.now(submission)
    assert (waiting.state, waiting.error) == (SubmissionState.OPEN, "vault_unreadable")
    away.append(False)
    world.go_on(submission)
    world.assert_filed_once(submission)
    assert world.agency.heard.count("submit") == 1


# Every fault of the agency, at every call


FAULTS = [
    f"{call}:{kind}:{nth}{':0.01' if kind is FaultKind.DELAY else ''}"
    for call, nth in (("submit", 1), ("upload", 1), ("upload", 2), ("fileinfo", 1), ("fileinfo", 2), ("finish", 1))
    for kind in FaultKind
    if kind is not FaultKind.DUPLICATE or call in ("submit", "finish")
]


@pytest.mark.parametrize("fault", FAULTS)
def test_filed_once_through_every_fault(world: Submitting, fault: str) -> None:
    submission = world.queued()
    world.agency.fail(fault)
    world.go_on(submission)
    world.assert_filed_once(submission)
    assert world.followed == [submission.referral_id]
    world.audit()


def test_a_description_that_the_way_doubles_is_refused_and_a_person_decides(world: Submitting) -> None:
    """The agency says no to what it took a moment ago; that cannot be told from a real no."""
    submission = world.queued()
    world.agency.fail("fileinfo:duplicate:2")
    world.go_on(submission)
    assert world.now(submission).state is SubmissionState.FAILED
    world.submitter().retry(submission.submission_id, "robin")
    world.go_on(submission)
    world.assert_filed_once(submission)


def test_a_file_that_the_way_doubles_is_filed_once_and_shown(world: Submitting) -> None:
    """Nobody can see it before the agency counts the files of the finished report."""
    submission = world.queued()
    world.agency.fail("upload:duplicate:1")
    world.go_on(submission)
    done = world.now(submission)
    assert (done.state, done.error) == (SubmissionState.FINISHED, "files_differ")
    assert world.attention() == [submission.submission_id]
    assert [len(report.files) for report in world.agency.finished() if report.report_id == done.report_id] == [3]
    world.submitter().confirm(submission.submission_id, "robin")
    assert world.attention() == []
    assert world.followed == [submission.referral_id]
    world.audit()


def test_an_agency_that_is_down_for_a_day_delays_and_loses_nothing(world: Submitting) -> None:
    submission = world.queued(due_in=4 * HOUR)
    world.agency.fail("submit:error_503:*")
    world.go_on(submission, most=30)
    waiting = world.now(submission)
    assert waiting.state is SubmissionState.QUEUED
    assert world.attention() == [submission.submission_id]  # overdue
    assert len(world.agency.heard) == 30
    world.agency.fail()
    world.go_on(submission)
    world.assert_filed_once(submission)
    assert world.attention() == []


def test_what_the_agency_refuses_waits_for_a_person_and_nothing_follows(world: Submitting) -> None:
    submission = world.queued()

    class Refusing(PictureDocuments):
        def file_details(self, position: int, report_id: int, file_id: str) -> bytes:
            good = super().file_details(position, report_id, file_id)
            return good if file_id == "a" else b"<fileDetails/>"  # passes our check and not theirs

    world.documents = lambda submission: Refusing(submission.referral_id)
    world.submitter().run_due()
    failed = world.now(submission)
    assert (failed.state, failed.error) == (SubmissionState.FAILED, "agency_fix_document")
    assert world.followed == []
    assert world.filed(submission) == []
    assert world.submitter().run_due() == 0
    world.audit()


# Credentials


def test_wrong_credentials_are_shown_at_once_and_their_rotation_heals_it(world: Submitting) -> None:
    password = ["expired"]
    submitter = world.submitter(TiplineClient(world.agency.url, lambda: (USER, password[0])))
    submission = world.queued()
    submitter.run_due()
    held_up = world.now(submission)
    assert (held_up.state, held_up.error) == (SubmissionState.QUEUED, "agency_fix_credentials")
    assert world.attention() == [submission.submission_id]
    password[0] = PASSWORD
    world.clock.at = held_up.next_attempt_at
    submitter.run_due()
    world.assert_filed_once(submission)
    assert world.attention() == []


def test_credentials_that_are_rotated_in_the_middle_of_a_submission(world: Submitting) -> None:
    agency, rotated = world.agency, "rotated"
    client = connected(agency.url)

    class Rotating(Counting):
        def finish(self, report_id: int) -> AgencyReply:
            agency.service.credentials = (USER, rotated)
            return super().finish(report_id)

    submission = world.queued()
    world.submitter(Rotating(client)).run_due()
    held_up = world.now(submission)
    assert (held_up.state, held_up.finish_unknown) == (SubmissionState.OPEN, False)
    world.clock.at = held_up.next_attempt_at
    world.submitter(TiplineClient(agency.url, lambda: (USER, rotated))).run_due()
    world.assert_filed_once(submission)
    assert agency.heard.count("submit") == 1


class Counting:
    """A service that does what the real one does; tests override a call."""

    def __init__(self, client: TiplineClient) -> None:
        self.client = client

    def submit(self, document: bytes) -> AgencyReply:
        return self.client.submit(document)

    def upload(self, report_id: int, name: str, content: Iterable[bytes]) -> AgencyReply:
        return self.client.upload(report_id, name, content)

    def describe(self, report_id: int, document: bytes) -> AgencyReply:
        return self.client.describe(report_id, document)

    def finish(self, report_id: int) -> AgencyReply:
        return self.client.finish(report_id)

    def retract(self, report_id: int) -> AgencyReply:
        return self.client.retract(report_id)


# Time


@pytest.mark.parametrize("jump", [-1_000 * HOUR, -HOUR, HOUR, 30 * HOUR, 1_000 * HOUR])
@pytest.mark.parametrize("call", ["upload", "finish"])
def test_our_clock_jumps_while_a_report_is_open(world: Submitting, call: str, jump: int) -> None:
    submission = world.queued()
    world.agency.fail(f"{call}:error_500:1", f"{call}:error_500:2")
    world.submitter().run_due()
    assert world.now(submission).state is not SubmissionState.FINISHED
    world.clock.at += jump
    world.go_on(submission)
    world.assert_filed_once(submission)
    world.audit()


@pytest.mark.parametrize("call", ["upload", "fileinfo", "finish"])
def test_a_report_that_expires_at_the_agency_before_we_think_so(world: Submitting, call: str) -> None:
    submission = world.queued()
    agency = world.agency

    class Sleeping(Counting):
        def __getattribute__(self, name: str) -> object:
            if name == {"fileinfo": "describe"}.get(call, call):
                agency.clock.at += 25 * HOUR
            return super().__getattribute__(name)

    world.submitter(Sleeping(connected(agency.url))).run_due()
    reopened = world.now(submission)
    assert (reopened.state, len(reopened.orphans)) == (SubmissionState.QUEUED, 1)
    world.go_on(submission)
    world.assert_filed_once(submission)


def test_a_report_that_expired_while_we_were_down_is_opened_anew(world: Submitting) -> None:
    submission = world.queued()
    world.agency.fail("upload:error_503:2")
    world.agency.fail("fileinfo:redirect:1")
    # Credentials fail, so that the open report is kept and waits.
    world.agency.fail()
    client = connected(world.agency.url)

    class Locked(Counting):
        def describe(self, report_id: int, document: bytes) -> AgencyReply:
            return TiplineClient(world.agency.url, lambda: (USER, "wrong")).describe(report_id, document)

    world.submitter(Locked(client)).run_due()
    kept = world.now(submission)
    assert (kept.state, kept.report_id is not None) == (SubmissionState.OPEN, True)
    world.clock.at += 24 * HOUR
    world.agency.clock.at += 24 * HOUR
    world.go_on(submission)
    world.assert_filed_once(submission)
    assert [orphan.why for orphan in world.now(submission).orphans] == ["expired"]


def test_a_finish_without_an_answer_and_a_report_that_is_gone_wait_for_a_person(world: Submitting) -> None:
    """The one case that no machine can decide: it was asked for, nobody answered, and the agency forgot the number."""
    submission = world.queued()
    world.agency.fail("finish:error_500:1")
    world.submitter().run_due()
    assert world.now(submission).finish_unknown
    world.clock.at += 48 * HOUR
    world.agency.clock.at += 48 * HOUR
    world.agency.fail()
    world.go_on(submission)
    failed = world.now(submission)
    assert (failed.state, failed.error) == (SubmissionState.FAILED, "maybe_filed")
    submitter = world.submitter()
    with pytest.raises(RefusedError) as caught:
        submitter.retry(submission.submission_id, "robin")
    assert caught.value.code == "maybe_filed"
    submitter.retry(submission.submission_id, "robin", not_filed=True)
    world.go_on(submission)
    world.assert_filed_once(submission)
    world.audit()


def test_a_person_says_that_the_agency_has_it(world: Submitting) -> None:
    submission = world.queued()
    world.agency.fail("finish:error_500:1")
    world.submitter().run_due()
    world.clock.at += 48 * HOUR
    world.agency.clock.at += 48 * HOUR
    world.agency.fail()
    world.go_on(submission)
    world.submitter().confirm(submission.submission_id, "robin")
    done = world.now(submission)
    assert (done.state, world.followed) == (SubmissionState.FINISHED, [submission.referral_id])
    with pytest.raises(RefusedError) as caught:
        world.submitter().confirm(submission.submission_id, "robin")
    assert caught.value.code == "not_failed"
    world.audit()


# Workers


def test_two_workers_race_for_many_referrals(both: Submitting) -> None:
    submissions = [both.queued() for _ in range(6)]
    other = Submitting(Database(both.store.engine.url.render_as_string(False), LOG_KEY), both.agency, both.clock)
    other.numbers, other.followed = both.numbers, both.followed
    failures: list[BaseException] = []

    def work(world: Submitting) -> None:
        try:
            world.submitter().run_due()
        except BaseException as e:  # noqa: BLE001 - whatever it is, it fails the test
            failures.append(e)

    threads = [threading.Thread(target=work, args=(world,)) for world in (both, other, both, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.store.close()
    assert failures == []
    for submission in submissions:
        both.assert_filed_once(submission)
    assert sorted(both.followed) == sorted(one.referral_id for one in submissions)
    assert both.agency.heard.count("submit") == len(submissions)
    both.audit()


@pytest.mark.parametrize("call", ["submit", "upload", "describe", "finish"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_stalls_until_another_took_over_writes_nothing(world: Submitting, call: str, when: str) -> None:
    """It stands still before or after a call, the other one files the referral, and then it wakes up."""
    submission = world.queued()
    taken_over: list[int] = []

    def take_over() -> None:
        if taken_over:
            return
        taken_over.append(1)
        world.clock.at += LEASE_MS + 1
        world.go_on(submission)
        world.assert_filed_once(submission)

    class Stalling(Counting):
        def __getattribute__(self, name: str) -> object:
            real = super().__getattribute__(name)
            if name != call:
                return real

            def stalled(*arguments: object) -> object:
                if when == "before":
                    take_over()
                answer = real(*arguments)
                if when == "after":
                    take_over()
                return answer

            return stalled

    world.submitter(Stalling(connected(world.agency.url))).run_due()
    assert taken_over == [1]
    world.assert_filed_once(submission)
    assert world.followed == [submission.referral_id]
    world.audit()


@pytest.mark.parametrize("call", ["submit", "upload", "finish"])
def test_a_worker_that_wakes_up_while_another_is_at_it_leaves_the_other_s_work_alone(
    world: Submitting, call: str
) -> None:
    submission = world.queued()
    seen: list[Submission] = []

    class Dying(Counting):
        def __getattribute__(self, name: str) -> object:
            if name in ("upload", "finish"):
                raise SystemExit  # the other one goes no further than this, and keeps its lease
            return super().__getattribute__(name)

    class Stalling(Counting):
        def __getattribute__(self, name: str) -> object:
            real = super().__getattribute__(name)
            if name != call or seen:
                return real
            world.clock.at += LEASE_MS + 1
            world.submitter().run_due()  # settles what was under way
            world.clock.at += 60_000
            with pytest.raises(SystemExit):
                world.submitter(Dying(connected(world.agency.url))).run_due()
            seen.append(world.now(submission))
            return real

    world.submitter(Stalling(connected(world.agency.url))).run_due()
    assert world.now(submission) == seen[0]
    assert seen[0].in_flight is not None
    world.go_on(submission)
    world.assert_filed_once(submission)
    world.audit()


def test_a_long_upload_keeps_its_lease_and_a_stalled_one_is_broken_off(world: Submitting) -> None:
    submission, seen = world.queued(), []

    class Slow(PictureDocuments):
        def content(self, position: int) -> Iterator[bytes]:
            for chunk in PictureDocuments.content(self, position):
                world.clock.at += LEASE_MS - 1
                yield chunk
                # Another worker looks for work all the while.
                seen.append(world.submitter().run_due())

    world.documents = lambda submission: Slow(submission.referral_id)
    world.submitter().run_due()
    assert seen == [0, 0, 0, 0]
    world.assert_filed_once(submission)


def test_a_finished_report_whose_consequences_fail_is_recorded_with_them_and_not_before(world: Submitting) -> None:
    submission = world.queued()
    submitter = world.submitter()
    broken = [True]

    def follow(_tx: object, done: Submission, _now: int) -> None:
        if broken:
            broken.clear()
            raise UnavailableError("store_unavailable", "No.")
        world.followed.append(done.referral_id)

    from dataclasses import replace

    with pytest.raises(UnavailableError):
        replace(submitter, on_finished=follow).run_due()
    assert world.now(submission).state is SubmissionState.FINISHING
    world.clock.at += LEASE_MS + 1
    again = replace(submitter, on_finished=follow)
    again.run_due()
    world.clock.at += HOUR
    again.run_due()
    world.assert_filed_once(submission)
    assert world.followed == [submission.referral_id]


# Taking back


def test_a_queued_one_is_taken_back_without_a_word_to_the_agency(world: Submitting) -> None:
    submission = world.queued()
    world.submitter().retract(submission.submission_id, "robin", "a mistake")
    assert world.submitter().run_due() == 0
    assert world.agency.heard == []
    assert world.kinds(submission) == ["queued", "wanted_back", "retracted"]
    world.audit()


@pytest.mark.parametrize("fault", ["", "retract:drop_after:1", "retract:drop_before:1", "retract:error_500_after:1"])
def test_an_open_report_is_taken_back_at_the_agency(world: Submitting, fault: str) -> None:
    submission = world.queued()

    class Asking(Counting):
        def describe(self, report_id: int, document: bytes) -> AgencyReply:
            world.submitter().retract(submission.submission_id, "robin", "the wrong account")
            return super().describe(report_id, document)

    world.agency.fail(*([fault] if fault else []))
    world.submitter(Asking(connected(world.agency.url))).run_due()
    world.go_on(submission)
    back = world.now(submission)
    assert back.state is SubmissionState.RETRACTED
    assert world.agency.service.store.reports()[-1].state is TrainingState.RETRACTED
    assert world.filed(submission) == []
    assert world.followed == []
    assert world.kinds(submission)[-1] == "retracted"
    world.audit()


def test_what_is_filed_or_refused_cannot_be_taken_back(world: Submitting) -> None:
    submission = world.queued()
    submitter = world.submitter()
    for reason in ("", "  ", "x" * 10_000):
        with pytest.raises(RefusedError) as caught:
            submitter.retract(submission.submission_id, "robin", reason)
        assert caught.value.code == "reason_missing"
    submitter.run_due()
    with pytest.raises(RefusedError) as caught:
        submitter.retract(submission.submission_id, "robin", "a mistake")
    assert caught.value.code == "already_filed"
    for call in (submitter.retry, submitter.confirm):
        with pytest.raises(RefusedError) as caught:
            call("unknown", "robin")
        assert caught.value.code == "submission_not_found"
        with pytest.raises(RefusedError) as caught:
            call(submission.submission_id, "robin")
        assert caught.value.code == "not_failed"


# The log


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE submissions SET report_id = report_id + 1",
        "UPDATE submissions SET state = 'queued'",
        "UPDATE submissions SET agency = 'somebody else'",
        "UPDATE submission_files SET md5 = x'00' WHERE position = 1",
        "UPDATE submission_files SET file_id = 'another' WHERE position = 0",
        "DELETE FROM submission_files WHERE position = 0",
        "DELETE FROM submission_files; DELETE FROM submissions",
    ],
)
def test_operator_cannot_change_what_was_filed_unseen(world: Submitting, tampering: str) -> None:
    world.queued()
    world.submitter().run_due()
    world.audit()
    with world.store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for statement in tampering.split(";"):
            connection.execute(text(statement))
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"


def test_operator_cannot_slip_in_a_submission_that_the_log_never_saw(world: Submitting) -> None:
    submission = world.queued()
    with world.writing() as tx:
        referral = world.approved(tx)
        values = {name: getattr(submission, name) for name in Submission.__slots__}
        tx.add_submission(
            Submission(
                **{**values, "submission_id": "s", "referral_id": referral.referral_id, "case_id": referral.case_id}
            )
        )
    with pytest.raises(RefusedError, match="submission s"):
        world.audit()


# kill -9


class Killed(Submitting):
    """A process beside this one that submits until it is killed."""

    def start(self) -> None:
        self.queued()  # the first one is for the process to warm up with
        url = self.store.engine.url.render_as_string(hide_password=False)
        arguments = [sys.executable, "-m", "tests.flows.crashing_submitter", url, self.agency.url, str(self.clock.at)]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    def run_until(self, step: int) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{step} {self.clock.at}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def killed(running: SimulatedTipline, database: Database) -> Iterator[Killed]:
    for world in around(database, running):
        found = Killed(world.store, world.agency)
        found.start()
        yield found
        found.stop()


@pytest.fixture
def killed_on_sqlite(world: Submitting) -> Iterator[Killed]:
    found = Killed(world.store, world.agency)
    found.start()
    yield found
    found.stop()


def is_sqlite(world: Submitting) -> bool:
    return world.store.engine.dialect.name == "sqlite"


def test_killed_at_every_step_of_a_submission_with_files_it_is_filed_once(killed: Killed) -> None:
    """Then once more through the faults of the agency, the kill at another step each time."""
    # At every step on SQLite; on PostgreSQL, for time, at every eighth.
    for step in range(1, 200, 1 if is_sqlite(killed) else 8):
        submission = killed.queued()
        ended = killed.run_until(step)
        assert ended in ("killed", "done"), ended
        killed.go_on(submission)
        killed.assert_filed_once(submission)
        if ended == "done":
            break
    else:
        pytest.fail("it never came to an end")
    assert step > 25, "the steps were not counted"
    faults = [fault for fault in FAULTS if "duplicate" not in fault]
    for number, fault in enumerate(faults):
        # Every second fault, at each call another half of them; on PostgreSQL, for time, a few.
        if (number + number // (len(FaultKind) - 1)) % (2 if is_sqlite(killed) else 24):
            continue
        submission = killed.queued()
        killed.agency.fail(fault)
        assert killed.run_until(3 + number * 7 % step) in ("killed", "done")
        killed.go_on(submission)
        killed.assert_filed_once(submission)
    killed.audit()


def test_killed_at_every_step_of_taking_back_an_open_report_it_is_back_and_never_filed(
    killed_on_sqlite: Killed,
) -> None:
    killed = killed_on_sqlite
    killed.documents = lambda submission: PictureDocuments(submission.referral_id, ())
    for step in range(1, 100):
        submission = killed.queued()
        locked = TiplineClient(killed.agency.url, lambda: (USER, "wrong"))

        class Locked(Counting):
            def finish(self, report_id: int) -> AgencyReply:
                return locked.finish(report_id)  # noqa: B023 - used up before the next round

        killed.submitter(Locked(connected(killed.agency.url))).run_due()
        killed.submitter().retract(submission.submission_id, "robin", "the wrong account")
        assert killed.now(submission).state is SubmissionState.RETRACTING
        ended = killed.run_until(step)
        assert ended in ("killed", "done"), ended
        killed.go_on(submission)
        back = killed.now(submission)
        assert back.state is SubmissionState.RETRACTED
        assert killed.agency.service.store.reports()[-1].state is TrainingState.RETRACTED
        assert killed.filed(submission) == []
        assert killed.kinds(submission)[-3:] == ["opened", "wanted_back", "retracted"]
        with killed.store.read() as tx:
            referral = tx.referral(submission.referral_id)
        assert referral is not None
        assert referral.state is ReferralState.WITHDRAWN
        if ended == "done":
            break
    assert step > 5, "the steps were not counted"
    killed.audit()
