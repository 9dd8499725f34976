"""What an agency's reporting service answered, and what that means for us."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What to do about an answer. A closed list.

    ``ok``: it did what was asked. ``retry``: later, the same again. ``fix_document``: what we sent is wrong.
    ``fix_credentials``: who we say we are is not accepted. ``report_gone``: there is no such report, or no such file in
    it. ``already_retracted``, ``already_finished``: the report has that end. ``refused``: for another reason, which a
    person has to look into. ``nonsense``: no answer that the service is known to give.
    """

    OK = "ok"
    RETRY = "retry"
    FIX_DOCUMENT = "fix_document"
    FIX_CREDENTIALS = "fix_credentials"
    REPORT_GONE = "report_gone"
    ALREADY_RETRACTED = "already_retracted"
    ALREADY_FINISHED = "already_finished"
    REFUSED = "refused"
    NONSENSE = "nonsense"


class Acted(StrEnum):
    """Whether the service did what was asked. ``unknown`` is the hard case: nobody here can tell."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Problem(StrEnum):
    """What went wrong on the way, where something did."""

    NONE = ""
    UNREACHABLE = "agency_unreachable"
    CERTIFICATE = "agency_certificate"
    TIMEOUT = "agency_timeout"
    REDIRECT = "agency_redirects"
    CREDENTIALS = "agency_credentials"
    BUSY = "agency_busy"
    CUT_SHORT = "agency_cut_short"
    NO_ANSWER = "agency_no_answer"
    WRONG_REPORT = "agency_wrong_report"
    FILE_DAMAGED = "agency_file_damaged"


@dataclass(frozen=True, slots=True)
class AgencyReply:
    """One answer, or the lack of one. ``code``: the service's own response code, None where it gave none.

    ``description``: in words, the service's own or ours. ``md5``: 16 bytes of the file as the service received it.
    ``file_ids``: of all files in a finished report. ``request_id``: what the service calls this exchange.
    """

    outcome: Outcome
    acted: Acted
    description: str = ""
    code: int | None = None
    problem: Problem = Problem.NONE
    report_id: int | None = None
    file_id: str = ""
    md5: bytes = field(default=b"", repr=False)
    file_ids: tuple[str, ...] = ()
    request_id: str = ""

    @property
    def error_code(self) -> str:
        """A short name for what is wrong, empty where nothing is."""
        if self.outcome is Outcome.OK:
            return ""
        return self.problem or f"agency_{self.outcome}"
