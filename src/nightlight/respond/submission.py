"""What a submission does next, and what becomes of it with every answer: pure, so that every path can be tried.

Only ``finish`` files a report; one that is never finished is deleted by the agency unread. So a lost answer to anything
before it is made good by opening another report, and at most one report of a submission is ever asked to be finished
without a definite answer. ADR 0018 says why that is filed exactly once, and what remains possible.
"""

from __future__ import annotations

from dataclasses import replace

from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem
from nightlight.model.submission import (
    CALLS,
    ENDED,
    Orphan,
    Step,
    StepKind,
    Submission,
    SubmissionFile,
    SubmissionState,
)

_HOUR_MS = 3_600_000
#: The agency deletes an unfinished report 24 hours after it was opened or 1 hour after its last change, the later.
OPEN_MS = 24 * _HOUR_MS
CHANGE_MS = _HOUR_MS
#: So much earlier we give a report up: nothing is begun that its end may overtake.
MARGIN_MS = 300_000
BACKOFF_MS = 5_000
BACKOFF_MAX_MS = 1_800_000
#: A wait longer than this was reckoned by a clock that has been put back since.
WAIT_MAX_MS = 2 * BACKOFF_MAX_MS
#: About two days of an agency that does not answer.
ATTEMPTS_MAX = 100
#: So many reports may be left unfinished there before a person looks into it.
OPENINGS_MAX = 10
WORDS_MAX = 500

#: May or may not be filed: only a person can find out.
MAYBE_FILED = "maybe_filed"
#: Or ended by somebody else; then, too.
UNSURE = frozenset({MAYBE_FILED, f"agency_{Outcome.ALREADY_FINISHED}"})
FILES_DIFFER = "files_differ"
#: Tried on by itself, and yet nothing will change until somebody does something.
PERSON_ERRORS = frozenset(
    {Problem.CERTIFICATE, Problem.REDIRECT, Problem.CREDENTIALS, f"agency_{Outcome.FIX_CREDENTIALS}", FILES_DIFFER}
)

_LOST = AgencyReply(
    Outcome.RETRY,
    Acted.UNKNOWN,
    "Nightlight stopped before it had written the answer down.",
    problem=Problem.NO_ANSWER,
)


def expires_at(submission: Submission) -> int | None:
    """When the agency deletes the open report, by our clock; None where none is open."""
    if submission.report_id is None or submission.opened_at is None:
        return None
    changed = submission.opened_at if submission.last_change_at is None else submission.last_change_at
    return max(submission.opened_at + OPEN_MS, changed + CHANGE_MS)


def next_step(submission: Submission, now: int) -> Step:
    """What to do now. A call in flight is settled first: by its answer (``after``), or as ``lost``."""
    if submission.state in ENDED:
        return Step(StepKind.DONE)
    if now < submission.next_attempt_at <= now + WAIT_MAX_MS:
        return Step(StepKind.WAIT, until=submission.next_attempt_at)
    if submission.report_id is None:
        return Step(StepKind.OPEN)
    if submission.retract_by:
        return Step(StepKind.RETRACT)
    if submission.finish_unknown:
        # Whatever our clock says: only the agency knows whether this one is filed.
        return Step(StepKind.FINISH)
    end = expires_at(submission)
    if end is not None and now >= end - MARGIN_MS:
        return Step(StepKind.OPEN)
    for file in submission.files:
        if not file.uploaded:
            return Step(StepKind.UPLOAD, file.position)
        if not file.described:
            return Step(StepKind.DESCRIBE, file.position)
    return Step(StepKind.FINISH)


def begin(submission: Submission, step: Step, now: int) -> Submission:
    """How it stands while the call is under way; stored before the call is made."""
    if step.kind not in CALLS or submission.in_flight is not None:
        raise ValueError("no call can be begun here")
    begun = replace(submission, in_flight=step)
    match step.kind:
        case StepKind.OPEN:
            if submission.finish_unknown:
                raise ValueError("a report that may be filed is never filed anew by itself")
            begun = _given_up(begun, now, "expired") if submission.report_id is not None else begun
            return replace(
                begun, state=SubmissionState.OPENING, opened_at=now, last_change_at=now, files=(), in_flight=step
            )
        case StepKind.FINISH:
            return replace(begun, state=SubmissionState.FINISHING)
        case StepKind.RETRACT:
            return replace(begun, state=SubmissionState.RETRACTING)
        case _:
            # A change is reckoned from here, so that the report expires no earlier than we think.
            return begun


def after(
    submission: Submission,
    reply: AgencyReply,
    now: int,
    files: tuple[str, ...] = (),
    *,
    begun_at: int | None = None,
    jitter: float = 1.0,
) -> Submission:
    """How it stands after the answer to the call in flight. ``files``: their names, for ``open``.

    ``begun_at``: when the call was begun; ``jitter``: a factor around 1 on the time until the next attempt.
    """
    step = submission.in_flight
    if step is None:
        raise ValueError("no call is under way")
    asked_at = now if begun_at is None else begun_at
    known = replace(submission, in_flight=None)
    if reply.request_id:
        known = replace(known, request_ids=(*known.request_ids, reply.request_id)[-_REQUESTS_KEPT:])
    match step.kind:
        case StepKind.OPEN:
            return _settled(_after_open(known, reply, now, files, jitter))
        case StepKind.UPLOAD | StepKind.DESCRIBE:
            return _settled(_after_file(known, step, reply, now, asked_at, jitter))
        case StepKind.FINISH:
            return _settled(_after_finish(known, reply, now, jitter))
        case _:
            return _settled(_after_retract(known, reply, now, jitter))


