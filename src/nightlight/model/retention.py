"""Retention: the kinds of record that a case leaves behind, and what became of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Record(StrEnum):
    """What is kept of a case, in the parts that go by themselves. A closed list."""

    CASE_EVIDENCE = "case_evidence"
    REPORT = "report"
    DECISION = "decision"
    REFERRAL_RECORD = "referral_record"
    AGENCY_REFERENCE = "agency_reference"


#: What goes with each of them. The tables say the same column by column (``store/erasure.py``).
RECORD_CONTENTS: dict[Record, str] = {
    Record.CASE_EVIDENCE: (
        "what was said: message keys, preserved events, kept files, reporters' notes, the contents of bundles, what "
        "referrals say"
    ),
    Record.REPORT: "who and where: accounts and rooms in reports, messages, actions and the case, and its alerts",
    Record.DECISION: "who decided and the reason in words; outcome, rule broken and time stay",
    Record.REFERRAL_RECORD: "how it was referred: attestation, approvals, time-stamp, legal basis, who proposed it",
    Record.AGENCY_REFERENCE: "to whom: the agency's name, key and reference",
}

#: What does not go before what: without the report nobody could say whose evidence it is, and the agency's name says
#: which duties the rest is kept under.
NOT_BEFORE: dict[Record, tuple[Record, ...]] = {
    Record.REPORT: (Record.CASE_EVIDENCE,),
    Record.AGENCY_REFERENCE: (Record.CASE_EVIDENCE, Record.REPORT, Record.DECISION, Record.REFERRAL_RECORD),
}


class Phase(StrEnum):
    """How far a referral is, as far as retention is concerned."""

    UNDER_WAY = "under_way"
    FINISHED = "finished"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A record that is announced to go, or gone. Times in milliseconds since 1970, UTC.

    ``rule``: whose period is over; ``rules``: which version of the rules said so. ``not_before``: when it may go at the
    earliest. ``files``: whether kept files still have to be removed.
    """

    case_id: str
    record: Record
    rule: str
    rules: str
    planned_at: int
    not_before: int
    erased_at: int | None = None
    files: bool = False
