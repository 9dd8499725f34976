"""A submission: one referral on its way to an agency, and how far it has got.

Where the agency has no reporting service, a person carries a package there and says when it has arrived. A report at a
service is *opened*, gets its files and their details, and is *finished*. Only a finished one is ever looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SubmissionState(StrEnum):
    """``queued``: no report is open. ``opening``: one was asked for. ``open``: it takes files and their details.

    ``finishing``: we asked for its end. ``finished``: the agency has it. ``failed``: a person has to decide.
    ``retracting``, ``retracted``: taken back before it was finished.
    """

    QUEUED = "queued"
    OPENING = "opening"
    OPEN = "open"
    FINISHING = "finishing"
    FINISHED = "finished"
    FAILED = "failed"
    RETRACTING = "retracting"
    RETRACTED = "retracted"


#: States that nothing leaves by itself.
ENDED = frozenset({SubmissionState.FINISHED, SubmissionState.FAILED, SubmissionState.RETRACTED})


class StepKind(StrEnum):
    """What is done next: a call to the service (the first five), or nothing."""

    OPEN = "open"
    UPLOAD = "upload"
    DESCRIBE = "describe"
    FINISH = "finish"
    RETRACT = "retract"
    WAIT = "wait"
    DONE = "done"


#: Steps that are a call to the service.
CALLS = frozenset({StepKind.OPEN, StepKind.UPLOAD, StepKind.DESCRIBE, StepKind.FINISH, StepKind.RETRACT})


@dataclass(frozen=True, slots=True)
class Step:
    """``position``: of the file, for ``upload`` and ``describe``. ``until``: for ``wait``, milliseconds since 1970."""

    kind: StepKind
    position: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class SubmissionFile:
    """One file of it. ``file_id`` and ``md5`` (16 bytes): as the agency answered, empty until it has the file."""

    position: int
    name: str = field(repr=False)
    file_id: str = ""
    md5: bytes = field(default=b"", repr=False)
    uploaded: bool = False
    described: bool = False


@dataclass(frozen=True, slots=True)
class Orphan:
    """A report that was opened, or may have been, and that we never finish: the agency deletes it.

    ``report_id``: None where the answer was lost. ``why``: an error code.
    """

    at: int
    report_id: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on it. Whoever does not hold the ``token`` any more writes nothing. ``until``: ms since 1970."""

    token: str
    until: int


@dataclass(frozen=True, slots=True)
class Submission:
    """Times in milliseconds since 1970, UTC.

    ``agency``: its name. ``opened_at`` and ``last_change_at``: just before we asked for it, so that the report expires
    no earlier than we reckon. ``in_flight``: a call that was begun and whose answer is not yet written down.
    ``finish_unknown``: the end of this report was asked for, and nobody knows whether the agency took it so.
    ``attempts``: failures since it was queued or put back to work, the last of which set ``next_attempt_at``.
    ``openings``: reports opened since then. ``error`` and ``error_words``: the
    newest one, empty where there is none. ``by_hand``: a person carries it, nothing is called. ``retract_by``,
    ``retract_reason``: who wants it back, empty if nobody.
    """

    submission_id: str
    referral_id: str
    case_id: str
    agency: str
    urgent: bool
    state: SubmissionState
    queued_at: int
    due_at: int
    next_attempt_at: int
    attempts: int = 0
    openings: int = 0
    report_id: int | None = None
    opened_at: int | None = None
    last_change_at: int | None = None
    in_flight: Step | None = None
    finish_unknown: bool = False
    lease: Lease | None = None
    error: str = ""
    error_words: str = ""
    files: tuple[SubmissionFile, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    request_ids: tuple[str, ...] = ()
    finished_at: int | None = None
    retract_by: str = ""
    retract_reason: str = ""
    by_hand: bool = False