def lost(submission: Submission, now: int) -> Submission:
    """How it stands once whoever made the call in flight is known to be gone: nobody knows what came of it."""
    return submission if submission.in_flight is None else after(submission, _LOST, now)


def stopped(
    submission: Submission, error: str, words: str, now: int, *, retry: bool, jitter: float = 1.0
) -> Submission:
    """How it stands when the call in flight could not be made, or not to its end: it certainly did nothing."""
    here = replace(submission, in_flight=None, state=_resting(submission))
    if here.report_id is None:
        here = replace(here, opened_at=None, last_change_at=None)
    return _settled(_postponed(here, error, words, now, jitter) if retry else _failed(here, error, words))


def retried(submission: Submission, now: int, *, not_filed: bool) -> Submission:
    """A failed one put back to work by a person. ``not_filed``: the agency says that it does not have it.

    A report that may have been filed is asked about again under its own number; only that word lets another be opened.
    One that somebody wants back is taken back, never filed.
    """
    again = replace(_at_rest(submission), attempts=0, openings=0)
    if not not_filed and (submission.finish_unknown or submission.retract_by):
        return _settled(replace(again, state=_resting(again)))
    again = replace(again, state=SubmissionState.QUEUED, finish_unknown=False)
    return _settled(again if again.report_id is None else _given_up(again, now, submission.error))


def finished(submission: Submission, now: int) -> Submission:
    """The agency has it."""
    return replace(
        submission,
        state=SubmissionState.FINISHED,
        finish_unknown=False,
        finished_at=now,
        next_attempt_at=0,
        error="",
        error_words="",
    )


def wanted_back(submission: Submission, by: str, reason: str) -> Submission:
    """Somebody takes it back. Where nothing is open and nothing under way, that is all there is to do."""
    wanted = replace(_at_rest(submission), retract_by=by, retract_reason=reason, attempts=0)
    if submission.in_flight is not None:
        return wanted
    return _settled(replace(wanted, state=SubmissionState.RETRACTING))


def in_doubt(submission: Submission) -> bool:
    """Whether it failed and the agency may have it all the same: only a person can find out."""
    asked = submission.finish_unknown or submission.error in UNSURE
    return submission.state is SubmissionState.FAILED and submission.report_id is not None and asked


def looked_into(submission: Submission) -> Submission:
    """A finished one that a person found to be in order, or put in order with the agency."""
    return _at_rest(submission)


def needs_attention(submission: Submission, now: int) -> bool:
    """Whether a person has to look at it: failed, overdue, or held up by what does not mend itself."""
    if submission.state is SubmissionState.FAILED or submission.error in PERSON_ERRORS:
        return True
    return submission.state not in ENDED and submission.due_at < now


def backoff_ms(attempts: int) -> int:
    """How long to wait after so many failures."""
    return min(BACKOFF_MAX_MS, BACKOFF_MS << min(20, max(0, attempts - 1)))


_REQUESTS_KEPT = 200


def _after_open(known: Submission, reply: AgencyReply, now: int, files: tuple[str, ...], jitter: float) -> Submission:
    if reply.outcome is Outcome.OK and reply.report_id is not None:
        opened = replace(
            known,
            state=SubmissionState.OPEN,
            report_id=reply.report_id,
            openings=known.openings + 1,
            files=tuple(SubmissionFile(position, name) for position, name in enumerate(files)),
        )
        return _at_rest(opened)
    here = replace(known, state=SubmissionState.QUEUED, opened_at=None, last_change_at=None)
    if reply.acted is not Acted.NO:
        # There may be a report that nobody knows the number of. Nobody can finish it either.
        here = _with_orphan(here, Orphan(now, reply.report_id, reply.error_code))
    return _held_up(here, reply, now, jitter)


def _after_file(
    known: Submission, step: Step, reply: AgencyReply, now: int, asked_at: int, jitter: float
) -> Submission:
    if reply.outcome is Outcome.OK:
        changed = {"uploaded": True, "file_id": reply.file_id, "md5": reply.md5}
        if step.kind is StepKind.DESCRIBE:
            changed = {"described": True}
        files = tuple(
            replace(file, **changed) if file.position == step.position else file  # type: ignore[arg-type]
            for file in known.files
        )
        return _at_rest(replace(known, files=files, last_change_at=asked_at))
    if reply.outcome in (Outcome.ALREADY_FINISHED, Outcome.ALREADY_RETRACTED):
        return _ended_elsewhere(known, reply)
    if reply.outcome is Outcome.REPORT_GONE or (reply.outcome in _LATER and reply.acted is not Acted.NO):
        # Sent once more, the file might stand in the report twice: another report is the clean way.
        known = _given_up(known, now, reply.error_code)
    return _held_up(known, reply, now, jitter)


