"""What an agency's reporting service answered, as something to act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What an answer means for whoever asked. A closed list.

    ``ok``: done. ``retry``: the service's trouble, try again. ``fix_document``, ``fix_credentials``: ours, and trying
    again changes nothing. ``report_gone``: the open report is not there any more. ``already_finished``,
    ``already_retracted``: somebody, or we ourselves before a lost answer, did that. ``refused``: said no, for a reason
    that a person has to read. ``nonsense``: no answer of this service at all.
    """

    OK = "ok"
    RETRY = "retry"
    FIX_DOCUMENT = "fix_document"
    FIX_CREDENTIALS = "fix_credentials"
    REPORT_GONE = "report_gone"
    ALREADY_FINISHED = "already_finished"
    ALREADY_RETRACTED = "already_retracted"
    REFUSED = "refused"
    NONSENSE = "nonsense"


@dataclass(frozen=True, slots=True)
class AgencyReply:
    """``code``: the service's own, None where it gave none. ``report_id``, ``file_id``, ``md5``: where they were asked.

    ``acted``: whether the service may have done what was asked, also where its answer was lost: only ``False`` means
    that it certainly has not. ``request_id``: what to name when asking the agency about it.
    """

    outcome: Outcome
    code: int | None = None
    description: str = field(default="", repr=False)
    report_id: int | None = None
    file_id: str = ""
    md5: str = ""
    file_ids: tuple[str, ...] = ()
    request_id: str = ""
    acted: bool = True
