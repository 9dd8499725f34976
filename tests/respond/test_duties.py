"""Whose duty a report is: the rules that come along, and mistakes in rules of one's own."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.cli.data import shipped_duties
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.model.case import Policy
from nightlight.model.draft import AgencyKind
from nightlight.respond.duties import Force, Having, Situation, advise, read_duties

SHIPPED = read_duties(shipped_duties())


def forces(
    established: str = "",
    places: str = "",
    policy: Policy = Policy.CHILD_GROOMING,
    reported: tuple[AgencyKind, ...] = (),
) -> dict[AgencyKind, Force]:
    situation = Situation(
        frozenset(established.split()), frozenset(places.split()), policy, reported_to=frozenset(reported)
    )
    return {one.agency: one.force for one in advise(SHIPPED, situation)}


def test_a_provider_in_the_united_states_has_to_tell_ncmec() -> None:
    assert forces("US")[AgencyKind.NCMEC] is Force.MUST
    assert forces("DE")[AgencyKind.NCMEC] is Force.MAY


def test_a_provider_in_the_united_kingdom_has_to_tell_the_nca_and_one_elsewhere_only_with_a_link() -> None:
    assert forces("GB")[AgencyKind.NCA] is Force.MUST
    assert AgencyKind.NCA not in forces("DE", "DE FR")
    assert forces("DE", "FR GB")[AgencyKind.NCA] is Force.MUST


def test_what_ncmec_has_is_not_reported_to_the_nca_a_second_time() -> None:
    assert forces("GB US", reported=(AgencyKind.NCMEC,))[AgencyKind.NCA] is Force.MUST_NOT


def test_the_iwf_is_only_for_what_can_be_reached_on_the_web() -> None:
    assert AgencyKind.IWF not in forces(policy=Policy.CHILD_IMAGERY)
    situation = Situation(frozenset(), frozenset(), Policy.CHILD_IMAGERY, frozenset({Having.WEB_ADDRESS}))
    assert AgencyKind.IWF in {one.agency for one in advise(SHIPPED, situation)}


def test_spam_is_nobodys_to_be_told() -> None:
    assert forces("US GB", "GB", Policy.SPAM) == {}


def test_every_rule_names_its_reason_and_its_source() -> None:
    assert all(duty.why.endswith(".") and duty.source for duty in SHIPPED)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("duty: must\n", "duty: shall\n", 'there is no "shall"'),
        ("agency: ncmec", "agency: ncmc", 'Did you mean "ncmec"?'),
        ("established: [US]", "established: [UK]", "The United Kingdom is GB."),
        ("established: [US]", "established: []", "the list is empty"),
        ("established: [US]", "established: [US]\n    not_established: [US]", "this never holds"),
        ("rules: [child_safety]", "rules: [child_safty]", 'Did you mean "child_safety"?'),
        ("id: us-provider", "id: us-other", "given twice"),
        ("id: us-provider", "id: US provider", "small letters"),
        ("format: nightlight-duties/1", "format: other", "The format is"),
        ("    why: A provider", "    wy: A provider", 'There is no "wy" here.'),
    ],
)
def test_mistakes_are_shown_where_they_were_made(old: str, new: str, said: str) -> None:
    text = shipped_duties().decode()
    assert old in text
    with pytest.raises(MalformedError) as caught:
        read_duties(text.replace(old, new, 1).encode())
    assert said in "\n".join(map(str, caught.value.problems))
    assert all(problem.line > 1 for problem in caught.value.problems)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(MalformedError):
        read_duties(data)
