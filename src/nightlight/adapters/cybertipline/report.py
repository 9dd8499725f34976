"""A whole report, as it is opened with ``POST /submit``."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.adapters.cybertipline.account import (
    IntendedRecipient,
    LawEnforcement,
    PersonOrUserReported,
    Reporter,
    Victim,
)
from nightlight.adapters.cybertipline.incident import BatchedReport, IncidentSummary, InternetDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything but the files, which are uploaded one by one and described with ``FileDetails``."""

    batched_report: BatchedReport | None = None
    incident_summary: IncidentSummary
    internet_details: tuple[InternetDetails, ...] = ()
    law_enforcement: LawEnforcement | None = None
    reporter: Reporter
    person_or_user_reported: tuple[PersonOrUserReported, ...] = ()
    intended_recipient: tuple[IntendedRecipient, ...] = ()
    victim: tuple[Victim, ...] = ()
    additional_info: str | None = None
