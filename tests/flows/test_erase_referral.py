"""What a referral says goes with the evidence it rests on, not before it has arrived, and the audit knows of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from nightlight.errors import RefusedError
from nightlight.flows.send_referral import Sender, filed, taken_back
from nightlight.flows.submit import Submitter
from nightlight.model.draft import Draft
from nightlight.model.referral import Referral, ReferralState
from nightlight.model.retention import Record
from tests.flows.handing_over import CLOCK
from tests.flows.referring import Referring
from tests.flows.submitting import PictureDocuments, connected
from tests.flows.tampering import found_by_audit
from tests.simulators.cybertipline import SimulatedTipline, simulated_tipline
from tests.world import NOTICE_MS, World

DAY_MS = 86_400_000
SUMMARY = "What happened, in neutral words that only this referral has."


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedTipline]:
    with simulated_tipline(tmp_path_factory.mktemp("tipline")) as agency:
        yield agency


def submitter_of(world: World, agency: SimulatedTipline) -> Submitter:
    return Submitter(
        world.store, connected(agency.url), lambda one: PictureDocuments(one.referral_id), world.clock, world.new_id,
        filed, taken_back,
    )  # fmt: skip


def signed(world: World, agency: SimulatedTipline) -> Referral:
    """Signed off and on its way to the agency."""
    sender = Sender(lambda: submitter_of(world, agency), CLOCK, world.new_id)
    referring = Referring(world, send=sender.send)
    referral = referring.begun()
    proposed = referring.desk.propose(referral.referral_id, "robin", referring.digest(referral))
    return referring.desk.approve(referral.referral_id, "kim", referring.digest(proposed))


def sweep_after(world: World, days: int) -> None:
    world.clock.at += days * DAY_MS
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    world.eraser.sweep()


def gone(world: World, case_id: str) -> list[Record]:
    return list(world.desk.case(case_id, "robin").erased)


def sealed_drafts(world: World) -> list[tuple[object, object]]:
    with world.store.engine.connect() as connection:
        rows = connection.execute(text("SELECT draft, sealed_draft FROM referrals"))
        return [(row.draft, row.sealed_draft) for row in rows]


def test_case_stays_until_its_referral_has_arrived(world: World, agency: SimulatedTipline) -> None:
    referring = Referring(world)
    draft = referring.begun()
    sweep_after(world, 4_000)
    assert gone(world, draft.case_id) == []  # somebody writes at it
    proposed = referring.desk.propose(draft.referral_id, "robin", referring.digest(draft))
    sweep_after(world, 4_000)
    assert gone(world, draft.case_id) == []
    referring.desk.withdraw(proposed.referral_id, "robin", "it was a mistake")
    sweep_after(world, 40)
    assert Record.CASE_EVIDENCE in gone(world, draft.case_id)
    world.audit()


def test_failed_submission_is_waited_for(world: World, agency: SimulatedTipline) -> None:
    referral = signed(world, agency)
    sweep_after(world, 4_000)
    assert gone(world, referral.case_id) == []


def test_what_a_filed_referral_said_goes_with_the_evidence_and_its_number_stays_longest(
    world: World, agency: SimulatedTipline
) -> None:
    referral = signed(world, agency)
    submitter_of(world, agency).run_due()
    desk = Referring(world).desk
    sheet = desk.sheet(referral.referral_id)
    assert sheet.referral.state is ReferralState.FILED
    assert sheet.referral.finished_at == world.clock.at
    number = sheet.referral.reference
    ((_, sealed),) = sealed_drafts(world)
    assert sealed is not None
    world.audit()

    sweep_after(world, 350)  # preserved for a year from then on
    assert Record.CASE_EVIDENCE not in gone(world, referral.case_id)
    sweep_after(world, 10)
    assert Record.CASE_EVIDENCE in gone(world, referral.case_id)
    ((draft, sealed),) = sealed_drafts(world)
    assert (draft is None, sealed) == (False, None)
    emptied = desk.sheet(referral.referral_id)
    assert emptied.draft == Draft()
    assert emptied.referral.reference == number  # a follow-up can still name it
    assert emptied.submission is not None
    world.audit()
    for statement in (
        "UPDATE referrals SET finished_at = finished_at - 1",
        "UPDATE referrals SET reference = '1'",
        "UPDATE referrals SET draft = NULL",
        "UPDATE submissions SET report_id = 1",
        "UPDATE submissions SET agency = ''",
    ):
        assert found_by_audit(world, statement), statement
    with pytest.raises(RefusedError, match="erased"):
        desk.begin(referral.case_id, "robin", "NCMEC CyberTipline")

    sweep_after(world, 800)
    assert Record.REFERRAL_RECORD in gone(world, referral.case_id)
    world.audit()
    sweep_after(world, 1_400)
    assert gone(world, referral.case_id) == list(Record)
    with world.store.read() as tx:
        left, submission = tx.referral(referral.referral_id), tx.submission_of(referral.referral_id)
    assert left is not None
    assert submission is not None
    assert (left.agency.name, left.reference, left.proposed_by, left.reviewed_by) == ("", "", "", "")
    assert (submission.agency, submission.report_id, submission.files, submission.request_ids) == ("", None, (), ())
    world.audit()