def _after_finish(known: Submission, reply: AgencyReply, now: int, jitter: float) -> Submission:
    if reply.outcome is Outcome.ALREADY_FINISHED:
        return finished(known, now)
    if reply.outcome is Outcome.OK:
        ours = {file.file_id for file in known.files}
        done = finished(known, now)
        if set(reply.file_ids) == ours:
            return done
        words = f"The agency counts {len(reply.file_ids)} files in the finished report; {len(ours)} were sent."
        return replace(done, error=FILES_DIFFER, error_words=words)
    if reply.outcome is Outcome.ALREADY_RETRACTED:
        # It has an end, and that end is not being filed.
        return _ended_elsewhere(replace(known, finish_unknown=False), reply)
    if reply.outcome is Outcome.REPORT_GONE:
        if known.finish_unknown:
            return _maybe_filed(known)
        return _held_up(_given_up(known, now, reply.error_code), reply, now, jitter)
    unknown = known.finish_unknown or reply.acted is not Acted.NO
    here = replace(known, finish_unknown=unknown)
    return _held_up(replace(here, state=_resting(here)), reply, now, jitter)


def _after_retract(known: Submission, reply: AgencyReply, now: int, jitter: float) -> Submission:
    if reply.outcome in (Outcome.OK, Outcome.ALREADY_RETRACTED):
        done = _given_up(replace(known, finish_unknown=False), now, "retracted")
        return replace(_at_rest(done), state=SubmissionState.RETRACTED)
    if reply.outcome is Outcome.ALREADY_FINISHED:
        # Too late. If it was not we who finished it, the agency has something that we did not send to its end.
        return finished(known, now) if known.finish_unknown else _ended_elsewhere(known, reply)
    if reply.outcome is Outcome.REPORT_GONE:
        if known.finish_unknown:
            return _maybe_filed(known)
        return replace(_at_rest(_given_up(known, now, reply.error_code)), state=SubmissionState.RETRACTED)
    return _held_up(replace(known, state=SubmissionState.RETRACTING), reply, now, jitter)


#: Answers after which the same is tried again.
_LATER = frozenset({Outcome.RETRY, Outcome.NONSENSE, Outcome.FIX_CREDENTIALS})


def _held_up(here: Submission, reply: AgencyReply, now: int, jitter: float) -> Submission:
    error, words = reply.error_code, reply.description
    if reply.outcome in _LATER or reply.outcome is Outcome.REPORT_GONE:
        return _postponed(here, error, words, now, jitter)
    return _failed(here, error, words)


def _postponed(here: Submission, error: str, words: str, now: int, jitter: float) -> Submission:
    tried = replace(here, attempts=here.attempts + 1, error=error, error_words=words[:WORDS_MAX])
    if tried.attempts >= ATTEMPTS_MAX:
        return _failed(tried, error, f"{ATTEMPTS_MAX} attempts came to nothing. The last one: {words}")
    if tried.report_id is None and tried.openings >= OPENINGS_MAX:
        return _failed(
            tried, error, f"{OPENINGS_MAX} reports were opened and none could be finished. The last: {words}"
        )
    wait = min(WAIT_MAX_MS, max(1, int(backoff_ms(tried.attempts) * jitter)))
    return replace(tried, next_attempt_at=now + wait)


def _failed(here: Submission, error: str, words: str) -> Submission:
    return replace(here, state=SubmissionState.FAILED, error=error, error_words=words[:WORDS_MAX], next_attempt_at=0)


def _maybe_filed(known: Submission) -> Submission:
    return _failed(
        known,
        MAYBE_FILED,
        "We asked the agency to finish this report, had no answer, and now the agency does not know its number. "
        "Ask the agency whether it has it.",
    )


def _ended_elsewhere(known: Submission, reply: AgencyReply) -> Submission:
    return _failed(known, reply.error_code, f"Somebody else ended this report at the agency. {reply.description}")


def _given_up(known: Submission, now: int, why: str) -> Submission:
    """Without its report: nobody here ever finishes that one."""
    left = _with_orphan(known, Orphan(now, known.report_id, why))
    return replace(left, state=SubmissionState.QUEUED, report_id=None, opened_at=None, last_change_at=None, files=())


def _settled(here: Submission) -> Submission:
    """Where somebody wants it back and nothing is open, it is back."""
    if here.retract_by and here.report_id is None and here.state is not SubmissionState.FINISHED:
        return replace(_at_rest(here), state=SubmissionState.RETRACTED)
    return here


def _with_orphan(known: Submission, orphan: Orphan) -> Submission:
    return replace(known, orphans=(*known.orphans, orphan))


def _at_rest(here: Submission) -> Submission:
    return replace(here, next_attempt_at=0, error="", error_words="")


def _resting(here: Submission) -> SubmissionState:
    """The state between two calls."""
    if here.retract_by and here.report_id is not None:
        return SubmissionState.RETRACTING
    if here.report_id is None:
        return SubmissionState.QUEUED
    return SubmissionState.FINISHING if here.finish_unknown else SubmissionState.OPEN
