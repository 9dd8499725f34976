"""Retention rules for tests: the shipped ones, and random ones that can be read."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from typing import Any

import yaml
from hypothesis import strategies as st

from nightlight.model.case import CaseSource, Outcome
from nightlight.model.retention import Phase, Record
from nightlight.respond.calendar import Period, Unit
from nightlight.respond.retention import Kept, Referred
from nightlight.respond.retention_rules import ClockStart, RetentionRules, Rule, read_retention_rules

SHIPPED = resources.files("nightlight.respond").joinpath("retention.yaml").read_bytes()
DAY_MS = 86_400_000
#: 1 January 2025.
T0 = 1_735_689_600_000

AGENCIES = {"one": ("US", "Agency One"), "two": ("GB", "Agency Two"), "three": ("GB", "Agency Three")}


def document(rules: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "format": "nightlight-retention/1",
        "name": "test",
        "version": "1",
        "description": "for tests",
        "sources": {"law": "an example of a law"},
        "agencies": {code: {"country": country, "names": [name]} for code, (country, name) in AGENCIES.items()},
        "rules": rules,
        **changes,
    }


def rule(name: str, records: list[str] | str, **changes: Any) -> dict[str, Any]:
    made = {"id": name, "records": records, "from": "case_decided", "why": "an example", "legal_basis": "law"}
    return {key: value for key, value in {**made, "at_most": "1 year", **changes}.items() if value is not None}


def everything(**changes: Any) -> dict[str, Any]:
    """A rule for whatever no other is for."""
    return rule("everything", [record.value for record in Record], **changes)


def rules_of(*rules: dict[str, Any], **changes: Any) -> RetentionRules:
    return read_retention_rules(yaml.safe_dump(document(list(rules), **changes)).encode())


PERIODS = st.one_of(
    st.builds(Period, st.integers(1, 800), st.just(Unit.DAY)),
    st.builds(Period, st.integers(1, 40), st.just(Unit.MONTH)),
    st.builds(Period, st.integers(1, 12), st.just(Unit.YEAR)),
)
_BARE = rules_of(everything())


def subset(values: Any) -> st.SearchStrategy[frozenset[Any]]:
    """Some of the values, or none, which in a rule means any."""
    return st.frozensets(st.sampled_from(values), max_size=2)


@st.composite
def random_rule(draw: st.DrawFn) -> Rule:
    """One that the reader could have made."""
    referred_to, countries = draw(subset(["anybody", *AGENCIES])), draw(subset(["US", "GB"]))
    preservation = draw(st.booleans())
    starts = [ClockStart.REPORT_RECEIVED, ClockStart.CASE_DECIDED]
    starts += [ClockStart.REFERRAL_FINISHED] if referred_to or countries else []
    starts += [ClockStart.PRESERVATION_REQUESTED] if preservation else []
    return Rule(
        id=f"rule-{draw(st.integers(0, 999))}",
        records=draw(st.frozensets(st.sampled_from(Record), min_size=1)),
        outcomes=draw(subset(Outcome)),
        sources=draw(subset(CaseSource)),
        referred_to=referred_to,
        countries=countries,
        preservation=preservation,
        duty=draw(st.booleans()),
        period=draw(PERIODS),
        start=draw(st.sampled_from(starts)),
        why="an example",
        legal_basis="law",
    )


@st.composite
def random_rules(draw: st.DrawFn) -> RetentionRules:
    made = draw(st.lists(random_rule(), max_size=6))
    last = replace(_BARE.rules[0], period=draw(PERIODS))
    return replace(_BARE, rules=(*made, last))


TIMES = st.integers(T0, T0 + 4_000 * DAY_MS)


@st.composite
def random_case(draw: st.DrawFn) -> Kept:
    decided = draw(st.one_of(st.none(), TIMES))
    names = [name for _, name in AGENCIES.values()] + ["another agency"]
    # Finished referrals are the common ones: with unfinished ones in every case nothing would ever go.
    phases = st.sampled_from([Phase.FINISHED, Phase.FINISHED, Phase.FINISHED, *Phase])
    referred = st.builds(Referred, st.sampled_from(names), phases, st.one_of(st.none(), TIMES))
    kinds = draw(st.frozensets(st.sampled_from(Record), min_size=1))
    return Kept(
        case_id=f"case_{draw(st.integers(0, 10**6)):06x}",
        reported_at=draw(TIMES),
        decided_at=decided,
        outcome=None if decided is None else draw(st.sampled_from(Outcome)),
        source=draw(st.sampled_from(CaseSource)),
        records=tuple(record for record in Record if record in kinds),
        referrals=tuple(draw(st.lists(referred, max_size=2))),
        preserved_at=draw(st.one_of(st.none(), TIMES)),
        holds=tuple(draw(st.lists(st.sampled_from(["hold_1", "hold_2"]), max_size=2, unique=True))),
        busy=draw(st.sampled_from([False, False, False, True])),
    )
