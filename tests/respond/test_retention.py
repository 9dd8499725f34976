"""The plan: nothing under hold ever goes, everything past its period does, and every line says why."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightlight.model.case import CaseSource, Outcome
from nightlight.model.referral import ReferralState
from nightlight.model.retention import NOT_BEFORE, Phase, Record
from nightlight.respond.calendar import DAY_MS, date_words, over_at
from nightlight.respond.retention import PHASE_OF, Fate, Kept, Line, Planner, Referred, why
from nightlight.respond.retention_report import NOW, Totals, totals_values
from nightlight.respond.retention_rules import ClockStart, RetentionRules, Rule, read_retention_rules
from tests.respond.rule_files import (
    SHIPPED,
    T0,
    TIMES,
    random_case,
    random_rule,
    random_rules,
    rule,
    rules_of,
)

ALL = tuple(Record)
FAR = T0 + 200_000 * DAY_MS


def case(**changes: object) -> Kept:
    values: dict[str, object] = {
        "case_id": "case_1",
        "reported_at": T0,
        "decided_at": T0 + DAY_MS,
        "outcome": Outcome.VIOLATION,
        "source": CaseSource.REPORT,
        "records": ALL,
    }
    return Kept(**{**values, **changes})  # type: ignore[arg-type]


def by_record(rules: RetentionRules, kept: Kept, now: int = T0) -> dict[Record, Line]:
    return {line.record: line for line in Planner(rules).plan(kept, now)}


def ends(rules: RetentionRules, kept: Kept, record: Record) -> list[tuple[int, bool]]:
    """Every period that is about the record, worked out rule by rule: when it is over, and whether it is a duty."""
    found = []
    for one in rules.rules:
        sent = [item for item in kept.referrals if item.phase is not Phase.WITHDRAWN or item.finished_at is not None]
        meant = [item for item in sent if _meant(rules, one, item.agency)]
        asks_wrongly = (
            record not in one.records
            or (one.outcomes and kept.outcome not in one.outcomes)
            or (one.sources and kept.source not in one.sources)
            or (one.preservation and kept.preserved_at is None)
            or ((one.referred_to or one.countries) and not meant)
        )
        if asks_wrongly:
            continue
        assert kept.decided_at is not None
        starts = {
            ClockStart.REPORT_RECEIVED: kept.reported_at,
            ClockStart.CASE_DECIDED: kept.decided_at,
            ClockStart.PRESERVATION_REQUESTED: kept.preserved_at or kept.decided_at,
            ClockStart.REFERRAL_FINISHED: max((item.finished_at or kept.decided_at for item in meant), default=0),
        }
        found.append((over_at(starts[one.start], one.period), one.duty))
    return found


def _meant(rules: RetentionRules, one: Rule, agency: str) -> bool:
    known = next((item for item in rules.agencies if agency.casefold() in item.names), None)
    code, country = (known.code, known.country) if known else (None, None)
    return (not one.referred_to or bool({"anybody", code} & one.referred_to)) and (
        not one.countries or country in one.countries
    )


@given(random_rules(), random_case(), TIMES)
def test_nothing_under_hold_ever_goes(rules: RetentionRules, kept: Kept, now: int) -> None:
    held = kept._replace(holds=kept.holds or ("hold_1",))
    for at in (now, FAR):
        assert not [line for line in Planner(rules).plan(held, at) if line.fate is Fate.GOES]


@given(random_rules(), random_case())
def test_nothing_open_or_on_its_way_ever_goes(rules: RetentionRules, kept: Kept) -> None:
    under_way = (*kept.referrals, Referred("Agency One", Phase.UNDER_WAY, None))
    failed = (*kept.referrals, Referred("Agency One", Phase.FAILED, T0))
    for one in (
        kept._replace(decided_at=None, outcome=None),
        kept._replace(busy=True),
        kept._replace(referrals=under_way),
        kept._replace(referrals=failed),
    ):
        assert not [line for line in Planner(rules).plan(one, FAR) if line.fate is Fate.GOES]


@given(random_rules(), random_case(), TIMES)
def test_everything_past_its_period_goes_and_nothing_before(rules: RetentionRules, kept: Kept, now: int) -> None:
    assume(kept.decided_at is not None)
    lines = {line.record: line for line in Planner(rules).plan(kept, now)}
    assert list(lines) == list(kept.records)
    stays = bool(kept.holds) or kept.busy or any(
        item.phase in (Phase.UNDER_WAY, Phase.FAILED) for item in kept.referrals
    )  # fmt: skip
    over: dict[Record, int] = {}
    for record in kept.records:
        found = ends(rules, kept, record)
        duties, limits = [end for end, duty in found if duty], [end for end, duty in found if not duty]
        over[record] = max([*duties, *([min(limits)] if limits else [])])
        over[record] = max(over[record], *(over.get(other, 0) for other in NOT_BEFORE.get(record, ())), 0)
        line = lines[record]
        assert line.until == over[record]
        assert (line.fate is Fate.GOES) == (over[record] <= now and not stays)
        assert line.rule is not None
        assert why(line)


@given(random_rules(), random_case(), TIMES, st.integers(0, 4_000 * DAY_MS))
def test_what_goes_now_goes_later_too(rules: RetentionRules, kept: Kept, now: int, later: int) -> None:
    planner = Planner(rules)
    early = {line.record for line in planner.plan(kept, now) if line.fate is Fate.GOES}
    assert early <= {line.record for line in planner.plan(kept, now + later) if line.fate is Fate.GOES}


@given(random_rules(), st.lists(random_case(), max_size=4), TIMES)
def test_a_planner_that_remembers_says_what_a_new_one_says(rules: RetentionRules, cases: list[Kept], now: int) -> None:
    planner = Planner(rules)
    for kept in cases:
        assert planner.plan(kept, now) == Planner(rules).plan(kept, now)


@given(random_rules(), random_rule(), random_case(), TIMES)
def test_one_more_duty_never_shortens_anything(rules: RetentionRules, more: Rule, kept: Kept, now: int) -> None:
    both = replace(rules, rules=(*rules.rules, replace(more, duty=True)))
    longer = {line.record: line for line in Planner(both).plan(kept, now)}
    for line in Planner(rules).plan(kept, now):
        if line.until is not None:
            after = longer[line.record].until
            assert after is not None
            assert after >= line.until


# The shipped rules, said in cases
SHIPPED_RULES = read_retention_rules(SHIPPED)


def until(kept: Kept, record: Record) -> tuple[str, str]:
    line = by_record(SHIPPED_RULES, kept)[record]
    assert line.until is not None
    assert line.rule is not None
    return date_words(line.until - 2 * DAY_MS), line.rule.id


def test_shipped_rules_keep_what_went_to_the_cybertipline_for_a_year_from_its_end() -> None:
    sent = case(referrals=(Referred("NCMEC", Phase.FINISHED, T0 + 40 * DAY_MS),))  # 10 February 2025
    assert until(sent, Record.CASE_EVIDENCE) == ("2026-02-10", "us-cybertipline")
    assert until(sent, Record.REFERRAL_RECORD) == ("2027-01-02", "referral-record")
    assert until(sent, Record.AGENCY_REFERENCE) == ("2030-01-02", "agency-reference")


def test_shipped_rules_keep_the_reference_of_the_nca_for_five_years_and_the_data_for_one() -> None:
    sent = case(referrals=(Referred("National Crime Agency", Phase.FINISHED, T0 + 40 * DAY_MS),))
    assert until(sent, Record.AGENCY_REFERENCE) == ("2030-02-10", "uk-nca-reference")
    assert until(sent, Record.CASE_EVIDENCE) == ("2026-02-10", "uk-nca-data")
    late = case(referrals=(Referred("National Crime Agency", Phase.FINISHED, T0 + 800 * DAY_MS),))
    for record in (Record.CASE_EVIDENCE, Record.REPORT, Record.DECISION, Record.REFERRAL_RECORD):
        assert until(late, record) == ("2028-03-12", "uk-nca-data")


def test_preservation_does_not_wait_for_a_submission_whose_end_is_not_known() -> None:
    sent = case(referrals=(Referred("NCMEC", Phase.FINISHED, None),))
    assert until(sent, Record.CASE_EVIDENCE) == ("2026-01-02", "us-cybertipline")


def test_of_two_agencies_the_longer_duty_counts() -> None:
    both = (Referred("NCMEC", Phase.FINISHED, T0), Referred("NCA", Phase.FINISHED, T0 + 90 * DAY_MS))
    assert until(case(referrals=both), Record.CASE_EVIDENCE) == ("2026-04-01", "uk-nca-data")
    assert until(case(referrals=both[::-1]), Record.CASE_EVIDENCE) == ("2026-04-01", "uk-nca-data")


def test_withdrawn_referral_is_no_reason_to_keep_anything() -> None:
    withdrawn = case(referrals=(Referred("NCMEC", Phase.WITHDRAWN, None),))
    assert until(withdrawn, Record.CASE_EVIDENCE)[1] == "violation-evidence"
    # What was withdrawn after it had been sent was sent.
    sent = case(referrals=(Referred("NCMEC", Phase.WITHDRAWN, T0 + 9 * DAY_MS),))
    assert until(sent, Record.CASE_EVIDENCE)[1] == "us-cybertipline"


def test_unfounded_report_is_short() -> None:
    unfounded = case(outcome=Outcome.NO_VIOLATION)
    assert until(unfounded, Record.CASE_EVIDENCE) == ("2025-02-01", "unfounded-evidence")
    assert until(unfounded, Record.REPORT) == ("2025-07-02", "unfounded-report")
    assert until(case(outcome=Outcome.INSUFFICIENT), Record.REPORT) == ("2026-01-02", "undecided-report")


def test_preservation_request_prolongs_what_would_go() -> None:
    asked = case(outcome=Outcome.NO_VIOLATION, preserved_at=T0 + 20 * DAY_MS)
    assert until(asked, Record.CASE_EVIDENCE) == ("2025-04-21", "preserved-for-agency")
    lines = by_record(SHIPPED_RULES, asked, T0 + 60 * DAY_MS)
    assert lines[Record.CASE_EVIDENCE].fate is Fate.KEPT


def test_names_do_not_go_before_the_evidence_that_they_are_about() -> None:
    rules = rules_of(
        rule("evidence", "case_evidence", at_most="1 year"),
        rule("rest", [record.value for record in Record if record is not Record.CASE_EVIDENCE], at_most="30 days"),
    )
    lines = by_record(rules, case())
    assert lines[Record.REPORT].until == lines[Record.CASE_EVIDENCE].until
    assert lines[Record.REPORT].rule is lines[Record.CASE_EVIDENCE].rule
    assert lines[Record.DECISION].until != lines[Record.CASE_EVIDENCE].until
    gone = by_record(rules, case(records=ALL[1:]))
    assert gone[Record.REPORT].until == lines[Record.DECISION].until


def test_agency_does_not_go_before_what_is_kept_for_its_sake() -> None:
    rules = rules_of(
        rule("duty", "case_evidence", at_most=None, at_least="1 year", when={"referred_to": "one"}),
        rule("reference", "agency_reference", at_most="1 days"),
        rule("rest", [record.value for record in Record if record is not Record.AGENCY_REFERENCE], at_most="30 days"),
    )
    lines = by_record(rules, case(referrals=(Referred("Agency One", Phase.FINISHED, T0),)))
    assert lines[Record.AGENCY_REFERENCE].until == lines[Record.CASE_EVIDENCE].until


def test_state_of_a_referral_that_nobody_thought_of_counts_as_under_way() -> None:
    assert set(PHASE_OF) == set(ReferralState)
    assert PHASE_OF[ReferralState.EXPORTED] is Phase.FINISHED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Kept until then: violation-evidence: at most 1 year from the decision, over on 2026-01-04."),
        ({"holds": ("hold_7",)}, "Held by hold_7; otherwise violation-evidence: at most 1 year from the decision"),
        ({"decided_at": None, "outcome": None}, "Kept: the case is not decided."),
        ({"busy": True}, "Kept: a referral or an action is not finished, or a referral failed; otherwise"),
    ],
)
def test_every_line_says_why(changes: dict[str, object], said: str) -> None:
    line = by_record(SHIPPED_RULES, case(**changes))[Record.CASE_EVIDENCE]
    assert why(line).startswith(said)
    past = by_record(SHIPPED_RULES, case(), T0 + 400 * DAY_MS)[Record.CASE_EVIDENCE]
    assert why(past) == "Goes: violation-evidence: at most 1 year from the decision, over on 2026-01-04."


@given(random_rules(), st.lists(random_case(), max_size=5), TIMES, st.integers(0, 5))
def test_totals_count_every_line_once(rules: RetentionRules, cases: list[Kept], now: int, shown: int) -> None:
    planner, totals = Planner(rules), Totals(now, shown)
    lines: list[Line] = []
    for kept in cases:
        totals.add(kept, planner)
        lines += planner.plan(kept, now)
    assert (totals.cases, totals.records) == (len(cases), len(lines))
    fates = Counter(line.fate for line in lines)
    assert totals.going == fates[Fate.GOES]
    counted = sum(sum(months.values()) for months in totals.goes.values())
    assert counted == fates[Fate.GOES] + fates[Fate.KEPT]
    assert totals.stays == {fate: fates[fate] for fate in (Fate.HELD, Fate.OPEN, Fate.UNDER_WAY) if fates[fate]}
    turns = sorted(line.until or 0 for line in lines if line.fate in (Fate.GOES, Fate.KEPT))
    assert [line.until for line in totals.next] == turns[:shown]
    assert set(totals.next) <= set(lines)
    values = totals_values(totals, rules.reference)
    assert sum(item["months"].get(NOW, 0) for item in values["goes"]) == totals.going
