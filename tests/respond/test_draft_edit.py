"""Drafts: what can be written into them, what they are as text, and what keeps them from going out."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.model.draft import AgencyKind, Basis, Draft, DraftFile, Fact, FileRelevance
from nightlight.respond.draft_check import Weight, check_draft, completeness
from nightlight.respond.draft_edit import Edit, NewFact, edited
from nightlight.respond.draft_text import draft_text, read_draft
from nightlight.respond.referral_fields import FIELDS, Form, fields_for
from nightlight.respond.referral_values import Capture, capture_of, checked_value

NOW = 1_790_000_000_000
EMPTY = Edit((), {}, (), (), (), False)


def added(*new: NewFact, agency: AgencyKind = AgencyKind.NCMEC) -> Draft:
    return edited(Draft(), replace(EMPTY, added=new), agency, "robin", ())


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (NewFact("suspect.ip", "not an address"), "value_malformed"),
        (NewFact("suspect.country", "XX"), "country_unknown"),
        (NewFact("incident.summary", "a\x00b"), "text_not_xml"),
        (NewFact("incident.summary", "\ud800"), "text_not_xml"),
        (NewFact("incident.at", "2026-11-27T10:00:00"), "time_without_zone"),
        (NewFact("suspect.nothing", "x"), "field_unknown"),
        (NewFact("incident.priority", "P1"), "field_not_for_agency"),
        (NewFact("suspect.more", "x", person=0), "field_unknown"),
        (NewFact("suspect.more", "x", person=21), "field_unknown"),
        (NewFact("incident.summary", "x", person=2), "field_unknown"),
        (NewFact("suspect.age", "999"), "value_malformed"),
        (NewFact("suspect.screen_name", "two\nlines"), "value_malformed"),
        (NewFact("suspect.first_name", "x" * 1001), "value_malformed"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(new: NewFact, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        added(new)
    assert caught.value.code == code
    assert new.value not in caught.value.message or len(new.value) < 3


VALUES = {
    Form.LINE: "a line",
    Form.TEXT: "a text\nof two lines",
    Form.TIME: "2026-11-27T10:00:00Z",
    Form.YES: "yes",
    Form.WHOLE: "17",
    Form.EMAIL: "name@example.org",
    Form.PHONE: "+44 20 7946 0000",
    Form.IP: "192.0.2.7 2026-11-27T10:00:00Z Login",
    Form.DEVICE: "Matrix device ABCDEF",
    Form.COUNTRY: "GB",
    Form.DATE: "2026-11-27",
    Form.ADDRESS: "https://example.org/x",
}


@pytest.mark.parametrize("agency", list(AgencyKind))
def test_every_field_of_an_agency_can_be_filled_and_then_it_is_complete(agency: AgencyKind) -> None:
    new = [NewFact(f.name, f.choices[0] if f.choices else VALUES[f.form]) for f in fields_for(agency)]
    draft = replace(added(*new, agency=agency), messages=("$a",))
    assert completeness(draft, agency).score == 100
    stopped = [finding for finding in check_draft(draft, agency, NOW * 2).findings if finding.weight is Weight.STOPS]
    assert stopped == []


def test_an_agency_is_told_nothing_that_the_table_does_not_give_it() -> None:
    draft = Draft((Fact("incident.priority", "P1", Basis.REVIEWER, "robin"),), ("$a",))
    found = check_draft(draft, AgencyKind.NCMEC, NOW).findings
    assert any("not for this agency" in finding.message and finding.weight is Weight.STOPS for finding in found)


def test_nothing_of_a_childs_records_is_asked_for_but_what_helps_to_find_it() -> None:
    assert "victim.disabled_at" not in FIELDS
    assert not {"recipient.first_name", "recipient.last_name"} & FIELDS.keys()


@given(st.ip_addresses(), st.integers(0, 4_000_000_000_000), st.sampled_from(["", "Login", "Other"]))
def test_an_address_and_when_it_was_seen_come_apart_as_they_went_in(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, at: int, what: str
) -> None:
    from nightlight.respond.instant import rfc3339

    value = checked_value(FIELDS["suspect.ip"], " ".join(filter(None, (str(ip), rfc3339(at), what))))
    assert capture_of(value) == Capture(str(ip), at, what)


_FACTS = st.builds(
    Fact,
    st.text(max_size=20),
    st.text(max_size=50),
    st.sampled_from(list(Basis)),
    st.text(max_size=20),
    st.integers(1, 5),
    st.booleans(),
)
_FILES = st.builds(
    DraftFile,
    st.text(max_size=10),
    st.text(max_size=10),
    st.booleans(),
    st.sampled_from(list(FileRelevance)),
    st.sampled_from(["", "A1"]),
    st.lists(st.sampled_from(["viral", "infant"]), max_size=2).map(tuple),
)
_DRAFTS = st.builds(
    Draft,
    st.lists(_FACTS, max_size=5).map(tuple),
    st.lists(st.text(max_size=10), max_size=3).map(tuple),
    st.lists(_FILES, max_size=3).map(tuple),
    st.booleans(),
)


@given(_DRAFTS)
def test_a_draft_is_its_text_and_back(draft: Draft) -> None:
    assert read_draft(draft_text(draft)) == draft


@given(_DRAFTS, st.sampled_from(list(AgencyKind)))
def test_any_draft_can_be_checked(draft: Draft, agency: AgencyKind) -> None:
    """Whatever came into the database: it is judged, and nothing is raised."""
    assert 0 <= check_draft(draft, agency, NOW).completeness.score <= 100


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"facts":[[1]],"messages":[],"files":[],"urgent":true}'])
def test_a_damaged_draft_is_said_to_be_damaged(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_draft(text)
    assert caught.value.code == "draft_damaged"


def test_a_supplemental_file_carries_no_classification() -> None:
    draft = Draft((), ("$a",), (DraftFile("a", "$a", True, FileRelevance.SUPPLEMENTAL, "A1"),))
    found = check_draft(draft, AgencyKind.NCMEC, NOW).findings
    assert any("no classification" in finding.message for finding in found)


def test_what_was_taken_out_is_missed_by_name() -> None:
    fact = Fact("suspect.email", "name@example.org", Basis.HOMESERVER, "@a:b", included=False)
    missing = completeness(Draft((fact,)), AgencyKind.NCMEC).missing
    assert any(one.field.name == "suspect.email" and one.left_out for one in missing)
    assert any(one.field.name == "suspect.phone" and not one.left_out for one in missing)
