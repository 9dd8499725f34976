"""How reports add up to a case: who it is about, how grave it is, and what in it is proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlight.model.case import CaseState
from nightlight.model.report import SEVERITY, Category, Report, ReportedMessage, ReportSource, ReportState
from nightlight.model.verdict import VERDICT_OF, Code, Verdict, verdict_for
from nightlight.respond.cases import case_of

ROOM = "!playground:example.org"
MALLORY, BOB, CAROL = "@mallory:example.org", "@bob:example.org", "@carol:example.org"


def said(sender: str | None, code: Code = Code.OK, event_id: str = "$one") -> ReportedMessage:
    return ReportedMessage(0, event_id, verdict_for(code), sender, 5 if sender else None)


def report(*messages: ReportedMessage, reporter: str | None = BOB, target: str | None = None) -> Report:
    return Report(
        report_id="report-1",
        received_at=10,
        reporter=reporter,
        room_id=ROOM,
        category=Category.GROOMING,
        note="",
        language="en",
        source=ReportSource.API,
        state=ReportState.CHECKED,
        case_id=None,
        target_account=target,
        messages=messages,
    )


def subject_of(*reports: Report) -> str | None:
    return case_of("case-1", 10, reports).subject


def test_case_says_what_its_reports_say() -> None:
    case = case_of("case-1", 10, [report(said(MALLORY), said(MALLORY, Code.NO_KEY, "$two"))])
    assert (case.case_id, case.opened_at, case.state) == ("case-1", 10, CaseState.OPEN)
    assert (case.subject, case.room_id, case.category) == (MALLORY, ROOM, Category.GROOMING)
    assert (case.proven, case.messages, case.reports) == (1, 2, 1)


@pytest.mark.parametrize("code", Code)
def test_reporter_s_own_message_never_makes_them_the_subject(code: Code) -> None:
    assert subject_of(report(said(BOB, code))) is None
    assert subject_of(report(said(BOB, code), said(MALLORY, Code.NO_KEY, "$two"))) == MALLORY


def test_what_is_proven_comes_before_what_is_said() -> None:
    assert subject_of(report(said(CAROL, Code.NO_KEY), said(MALLORY, Code.OK, "$two"))) == MALLORY
    assert subject_of(report(said(CAROL, Code.WRONG_KEY)), report(said(MALLORY, Code.OK, "$two"))) == MALLORY
    assert subject_of(report(said(MALLORY), target=CAROL)) == MALLORY


def test_account_reported_by_name_is_the_subject_where_no_message_says_otherwise() -> None:
    assert subject_of(report(target=MALLORY)) == MALLORY
    assert subject_of(report(said(None, Code.EVENT_NOT_FOUND), target=MALLORY)) == MALLORY
    assert subject_of(report()) is None


def test_sender_reporting_themselves_does_not_hide_who_they_are() -> None:
    own = report(said(MALLORY), reporter=MALLORY)
    assert subject_of(own) is None
    assert subject_of(own, report(said(MALLORY))) == MALLORY


def test_one_message_reported_twice_is_one_message() -> None:
    case = case_of("case-1", 10, [report(said(MALLORY)), report(said(MALLORY, Code.NO_KEY), reporter=CAROL)])
    assert (case.proven, case.messages, case.reports) == (1, 1, 2)


@pytest.mark.parametrize("code", [code for code in Code if VERDICT_OF.get(code) is not Verdict.VERIFIED])
def test_nothing_unproven_counts_as_proven(code: Code) -> None:
    assert case_of("case-1", 10, [report(said(MALLORY, code))]).proven == 0


@pytest.mark.parametrize("first", Category)
@pytest.mark.parametrize("second", Category)
def test_case_is_as_grave_as_its_gravest_report(first: Category, second: Category) -> None:
    reports = [replace(report(said(MALLORY)), category=category) for category in (first, second)]
    case = case_of("case-1", 10, reports)
    assert case.severity == SEVERITY[case.category] == min(SEVERITY[first], SEVERITY[second])


@pytest.mark.parametrize("category", Category)
def test_forged_report_does_not_push_others_back(category: Category) -> None:
    forged = replace(report(said(MALLORY, Code.WRONG_KEY), said(None, Code.EVENT_NOT_FOUND, "$x")), category=category)
    assert case_of("case-1", 10, [forged]).severity >= SEVERITY[Category.OTHER]
    honest = report(said(MALLORY, Code.NO_KEY))
    assert case_of("case-1", 10, [forged, honest]).severity == SEVERITY[Category.GROOMING]


@pytest.mark.parametrize("code", [Code.NO_KEY, Code.PENDING_VERIFICATION, Code.CONTENT_AMBIGUOUS, Code.EVENT_REDACTED])
def test_report_that_could_not_be_proven_waits_no_longer_for_it(code: Code) -> None:
    assert case_of("case-1", 10, [report(said(MALLORY, code))]).severity == SEVERITY[Category.GROOMING]


def test_report_of_an_account_without_messages_keeps_its_place() -> None:
    assert case_of("case-1", 10, [report(target=MALLORY)]).severity == SEVERITY[Category.GROOMING]
