"""What goes to an agency: exactly what was chosen, opened from the evidence, and true about who looked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nightlight.adapters.cybertipline.documents import TiplineDocuments
from nightlight.adapters.cybertipline.fill import safe_file_name
from nightlight.adapters.cybertipline.schema import Schema
from nightlight.demo.pictures import a_red_circle
from nightlight.errors import RefusedError
from nightlight.flows.prepare_report import Preparation, Prepared
from nightlight.model.account import AgeBand
from nightlight.model.case import Outcome, Policy
from nightlight.model.referral import Referral
from nightlight.model.reporter import ReportingOperator
from nightlight.respond.draft_edit import NewFact
from tests.flows.referring import NCMEC, Referring, edit_of, seen
from tests.world import World

SCHEMA = Schema.own()
OPERATOR = ReportingOperator("Example Chat", "Alex", "Example", "safety@example.org", legal_url="https://example.org/l")
CIRCLE = a_red_circle()


@pytest.fixture
def referring(world: World) -> Referring:
    return Referring(world)


def preparation(world: World) -> Preparation:
    return Preparation(world.store, world.vault, 10_000_000)


def prepared(referring: Referring, referral: Referral) -> Prepared:
    return preparation(referring.world).prepare(referring.desk.sheet(referral.referral_id).referral)


def documents(referring: Referring, referral: Referral) -> TiplineDocuments:
    return TiplineDocuments(prepared(referring, referral), OPERATOR, SCHEMA, preparation(referring.world).content)


def with_a_picture(referring: Referring, name: str = "shape.png") -> Referral:
    """A draft of a case with one kept picture that nobody looked at."""
    world = referring.world
    world.people.add_agency(NCMEC, "", "test", referring.kind)
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(CIRCLE), filename=name)
    case_id = world.report(event).report.case_id or ""
    world.checker.run_due()
    (view,) = world.desk.case(case_id, "robin").attachments[event]
    world.desk.keep_attachment(case_id, event, view.attachment.attachment_id, "robin", "for the agency")
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_IMAGERY, "what was found", [])
    return referring.desk.begin(case_id, "robin", NCMEC)


def test_a_case_of_text_alone_becomes_a_report_with_the_text_and_what_proves_it(referring: Referring) -> None:
    world = referring.world
    made = documents(referring, referring.begun())
    made.validate()
    root = SCHEMA.check(made.report())
    content = root.findtext("internetDetails/chatImIncident/content")
    assert "[abusive message 1]" in content
    assert world.abusive in content
    assert made.files() == ("conversation.txt",)
    assert b"".join(made.content(0)).decode() == content
    assert root.findtext("personOrUserReported/espIdentifier") == world.mallory
    assert root.findtext("reporter/reportingPerson/firstName") == "Alex"


def test_nothing_that_was_not_chosen_goes_out(referring: Referring) -> None:
    world = referring.world
    referral = referring.begun()
    edit = edit_of(referring.draft(referral), messages=[world.abusive])
    referring.desk.save(referral.referral_id, "robin", edit, referring.digest(referral))
    made = documents(referring, referral)
    for data in (made.report(), b"".join(made.content(0))):
        assert b"[abusive message 1]" in data
        assert b"[opening]" not in data
        assert b"[a reply]" not in data
        assert world.key(world.abusive).hex().encode() not in data


def test_facts_that_were_taken_out_do_not_go(referring: Referring) -> None:
    world = referring.world
    referring.age(world.bob, AgeBand.AGE_13_15)
    referring.remember(world.bob, emails=("bob@example.org",), seen=(seen("192.0.2.99", world.clock.at),))
    report = documents(referring, referring.begun()).report()
    assert world.bob.encode() in report
    assert b"bob@example.org" not in report
    assert b"192.0.2.99" not in report


def test_whether_somebody_looked_is_what_the_log_says(referring: Referring) -> None:
    world = referring.world
    referral = referring.begun()
    assert prepared(referring, referral).files[0].viewed is False
    world.desk.reveal(referral.case_id, world.opening, "robin")
    assert prepared(referring, referral).files[0].viewed is False  # one of two
    world.desk.reveal(referral.case_id, world.abusive, "robin")
    assert prepared(referring, referral).files[0].viewed is True
    details = SCHEMA.check(documents(referring, referral).file_details(0, 1, "a"))
    assert details.findtext("fileViewedByEsp") == "true"
    assert details.findtext("exifViewedByEsp") == "false"


def test_a_kept_picture_goes_as_it_was_sent_and_as_unseen_although_its_message_was_read(referring: Referring) -> None:
    world = referring.world
    referral = with_a_picture(referring)
    (event,) = referring.draft(referral).messages
    world.desk.reveal(referral.case_id, event, "robin")
    made = documents(referring, referral)
    made.validate()
    assert b"".join(made.content(1)) == CIRCLE
    details = SCHEMA.check(made.file_details(1, 77, "f"))
    assert details.findtext("fileViewedByEsp") == "false"
    assert details.findtext("fileRelevance") == "Reported"
    assert len(details.findall("originalFileHash")) == 3
    assert details.findtext("originalFileName") == "shape.png"


def test_a_file_that_somebody_read_is_said_to_be_seen(referring: Referring) -> None:
    world = referring.world
    referral = with_a_picture(referring)
    (file,) = referring.draft(referral).files
    b"".join(world.kept_files.read(referral.case_id, file.event_id, file.attachment_id, "robin", "to classify it"))
    details = SCHEMA.check(documents(referring, referral).file_details(1, 1, "f"))
    assert details.findtext("fileViewedByEsp") == "true"


def test_a_file_that_was_taken_out_does_not_go(referring: Referring) -> None:
    referral = with_a_picture(referring)
    draft = referring.draft(referral)
    edit = edit_of(draft, files=[replace(file, included=False) for file in draft.files])
    referring.desk.save(referral.referral_id, "robin", edit, referring.digest(referral))
    assert documents(referring, referral).files() == ("conversation.txt",)


def test_a_kept_file_with_one_wrong_byte_is_not_sent(referring: Referring) -> None:
    made = documents(referring, with_a_picture(referring))
    (kept,) = [path for path in (Path(referring.world.folder.name) / "vault").rglob("*") if path.is_file()]
    data = bytearray(kept.read_bytes())
    data[-10] ^= 1
    kept.write_bytes(data)
    with pytest.raises(RefusedError) as caught:
        b"".join(made.content(1))
    assert caught.value.code == "vault_damaged"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("shape.png", "shape.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\a.exe", "a.exe"),
        ("a\x00b\u202egnp.exe", "abgnp.exe"),
        ("x" * 1000, "x" * 255),
        ("...", ""),
        ("\ud800.png", "png"),
        ('<b>"a"|?.png', "ba.png"),
    ],
)
def test_a_senders_name_for_a_file_cannot_lead_anywhere(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


def test_a_picture_with_a_hostile_name_still_makes_a_document(referring: Referring) -> None:
    referral = with_a_picture(referring, name="../\u202e\x00evil\\name.png")
    made = documents(referring, referral)
    made.validate()
    assert SCHEMA.check(made.file_details(1, 1, "f")).findtext("originalFileName") == "name.png"


def test_urgency_is_a_text_and_only_where_it_is_urgent(referring: Referring) -> None:
    referral = referring.begun()
    referring.saved(referral, "robin", NewFact("incident.urgent_reason", "[a meeting tomorrow]"))
    summary = "incidentSummary/escalateToHighPriority"
    assert SCHEMA.check(documents(referring, referral).report()).findtext(summary) is None
    referring.saved(referral, "robin", urgent=True)
    assert SCHEMA.check(documents(referring, referral).report()).findtext(summary) == "[a meeting tomorrow]"


def test_several_victims_become_several_elements(referring: Referring) -> None:
    referral = referring.begun()
    referring.saved(
        referral,
        "robin",
        NewFact("victim.account_id", "@one:town.example", 1),
        NewFact("victim.age", "12", 1),
        NewFact("victim.account_id", "@two:town.example", 2),
        NewFact("suspect.prior_report", "1001"),
        NewFact("suspect.country", "GB"),
    )
    root = SCHEMA.check(documents(referring, referral).report())
    assert [one.findtext("espIdentifier") for one in root.findall("victim")] == [
        "@one:town.example",
        "@two:town.example",
    ]
    assert root.findtext("victim/victimPerson/age") == "12"
    assert root.findtext("personOrUserReported/priorCTReports") == "1001"
    assert root.findtext("personOrUserReported/estimatedLocation/countryCode") == "GB"


def test_a_message_that_cannot_be_carried_by_xml_is_carried_by_its_number(referring: Referring) -> None:
    world = referring.world
    odd = world.homeserver.say(world.room, world.mallory, "a\x00b\x1b[31m\u202ec")
    world.people.add_agency(NCMEC, "", "test", referring.kind)
    case_id = world.report(odd).report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    made = documents(referring, referring.desk.begin(case_id, "robin", NCMEC))
    made.validate()
    content = SCHEMA.check(made.report()).findtext("internetDetails/chatImIncident/content")
    assert "a⟦U+0000⟧b⟦U+001B⟧[31m⟦U+202E⟧c" in content
