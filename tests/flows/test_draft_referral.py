"""Referrals from drafts: filled from what is known, signed by two, and exactly that goes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from nightlight.cli.data import shipped_duties
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.model.account import AgeBand
from nightlight.model.case import Outcome, Policy
from nightlight.model.draft import AgencyKind, Basis
from nightlight.model.referral import Referral, ReferralState
from nightlight.respond.draft_edit import NewFact
from nightlight.respond.duties import read_duties
from tests.flows.referring import DAY_MS, NCMEC, Referring, edit_of, seen
from tests.world import World


@pytest.fixture
def referring(world: World) -> Referring:
    return Referring(world)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code == code


def values(referring: Referring, referral: Referral, name: str) -> list[str]:
    return [fact.value for fact in referring.draft(referral).facts if fact.name == name and fact.included]


# What was overturned


def overturn(referring: Referring, case_id: str) -> None:
    referring.world.second_look.overturn(case_id, "kim", Outcome.NO_VIOLATION, "somebody else's account")


def test_overturned_case_cannot_be_referred(referring: Referring) -> None:
    case_id = referring.decided()
    overturn(referring, case_id)
    with refused("overturned"):
        referring.desk.begin(case_id, "robin", NCMEC)


def test_draft_of_an_overturned_case_goes_nowhere_and_can_be_withdrawn(referring: Referring) -> None:
    first = referring.begun()
    overturn(referring, first.case_id)
    sheet = referring.desk.sheet(first.referral_id)
    assert not sheet.checked.can_go
    assert sheet.checked.findings[0].message == "The decision on this case was overturned."
    for urgent in (False, True):
        referring.saved(first, urgent=urgent)
        with refused("draft_incomplete"):
            referring.desk.propose(first.referral_id, "robin", referring.digest(first))
    assert referring.sent == []
    referring.desk.withdraw(first.referral_id, "robin", "the decision was overturned")
    referring.world.audit()


def test_draft_that_waits_for_a_signature_is_not_signed_once_its_case_is_overturned(referring: Referring) -> None:
    referral = referring.begun()
    referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))
    overturn(referring, referral.case_id)
    with refused("draft_incomplete"):
        referring.desk.approve(referral.referral_id, "kim", referring.digest(referral))
    assert referring.sent == []


def test_what_an_agency_has_already_is_shown_as_it_went(referring: Referring) -> None:
    referral = referring.begun()
    referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))
    referring.desk.approve(referral.referral_id, "kim", referring.digest(referral))
    with referring.world.store.write() as tx:
        filed = replace(referral, state=ReferralState.FILED, reference="1", finished_at=referring.world.clock.at)
        tx.save_referral(filed)
    referring.world.second_look.overturn(referral.case_id, "alex", Outcome.INSUFFICIENT, "why")
    assert referring.desk.sheet(referral.referral_id).checked.can_go


# What a draft says by itself


def test_draft_has_what_is_proven_and_says_what_each_fact_rests_on(referring: Referring) -> None:
    world = referring.world
    referral = referring.begun()
    draft = referring.draft(referral)
    account = draft.of("suspect.account_id")[0]
    assert (account.value, account.basis) == (world.mallory, Basis.PROVEN)
    assert account.origin in (world.opening, world.abusive)
    assert draft.value("incident.type") == "Online Enticement of Children for Sexual Acts"
    assert draft.value("chat.room") == world.room
    assert set(draft.messages) == {world.opening, world.abusive}
    assert all(fact.origin for fact in draft.facts)
    assert referring.desk.sheet(referral.referral_id).checked.can_go


def test_no_word_of_a_message_stands_in_a_draft(referring: Referring) -> None:
    draft = referring.draft(referring.begun())
    assert not any("[abusive message 1]" in fact.value or "[opening]" in fact.value for fact in draft.facts)


def test_a_child_who_reported_is_named_and_its_records_stay_until_somebody_decides(referring: Referring) -> None:
    world = referring.world
    referring.age(world.bob, AgeBand.AGE_13_15)
    referring.remember(world.bob, emails=("bob@example.org",), seen=(seen("192.0.2.7", world.clock.at),))
    referral = referring.begun()
    assert values(referring, referral, "victim.account_id") == [world.bob]
    assert values(referring, referral, "victim.age_band") == ["13 to 15"]
    known = {fact.name for fact in referring.draft(referral).facts if not fact.included}
    assert {"victim.email", "victim.ip"} <= known
    missing = referring.desk.sheet(referral.referral_id).checked.completeness.missing
    assert {one.field.name for one in missing if one.left_out} >= {"victim.email", "victim.ip"}


def test_an_adult_who_reported_is_not_made_a_victim(referring: Referring) -> None:
    referring.age(referring.world.bob, AgeBand.ADULT)
    assert not values(referring, referring.begun(), "victim.account_id")


def test_minors_on_both_sides_are_warned_of(referring: Referring) -> None:
    world = referring.world
    for account in (world.bob, world.mallory):
        referring.age(account, AgeBand.AGE_13_15)
    referral = referring.begun()
    found = referring.desk.sheet(referral.referral_id).checked.findings
    assert any("minors on both sides" in finding.message for finding in found)
    assert not values(referring, referral, "incident.minor_to_minor")


def test_connections_long_before_the_incident_are_known_and_stay(referring: Referring) -> None:
    world = referring.world
    near, far = world.clock.at - DAY_MS, world.clock.at - 100 * DAY_MS
    referring.remember(world.mallory, seen=(seen("192.0.2.1", near), seen("192.0.2.2", far, "OLD")))
    ips = values(referring, referring.begun(), "suspect.ip")
    assert len(ips) == 1
    assert ips[0].startswith("192.0.2.1 ")


def test_a_homeserver_that_is_away_does_not_hold_a_referral_up(referring: Referring) -> None:
    referring.records.away = True
    assert referring.begun().state is ReferralState.DRAFT


def test_earlier_reports_about_the_account_are_named(referring: Referring) -> None:
    referring.prior = [1001, 1002]
    assert values(referring, referring.begun(), "suspect.prior_report") == ["1001", "1002"]


def test_a_rule_that_decides_no_kind_of_incident_leaves_it_to_a_person(referring: Referring) -> None:
    referral = referring.begun(Policy.CHILD_CONTACT)
    with refused("draft_incomplete"):
        referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))


def test_that_ages_were_looked_at_stands_in_the_log_under_no_name(referring: Referring) -> None:
    referral = referring.begun()
    with referring.world.store.read() as tx:
        looks = [entry for entry in tx.log_entries() if entry.kind == LogKind.AGE_VIEWED]
    assert len(looks) == 2
    assert all(referral.referral_id in entry.detail for entry in looks)
    assert not any(referring.world.bob in entry.subject + entry.detail for entry in looks)


# Whether a case may be referred


def test_only_a_decided_violation_becomes_a_draft_and_one_for_each_agency(referring: Referring) -> None:
    world = referring.world
    case_id = world.report(world.opening).report.case_id or ""
    with refused("not_decided"):
        referring.desk.begin(case_id, "robin", NCMEC)
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "nothing was found", [])
    with refused("no_violation"):
        referring.desk.begin(case_id, "robin", NCMEC)
    with refused("case_not_found"):
        referring.desk.begin("case_none", "robin", NCMEC)
    decided = referring.decided()
    with refused("agency_not_found"):
        referring.desk.begin(decided, "robin", "Nobody")
    referring.desk.begin(decided, "robin", NCMEC)
    with refused("already_drafted"):
        referring.desk.begin(decided, "robin", NCMEC)


# Writing


def test_what_the_records_say_is_not_overwritten(referring: Referring) -> None:
    referral = referring.begun()
    draft = referring.draft(referral)
    place = next(n for n, fact in enumerate(draft.facts) if fact.name == "incident.summary")
    edit = edit_of(draft, values={place: "[in other words]"})
    referring.desk.save(referral.referral_id, "sam", edit, referring.digest(referral))
    facts = [fact for fact in referring.draft(referral).facts if fact.name == "incident.summary"]
    assert [(fact.basis, fact.included) for fact in facts] == [(Basis.CASE, False), (Basis.REVIEWER, True)]
    assert facts[1].origin == "sam"


def test_what_a_field_cannot_hold_is_refused_and_nothing_is_saved(referring: Referring) -> None:
    referral = referring.begun()
    before = referring.digest(referral)
    with refused("value_malformed"):
        referring.saved(referral, "robin", NewFact("suspect.more", "[fine]"), NewFact("suspect.ip", "not an address"))
    assert referring.digest(referral) == before


def test_messages_of_other_cases_and_unproven_ones_cannot_be_chosen(referring: Referring) -> None:
    referral = referring.begun()
    draft = referring.draft(referral)
    for stranger in ("$elsewhere", referring.world.reply):
        with refused("message_not_found"):
            edit = edit_of(draft, messages=[*draft.messages, stranger])
            referring.desk.save(referral.referral_id, "robin", edit, referring.digest(referral))


def test_two_who_write_at_once_do_not_overwrite_each_other(referring: Referring) -> None:
    referral = referring.begun()
    seen_by_both = referring.digest(referral)
    edit = edit_of(referring.draft(referral), (NewFact("suspect.more", "[one]"),))
    referring.desk.save(referral.referral_id, "robin", edit, seen_by_both)
    with refused("draft_changed"):
        referring.desk.save(referral.referral_id, "sam", edit, seen_by_both)


# Signing off


def test_a_second_person_signs_off_exactly_what_goes_out(referring: Referring) -> None:
    referral = referring.begun()
    digest = referring.digest(referral)
    proposed = referring.desk.propose(referral.referral_id, "robin", digest)
    assert (proposed.state, referring.sent) == (ReferralState.PROPOSED, [])
    with refused("own_draft"):
        referring.desk.approve(referral.referral_id, "robin", digest)
    with refused("draft_changed"):
        referring.desk.approve(referral.referral_id, "sam", "0" * 64)
    approved = referring.desk.approve(referral.referral_id, "sam", digest)
    assert (approved.state, approved.reviewed_by, referring.sent) == (
        ReferralState.APPROVED,
        "sam",
        [referral.referral_id],
    )
    with refused("not_a_draft"):
        referring.desk.approve(referral.referral_id, "sam", digest)
    assert referring.sent == [referral.referral_id]
    assert referring.world.audit().head.number > 0


def test_whoever_changed_it_last_does_not_sign_it_off(referring: Referring) -> None:
    referral = referring.begun()
    referring.saved(referral, "sam", NewFact("suspect.more", "[by sam]"))
    digest = referring.digest(referral)
    referring.desk.propose(referral.referral_id, "sam", digest)
    with refused("own_draft"):
        referring.desk.approve(referral.referral_id, "sam", digest)
    assert referring.desk.approve(referral.referral_id, "robin", digest).reviewed_by == "robin"


def test_an_urgent_one_goes_out_at_once_and_is_reviewed_after(referring: Referring) -> None:
    referral = referring.begun()
    referring.saved(referral, "robin", urgent=True)
    with refused("draft_incomplete"):  # it says that it is urgent and not why
        referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))
    referring.saved(referral, "robin", NewFact("incident.urgent_reason", "[a meeting tomorrow]"), urgent=True)
    sent = referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))
    assert (sent.state, sent.reviewed_by, referring.sent) == (ReferralState.APPROVED, "", [referral.referral_id])
    with refused("own_draft"):
        referring.desk.review(referral.referral_id, "robin", "well done")
    with refused("reason_missing"):
        referring.desk.review(referral.referral_id, "sam", " ")
    assert referring.desk.review(referral.referral_id, "sam", "it was right").reviewed_by == "sam"
    with refused("not_urgent"):
        referring.desk.review(referral.referral_id, "sam", "again")
    assert referring.world.audit().head.number > 0


def test_given_back_it_can_be_changed_and_withdrawn_it_cannot(referring: Referring) -> None:
    referral = referring.begun()
    referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))
    with refused("not_a_draft"):
        referring.saved(referral, "robin", NewFact("suspect.more", "[too late]"))
    with refused("reason_missing"):
        referring.desk.send_back(referral.referral_id, "sam", "")
    referring.desk.send_back(referral.referral_id, "sam", "the summary is not clear")
    referring.saved(referral, "robin", NewFact("suspect.more", "[clearer]"))
    referring.desk.withdraw(referral.referral_id, "robin", "another agency has it")
    with refused("not_a_draft"):
        referring.saved(referral, "robin", NewFact("suspect.more", "[too late]"))
    assert referring.world.audit().head.number > 0
    # The case can be referred again.
    assert referring.desk.begin(referral.case_id, "robin", NCMEC).referral_id != referral.referral_id


def test_a_draft_with_a_time_in_the_future_cannot_go(referring: Referring) -> None:
    referral = referring.begun()
    draft = referring.draft(referral)
    place = next(n for n, fact in enumerate(draft.facts) if fact.name == "incident.at")
    edit = edit_of(draft, values={place: "2099-01-01T00:00:00Z"})
    referring.desk.save(referral.referral_id, "robin", edit, referring.digest(referral))
    with refused("draft_incomplete"):
        referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))


# The operator cannot change it quietly


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE referrals SET sealed_draft = sealed_contents",
        "UPDATE referrals SET sealed_draft = NULL, draft = '{}'",
        "UPDATE referrals SET state = 'filed'",
        "UPDATE referrals SET reviewed_by = 'sam'",
        "UPDATE referrals SET reference = '1'",
        "UPDATE referrals SET sealed_draft = NULL",
        "DELETE FROM referrals",
    ],
)
def test_a_draft_changed_in_the_database_is_found_by_the_audit(referring: Referring, change: str) -> None:
    referring.begun()
    assert referring.world.audit().head.number > 0
    with referring.world.store.engine.begin() as connection:
        connection.execute(sa.text(change))
    with pytest.raises(RefusedError):
        referring.world.audit()


# Whose duty it is


def test_what_ncmec_has_is_not_proposed_to_the_nca(referring: Referring) -> None:
    referring.duties = read_duties(shipped_duties())
    referral = referring.begun()
    case_id = referral.case_id
    with referring.world.store.write() as tx:
        tx.save_referral(replace(referral, state=ReferralState.FILED, reference="1001"))
    referring.world.people.add_agency("NCA", referring.recipient, "test", AgencyKind.NCA)
    second = referring.desk.begin(case_id, "robin", "NCA")
    found = referring.desk.sheet(second.referral_id).checked.findings
    assert any("not reported a second time" in finding.message for finding in found)
    with refused("draft_incomplete"):
        referring.desk.propose(second.referral_id, "robin", referring.digest(second))
