"""What a reviewer may do about a referral on its way: the page offers that and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from nightlight.model.submission import Submission, SubmissionFile, SubmissionState
from nightlight.respond.submission import FILES_DIFFER, MAYBE_FILED
from nightlight.web.console.pages import page
from nightlight.web.console.session import Session

NOW = 1_800_000_000_000
OPEN = Submission(
    *("submission_1", "referral_1", "case_1", "NCMEC", False, SubmissionState.OPEN, NOW, NOW + 3_600_000, 0),
    report_id=70_000_001,
    opened_at=NOW,
    files=(SubmissionFile(0, "conversation.txt"),),
)
FAILED = replace(OPEN, state=SubmissionState.FAILED, error="agency_refused", error_words="No.")
WANTED: dict[str, Any] = {"retract_by": "robin", "retract_reason": "a mistake"}


def offered(submission: Submission) -> list[str]:
    """The buttons, each with where it leads."""
    sheet = SimpleNamespace(submission=submission, referral=SimpleNamespace(referral_id="referral_1"))
    session = Session("robin", "token")
    text = bytes(page("referral_progress.html", session=session, sheet=sheet, now=NOW).body).decode()
    forms = re.findall(r'action="/referrals/referral_1/(\w+)">(.*?)</form>', text, re.DOTALL)
    return [f"{where}: {re.sub('<[^>]+>', '', inside[inside.rindex('<button') :])}" for where, inside in forms]


BACK = "retract: Take it back"
HAS, HAS_NOT = "confirm: It has the report", "retry: It does not have it"


@pytest.mark.parametrize(
    ("submission", "buttons"),
    [
        (OPEN, [BACK]),
        (replace(OPEN, state=SubmissionState.RETRACTING, **WANTED), []),
        (replace(OPEN, state=SubmissionState.FINISHED, finished_at=NOW), []),
        (
            replace(OPEN, state=SubmissionState.FINISHED, finished_at=NOW, error=FILES_DIFFER, error_words="One more."),
            ["confirm: I asked the agency: it is in order"],
        ),
        (FAILED, ["retry: Try again", BACK]),
        (replace(FAILED, **WANTED), ["retry: Try again to take it back", BACK]),
        # Whether it has it: nobody can tell, and nothing is sent again by pressing a button that does not say so.
        (replace(FAILED, error=MAYBE_FILED, finish_unknown=True), [HAS, f"{HAS_NOT}: send it again", BACK]),
        (replace(FAILED, error=MAYBE_FILED, finish_unknown=True, **WANTED), [HAS, HAS_NOT, BACK]),
        # Given up after many attempts: asking once more under the same number is safe, too.
        (
            replace(FAILED, error="agency_timeout", finish_unknown=True),
            [HAS, f"{HAS_NOT}: send it again", "retry: Try again", BACK],
        ),
    ],
)
def test_what_is_offered_is_what_is_true(submission: Submission, buttons: list[str]) -> None:
    assert offered(submission) == buttons
