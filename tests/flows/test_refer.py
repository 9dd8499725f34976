"""Referring a case: attested once, approved by enough people, sealed, and never unseen. On SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.adapters.age import unseal
from nightlight.adapters.timestamp import TimestampAuthority as Adapter
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.bundle.attestation import approve, open_attestation
from nightlight.evidence.bundle.container import read_members
from nightlight.evidence.bundle.files import open_file
from nightlight.evidence.bundle.report import Held
from nightlight.evidence.bundle.trust import Trust
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.log import LogKind
from nightlight.flows.refer import bundle_of
from nightlight.model.case import Outcome, Policy
from nightlight.model.referral import Referral, ReferralState
from tests.loopback import served
from tests.simulators.timestamp_authority import TimestampAuthority
from tests.world import World

IDENTITY = pyrage.x25519.Identity.generate()
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ("alex", "billie", "charlie")}
BASIS = "an example of a legal basis"


def decided(world: World, *, outcome: Outcome = Outcome.VIOLATION) -> str:
    """A case of three messages, decided; with an agency and three approvers."""
    world.people.add_agency("Example Agency", str(IDENTITY.to_public()), "test")
    for name, key in KEYS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    case_id = world.report(world.opening, world.abusive).report.case_id or ""
    policy = Policy.CHILD_GROOMING if outcome is Outcome.VIOLATION else Policy.NONE
    world.desk.decide(case_id, "robin", outcome, policy, "what was found", [])
    return case_id


def propose(world: World, case_id: str, chosen: Sequence[str] | None = None) -> Referral:
    events = [world.opening, world.abusive] if chosen is None else chosen
    return world.referrer.propose(case_id, "robin", "Example Agency", BASIS, events)


def approved(world: World, referral: Referral, *names: str) -> Referral:
    for name in names:
        referral = world.referrer.approve(referral.referral_id, approve(referral.attestation, KEYS[name]))
    return referral


def opened(data: bytes) -> bytes:
    return unseal(data, [str(IDENTITY)])


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code == code


def test_referred_case_becomes_a_bundle_that_only_the_agency_opens_and_anybody_can_check(world: World) -> None:
    referral = approved(world, propose(world, decided(world)), "alex", "charlie")
    assert referral.state is ReferralState.APPROVED
    handed = world.referrer.export(referral.referral_id, "robin")
    assert b"[abusive message 1]" not in handed.data
    with refused("identity_wrong"):
        unseal(handed.data, [str(pyrage.x25519.Identity.generate())])
    trust = Trust(operators=(world.referrer.operator.key.public_key().public_bytes_raw(),))
    report = verify_bundle(opened(handed.data), trust)
    assert [shown.message.body for shown in report.messages if shown.message] == ["[opening]", "[abusive message 1]"]
    assert report.approved_by == ("alex", "charlie")
    assert report.pinned
    open_steps = [step.name for step in report.steps if step.held is not Held.YES]
    assert open_steps == ["No time-stamp"]  # the homeserver's signature was checked
    assert world.audit().head.number > 0


def test_message_that_was_not_chosen_leaves_no_key_and_no_text(world: World) -> None:
    case_id = decided(world)
    referral = approved(world, propose(world, case_id, [world.abusive]), "alex", "billie")
    data = bundle_of(referral)
    (shown,) = verify_bundle(data).messages
    assert shown.event_id == world.abusive
    ciphertext = world.homeserver.events[world.opening]["content"]["ciphertext"]
    for secret in (world.key(world.opening), b"[opening]", ciphertext.encode()):
        assert secret not in data
    assert json.loads(read_members(data)["reports.json"])[0]["messages_left_out"] == 1


def test_what_is_left_out_in_between_is_counted(world: World) -> None:
    world.people.add_agency("Example Agency", str(IDENTITY.to_public()), "test")
    for name, key in KEYS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    later = [world.homeserver.say(world.room, world.mallory, f"[message {n}]") for n in range(4)]
    case_id = world.report(world.opening, later[0], later[3]).report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    referral = approved(world, propose(world, case_id, [world.opening, later[3]]), "alex", "billie")
    shown = verify_bundle(bundle_of(referral)).messages
    # abusive, reply, and the first, second and third of the later ones
    assert [item.omitted for item in shown] == [None, 5]


def test_too_few_approvals_hand_nothing_out(world: World) -> None:
    referral = propose(world, decided(world))
    for names in ((), ("alex",), ("alex",)):
        approved(world, referral, *names)
        with refused("not_approved"):
            world.referrer.export(referral.referral_id, "robin")


def test_same_approver_twice_counts_once(world: World) -> None:
    referral = approved(world, propose(world, decided(world)), "alex", "alex", "alex")
    assert len(referral.approvals) == 1


def test_stranger_cannot_approve(world: World) -> None:
    referral = propose(world, decided(world))
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    with refused("signature_unknown_key"):
        world.referrer.approve(referral.referral_id, approve(referral.attestation, stranger))


def test_approval_of_another_referral_does_not_count(world: World) -> None:
    case_id = decided(world)
    one, other = propose(world, case_id), propose(world, case_id, [world.abusive])
    with refused("signature_wrong"):
        world.referrer.approve(other.referral_id, approve(one.attestation, KEYS["alex"]))


def test_approver_who_came_later_does_not_count_for_what_was_attested_before(world: World) -> None:
    referral = propose(world, decided(world))
    late = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
    world.people.add_approver("late", late.public_key().public_bytes_raw(), "test")
    with refused("signature_unknown_key"):
        world.referrer.approve(referral.referral_id, approve(referral.attestation, late))


def test_one_key_cannot_be_two_approvers(world: World) -> None:
    decided(world)
    with refused("public_key_taken"):
        world.people.add_approver("alex again", KEYS["alex"].public_key().public_bytes_raw(), "test")


def test_every_step_of_a_referral_stands_in_the_log(world: World) -> None:
    case_id = decided(world)
    referral = approved(world, propose(world, case_id), "alex", "billie")
    world.referrer.export(referral.referral_id, "robin")
    world.referrer.export(referral.referral_id, "kim")
    log = world.desk.case(case_id, "robin").log
    steps = [(entry.kind, entry.actor) for entry in log if entry.kind.startswith("referral.")]
    assert steps == [
        (LogKind.REFERRAL_PROPOSED, "robin"),
        (LogKind.REFERRAL_APPROVED, "alex"),
        (LogKind.REFERRAL_APPROVED, "billie"),
        (LogKind.REFERRAL_EXPORTED, "robin"),
        (LogKind.REFERRAL_EXPORTED, "kim"),
    ]


def test_export_that_cannot_be_logged_hands_nothing_out(world: World) -> None:
    referral = approved(world, propose(world, decided(world)), "alex", "billie")
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE log_head SET number = number + 1")
    with refused("log_broken"):
        world.referrer.export(referral.referral_id, "robin")


def test_same_bundle_comes_out_every_time(world: World) -> None:
    referral = approved(world, propose(world, decided(world)), "billie", "alex")
    again = world.referrer.referral(referral.referral_id)
    assert bundle_of(referral) == bundle_of(again)
    first, second = (world.referrer.export(referral.referral_id, "robin").data for _ in range(2))
    assert opened(first) == opened(second)
    assert first != second  # sealed anew each time


@pytest.mark.parametrize("outcome", [Outcome.NO_VIOLATION, Outcome.INSUFFICIENT])
def test_only_a_violation_is_referred(world: World, outcome: Outcome) -> None:
    case_id = decided(world, outcome=outcome)
    with refused("no_violation"):
        propose(world, case_id)


def test_overturned_case_hands_nothing_out_whatever_was_begun(world: World) -> None:
    case_id = decided(world)
    proposed, ready = propose(world, case_id), approved(world, propose(world, case_id), "alex", "billie")
    handed = approved(world, propose(world, case_id), "alex", "billie")
    world.referrer.export(handed.referral_id, "robin")
    world.second_look.overturn(case_id, "kim", Outcome.NO_VIOLATION, "somebody else's account")
    with refused("overturned"):
        propose(world, case_id)
    with refused("overturned"):
        approved(world, proposed, "alex")
    for referral in (ready, handed):
        with refused("overturned"):
            world.referrer.export(referral.referral_id, "robin")
    world.audit()


def test_open_case_is_not_referred(world: World) -> None:
    decided(world)
    case_id = world.report(world.reply, by=world.mallory).report.case_id or ""
    with refused("not_decided"):
        propose(world, case_id, [world.reply])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"agency": "Nobody"}, "agency_not_found"),
        ({"legal_basis": "  "}, "legal_basis_missing"),
        ({"legal_basis": "x" * 2_001}, "legal_basis_missing"),
        ({"chosen": []}, "nothing_chosen"),
        ({"chosen": ["$elsewhere"]}, "message_not_found"),
        ({"case_id": "case_none"}, "case_not_found"),
    ],
    ids=str,
)
def test_referral_that_does_not_hold_together_is_refused(world: World, change: dict[str, object], code: str) -> None:
    case_id = decided(world)
    values = {"case_id": case_id, "reviewer": "robin", "agency": "Example Agency", "legal_basis": BASIS}
    with refused(code):
        world.referrer.propose(**{**values, "chosen": [world.abusive], **change})  # type: ignore[arg-type]


def test_unproven_message_alone_is_not_referred(world: World) -> None:
    decided(world)
    event = world.homeserver.say(world.room, world.mallory, "[abusive message 9]")
    case_id = world.report(event, keys=False).report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    with refused("nothing_chosen"):
        propose(world, case_id, [event])


def test_removed_approvers_make_it_too_few(world: World) -> None:
    case_id = decided(world)
    world.people.remove_approver("alex", "test")
    world.people.remove_approver("billie", "test")
    with refused("too_few_approvers"):
        propose(world, case_id)


def test_homeserver_that_is_away_does_not_hold_a_referral_up(world: World) -> None:
    case_id = decided(world)
    world.homeserver.down = True
    referral = approved(world, propose(world, case_id), "alex", "billie")
    report = verify_bundle(bundle_of(referral))
    assert "The sending server's own signature" in [s.name for s in report.steps if s.held is Held.OPEN]


def test_time_stamp_authority_that_is_away_delays_the_export_and_loses_nothing(world: World) -> None:
    class Away:
        def stamp(self, message: bytes) -> bytes:
            raise UnavailableError("timestamp_unreachable", f"away, {len(message)} bytes unstamped")

    referral = approved(world, propose(world, decided(world)), "alex", "billie")
    world.stamper = Away()
    with pytest.raises(UnavailableError):
        world.referrer.export(referral.referral_id, "robin")
    world.stamper = None
    assert world.referrer.export(referral.referral_id, "robin").data


def test_hand_over_is_time_stamped_once_and_the_stamp_stays_with_it(world: World, tmp_path: Path) -> None:
    authority = TimestampAuthority(tmp_path)
    with served(authority.app) as url:
        world.clock.at = int(time.time() * 1000)
        referral = approved(world, propose(world, decided(world)), "alex", "billie")
        world.stamper = Adapter(f"{url}/", (authority.root_pem,))
        first = opened(world.referrer.export(referral.referral_id, "robin").data)
        again = opened(world.referrer.export(referral.referral_id, "robin").data)
    assert first == again
    assert len(authority.queries) == 1
    report = verify_bundle(first, Trust(stamp_roots=(authority.root_pem,)))
    assert report.stamp is not None
    assert report.stamp.trusted
    with world.store.read() as tx:
        kinds = [entry.kind for entry in tx.log_of(referral.case_id)]
    assert kinds.count(LogKind.REFERRAL_TIMESTAMPED) == 1


def test_files_of_the_chosen_messages_go_along_where_they_were_kept(world: World) -> None:
    pictures = [world.homeserver.upload(shape) for shape in (b"a circle", b"a square", b"a triangle")]
    events = [world.homeserver.send_file(world.room, world.mallory, picture) for picture in pictures]
    world.people.add_agency("Example Agency", str(IDENTITY.to_public()), "test")
    for name, key in KEYS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    case_id = world.report(*events).report.case_id or ""
    assert world.checker.run_due() == 3
    found = world.desk.case(case_id, "robin").attachments
    for event in (events[0], events[2]):
        world.desk.keep_attachment(case_id, event, found[event][0].attachment.attachment_id, "robin", "for the agency")
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    data = bundle_of(approved(world, propose(world, case_id, events[:2]), "alex", "billie"))
    report = verify_bundle(data)
    assert [(file.number, file.proven, file.code, file.match) for file in report.files] == [
        (1, True, "matches_event", "no_list"),
        (2, False, "matches_event", "no_list"),
    ]
    assert [file.digests.sha256 for file in report.files if file.digests] == [
        hashlib.sha256(shape).digest() for shape in (b"a circle", b"a square")
    ]
    members = read_members(data)
    assert [name for name in members if name.startswith("attachments/")] == ["attachments/0001.bin"]
    message = report.messages[0].message
    assert message is not None
    assert open_file(message, report.files[0], members["attachments/0001.bin"]) == b"a circle"
    # Of the third, which was kept but not chosen, there is nothing.
    assert world.homeserver.blobs[pictures[2]["url"]] not in data
    assert pictures[2]["hashes"]["sha256"].encode() not in data


def test_a_kept_file_that_was_changed_since_is_not_handed_over(world: World) -> None:
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(b"a circle"))
    case_id = world.report(event).report.case_id or ""
    world.checker.run_due()
    attachment = world.desk.case(case_id, "robin").attachments[event][0].attachment
    kept = world.desk.keep_attachment(case_id, event, attachment.attachment_id, "robin", "for the agency")
    world.people.add_agency("Example Agency", str(IDENTITY.to_public()), "test")
    for name, key in KEYS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    assert kept.blob is not None
    world.kept_paths()[0].write_bytes(b"something else")
    with refused("vault_damaged"):
        propose(world, case_id, [event])


def test_attestation_names_what_was_decided_and_for_whom(world: World) -> None:
    attestation = open_attestation(propose(world, decided(world)).attestation)
    assert (attestation.agency, attestation.legal_basis, attestation.needed) == ("Example Agency", BASIS, 2)
    assert attestation.recipient == str(IDENTITY.to_public())
    assert {approver.name for approver in attestation.approvers} == set(KEYS)


@pytest.mark.parametrize("recipient", ["", "age1", "AGE-SECRET-KEY-1ABC", "age1" + "b" * 58])
def test_agency_without_a_good_key_is_refused(world: World, recipient: str) -> None:
    with refused("recipient_malformed"):
        world.people.add_agency("Example Agency", recipient, "test")


def test_operator_cannot_change_a_referral_unseen(world: World) -> None:
    referral = approved(world, propose(world, decided(world)), "alex", "billie")
    world.audit()
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE referrals SET agency = 'Somebody else'")
    with refused("record_changed"):
        world.audit()
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE referrals SET agency = 'Example Agency'")
        connection.exec_driver_sql("DELETE FROM approvals")
    with refused("record_changed"):
        world.audit()
    assert referral.approvals
