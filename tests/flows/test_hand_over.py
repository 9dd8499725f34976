"""Referrals that a person carries: sealed, taken in the open, overdue until somebody says that they arrived."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.adapters.age import unseal
from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import approve
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.log import LogKind
from nightlight.flows.hand_over import HandOverDesk
from nightlight.flows.send_referral import Alarms
from nightlight.model.case import Outcome
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Referral, ReferralState
from nightlight.model.retention import Record
from nightlight.model.submission import SubmissionState
from nightlight.respond.draft_edit import NewFact
from tests.flows.handing_over import HOUR_MS, hand_over_desk, sender
from tests.flows.referring import NCMEC as AGENCY
from tests.flows.referring import Referring
from tests.flows.tampering import found_by_audit
from tests.world import World

IDENTITY = pyrage.x25519.Identity.generate()
APPROVERS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ("alex", "billie")}
RECIPIENT = str(IDENTITY.to_public())
SUMMARY = "What happened, in neutral words."


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code == code


@dataclass
class Carrying:
    world: World
    referring: Referring

    @property
    def desk(self) -> HandOverDesk:
        return hand_over_desk(self.world)

    def signed(self, priority: str = "P2", case_id: str = "", *, urgent: bool = False) -> Referral:
        """Written, and signed off by a second person; an urgent one by nobody yet."""
        begun = self.referring.desk.begin(case_id or self.referring.decided(), "robin", AGENCY)
        known = {fact.name for fact in self.referring.draft(begun).facts if fact.included}
        added = [NewFact("incident.summary", SUMMARY, 1)] if "incident.summary" not in known else []
        if self.referring.kind is AgencyKind.NCA:
            added.append(NewFact("incident.priority", priority, 1))
        if urgent:
            added.append(NewFact("incident.urgent_reason", "a reason for urgency", 1))
        self.referring.saved(begun, "robin", *added, urgent=urgent)
        proposed = self.referring.desk.propose(begun.referral_id, "robin", self.referring.digest(begun))
        if urgent:
            return proposed
        return self.referring.desk.approve(begun.referral_id, "kim", self.referring.digest(proposed))

    def take(self, referral: Referral, by: str = "robin") -> zipfile.ZipFile:
        out = io.BytesIO()
        self.desk.take(referral.referral_id, by, out)
        return zipfile.ZipFile(io.BytesIO(unseal(out.getvalue(), [str(IDENTITY)])))

    def now(self, referral: Referral) -> Referral:
        with self.world.store.read() as tx:
            found = tx.referral(referral.referral_id)
        assert found is not None
        return found

    def alarms(self) -> list[str]:
        return [alarm.what for alarm in Alarms(self.world.store, self.world.clock, HOUR_MS).all()]


@pytest.fixture(params=[AgencyKind.NCA, AgencyKind.POLICE])
def carrying(world: World, request: pytest.FixtureRequest) -> Carrying:
    return Carrying(world, Referring(world, kind=request.param, send=sender(world).send, recipient=RECIPIENT))


@pytest.fixture
def to_nca(world: World) -> Carrying:
    return Carrying(world, Referring(world, kind=AgencyKind.NCA, send=sender(world).send, recipient=RECIPIENT))


def test_it_is_taken_sealed_and_the_agency_then_has_it(carrying: Carrying) -> None:
    referral = carrying.signed()
    document = json.loads(carrying.take(referral).read("referral.json"))
    assert document["referral"]["signed_off_by"] == "kim"
    assert [one["event_id"] for one in document["conversation"]["messages"]] != []
    assert all(len(one["event_sha256"]) == 64 for one in document["conversation"]["messages"])
    assert carrying.now(referral).state is ReferralState.APPROVED  # taken is not arrived
    filed = carrying.desk.arrived(referral.referral_id, "robin", " NCA/2026/17 ")
    assert (filed.state, filed.reference, filed.finished_at) == (
        ReferralState.FILED,
        "NCA/2026/17",
        carrying.world.clock.at,
    )
    carrying.take(referral)  # and again: they may have lost it
    with carrying.world.store.read() as tx:
        kinds = [entry.kind for entry in tx.log_of(referral.case_id)]
        submission = tx.submission_of(referral.referral_id)
    assert kinds.count(LogKind.REFERRAL_PACKAGED) == 2
    assert kinds.count(LogKind.REFERRAL_FILED) == kinds.count(LogKind.SUBMISSION_FINISHED) == 1
    assert submission is not None
    assert (submission.state, submission.by_hand) == (SubmissionState.FINISHED, True)
    carrying.world.audit()
    for statement in (
        "UPDATE referrals SET reference = 'another'",
        "UPDATE submissions SET by_hand = NOT by_hand",
        "UPDATE submissions SET state = 'queued'",
        "UPDATE referrals SET finished_at = NULL",
    ):
        assert found_by_audit(carrying.world, statement), statement


def test_nothing_is_taken_unseen_before_it_is_signed_or_after_it_was_taken_back(to_nca: Carrying) -> None:
    draft = to_nca.referring.begun()
    with refused("not_signed"):
        to_nca.desk.take(draft.referral_id, "robin", io.BytesIO())
    to_nca.referring.desk.withdraw(draft.referral_id, "robin", "begun anew")
    referral = to_nca.signed(case_id=draft.case_id)
    to_nca.desk.retract(referral.referral_id, "robin", "it was a mistake")
    assert to_nca.now(referral).state is ReferralState.WITHDRAWN
    with refused("not_signed"):
        to_nca.desk.take(referral.referral_id, "robin", io.BytesIO())
    with refused("already_retracted"):
        to_nca.desk.retract(referral.referral_id, "robin", "again")
    with refused("already_retracted"):
        to_nca.desk.arrived(referral.referral_id, "robin", "1")
    with refused("referral_not_found"):
        to_nca.desk.take("referral_x", "robin", io.BytesIO())
    with to_nca.world.store.read() as tx:
        assert LogKind.REFERRAL_PACKAGED not in [entry.kind for entry in tx.log_of(referral.case_id)]
    to_nca.world.audit()


def test_package_of_an_overturned_case_is_not_taken_and_what_was_taken_can_arrive(to_nca: Carrying) -> None:
    referral = to_nca.signed()
    to_nca.take(referral)
    to_nca.world.second_look.overturn(referral.case_id, "alex", Outcome.NO_VIOLATION, "somebody else's account")
    with refused("overturned"):
        to_nca.desk.take(referral.referral_id, "robin", io.BytesIO())
    to_nca.desk.arrived(referral.referral_id, "robin", "NCA/2026/17")
    to_nca.world.audit()


def test_what_nobody_took_has_not_arrived(to_nca: Carrying) -> None:
    referral = to_nca.signed()
    with refused("not_handed_over"):
        to_nca.desk.arrived(referral.referral_id, "robin", "NCA/1")
    to_nca.take(referral)
    for nothing in ("", "  ", "x" * 201, "two\nlines", "\x00"):
        with refused("reference_missing"):
            to_nca.desk.arrived(referral.referral_id, "robin", nothing)
    to_nca.desk.arrived(referral.referral_id, "robin", "NCA/1")
    with refused("already_filed"):
        to_nca.desk.arrived(referral.referral_id, "robin", "NCA/2")
    with refused("already_filed"):
        to_nca.desk.retract(referral.referral_id, "robin", "too late")


@pytest.mark.parametrize(("priority", "hours"), [("P1", 1), ("P2", 24), ("P3", 72)])
def test_each_priority_has_a_clock_of_its_own_and_then_an_alarm(to_nca: Carrying, priority: str, hours: int) -> None:
    referral = to_nca.signed(priority)
    to_nca.take(referral)
    to_nca.world.clock.at += hours * HOUR_MS
    assert to_nca.alarms() == []
    to_nca.world.clock.at += 1
    assert to_nca.alarms() == ["is overdue: nobody has said that the agency has its package"]
    to_nca.desk.arrived(referral.referral_id, "robin", "NCA/1")
    assert to_nca.alarms() == []


def test_an_urgent_one_is_taken_at_once_and_reviewed_after(to_nca: Carrying) -> None:
    referral = to_nca.signed("P1", urgent=True)
    document = json.loads(to_nca.take(referral).read("referral.json"))
    assert (document["referral"]["urgent"], document["referral"]["signed_off_by"]) == (True, "")
    to_nca.desk.arrived(referral.referral_id, "robin", "NCA/1")
    to_nca.world.clock.at += HOUR_MS + 1
    assert to_nca.alarms() == ["went out as urgent and was not reviewed"]
    to_nca.referring.desk.review(referral.referral_id, "kim", "it is right")
    assert to_nca.alarms() == []
    to_nca.world.audit()


def test_the_evidence_bundle_that_approvers_signed_goes_along(to_nca: Carrying) -> None:
    referral, world = to_nca.signed(), to_nca.world
    assert "evidence.bundle" not in to_nca.take(referral).namelist()
    for name, key in APPROVERS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    bundle = world.referrer.propose(referral.case_id, "robin", AGENCY, "a law", [world.abusive])
    assert "evidence.bundle" not in to_nca.take(referral).namelist()  # nobody has signed it
    attestation = world.referrer.referral(bundle.referral_id).attestation
    for key in APPROVERS.values():
        world.referrer.approve(bundle.referral_id, approve(attestation, key))
    data = to_nca.take(referral).read("evidence.bundle")
    assert set(verify_bundle(data).approved_by) == {"alex", "billie"}
    assert world.referrer.referral(bundle.referral_id).state is ReferralState.EXPORTED
    # Another key of the agency: what was signed for the old one does not go to it.
    other = str(pyrage.x25519.Identity.generate().to_public())
    moved = replace(to_nca.now(referral), agency=replace(referral.agency, recipient=other))
    assert to_nca.desk.bundle(moved) is None
    world.audit()


def test_it_waits_with_the_erasure_until_it_has_arrived(to_nca: Carrying) -> None:
    referral, world = to_nca.signed(), to_nca.world
    to_nca.take(referral)

    def sweep() -> list[Record]:
        for days in (800, 8):
            world.clock.at += days * 24 * HOUR_MS
            world.eraser.sweep()
        return list(world.desk.case(referral.case_id, "robin").erased)

    assert sweep() == []
    to_nca.desk.arrived(referral.referral_id, "robin", "NCA/1")
    assert Record.CASE_EVIDENCE in sweep()
    with refused("erased"):
        to_nca.desk.take(referral.referral_id, "robin", io.BytesIO())
    assert to_nca.now(referral).reference == "NCA/1"
    world.audit()


def test_a_sink_that_breaks_is_not_logged_as_taken(to_nca: Carrying) -> None:
    referral = to_nca.signed()

    class Broken(io.BytesIO):
        def write(self, _data: Any, /) -> int:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        to_nca.desk.take(referral.referral_id, "robin", Broken())
    with to_nca.world.store.read() as tx:
        assert LogKind.REFERRAL_PACKAGED not in [entry.kind for entry in tx.log_of(referral.case_id)]


def test_of_two_people_who_say_that_it_arrived_one_is_believed(carrying: Carrying) -> None:
    referral = carrying.signed()
    carrying.take(referral)
    said: list[str] = []

    def say(number: int) -> None:
        try:
            said.append(carrying.desk.arrived(referral.referral_id, "robin", f"NCA/{number}").reference)
        except RefusedError as e:
            said.append(e.code)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("already_filed") == 3
    assert carrying.now(referral).reference in said
    carrying.world.audit()
