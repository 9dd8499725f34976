"""The document says what the draft says to this agency, with what each thing rests on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from nightlight.adapters.packages.document import document_json, package_document
from nightlight.errors import RefusedError
from nightlight.model.draft import BASES, AgencyKind, Basis, Fact
from nightlight.respond.referral_fields import FIELDS
from tests.adapters.packages import made

KINDS = (AgencyKind.NCA, AgencyKind.IWF, AgencyKind.POLICE)


def facts_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [fact for section in document["sections"] for fact in section["facts"]]


def fact(name: str, value: str, **changes: Any) -> Fact:
    return replace(Fact(name, value, Basis.REVIEWER, "robin"), **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fact_says_where_it_goes_and_what_it_rests_on(kind: AgencyKind) -> None:
    document = package_document(made.package(kind))
    assert document["format"] == "nightlight-referral/1"
    assert facts_of(document)
    for told in facts_of(document):
        assert told["place"] == FIELDS[told["field"]].places[kind]
        assert told["title"] == FIELDS[told["field"]].title
        assert told["basis_words"] == BASES[Basis(told["basis"])]
        assert told["person"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_not_for_the_agency_never_reaches_it(kind: AgencyKind) -> None:
    everything = tuple(fact(name, f"value-of-{name}-") for name in FIELDS)
    text = document_json(package_document(made.package(kind, everything))).decode()
    for name, field in FIELDS.items():
        assert (f"value-of-{name}-" in text) is (kind in field.places), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_that_was_taken_out_is_nowhere(kind: AgencyKind) -> None:
    out = tuple(fact(name, f"secret-of-{name}-", origin=f"origin-of-{name}-", included=False) for name in FIELDS)
    text = document_json(package_document(made.package(kind, out))).decode()
    assert "secret-of-" not in text
    assert "origin-of-" not in text


def test_an_origin_cannot_name_what_was_left_out() -> None:
    facts = (
        fact("suspect.account_id", made.MALLORY, basis=Basis.PROVEN, origin="$left-out"),
        fact("victim.age_band", "13 to 15", basis=Basis.AGE, origin="declared for @left-out:town.example"),
        fact("suspect.email", "a@example.org", basis=Basis.HOMESERVER, origin="@left-out:town.example"),
    )
    document = package_document(made.package(AgencyKind.NCA, facts))
    assert "left-out" not in document_json(document).decode()
    assert facts_of(document)[-1]["assurance"] == "declared"


def test_a_proven_fact_names_the_message_that_proves_it_where_that_goes_along() -> None:
    assert {fact.get("proven_by") for fact in facts_of(package_document(made.package()))} == {None, "$one"}


def test_the_nca_reads_by_the_paragraphs_of_schedule_1_and_urgency_first() -> None:
    sections = package_document(made.package())["sections"]
    assert [(one["title"], one["place"]) for one in sections] == [
        ("Priority", "Regulation 14 (priority assessment)"),
        ("Incident", "Schedule 1, paragraph 2"),
        ("Reported account", "Schedule 1, paragraph 4"),
        ("Child", "Schedule 1, paragraph 3"),
    ]


def test_police_read_by_headings_and_each_person_apart() -> None:
    facts = (*made.FACTS, fact("suspect.account_id", "@other:town.example", person=2))
    sections = package_document(made.package(AgencyKind.POLICE, facts))["sections"]
    titles = ["Urgency", "Incident", "Reported account 1", "Reported account 2", "Child"]
    assert [one["title"] for one in sections] == titles


def test_the_nca_is_told_the_priority_in_words_and_who_signed() -> None:
    referral = package_document(made.package())["referral"]
    assert (referral["priority"], referral["priority_words"]) == ("P1", "A child in immediate danger")
    assert (referral["signed_off_by"], referral["signed_off_at"]) == ("kim", "2026-09-21T16:13:20Z")
    assert referral["legal_basis"] == "Online Safety Act 2023, section 66"
    assert referral["decision"]["rule"] == "child_safety.grooming"
    assert "[reason of the decision]" not in json.dumps(referral)


def test_the_iwf_has_the_form_and_nothing_else() -> None:
    document = package_document(made.package(AgencyKind.IWF))
    places = {fact["place"] for fact in facts_of(document)}
    assert places == {"Category", "Date seen", "Service", "Description", "Address of the content"}
    assert not document.keys() & {"conversation", "files", "bundle"}
    assert document["referral"].keys() == {"id", "agency"}
    text = document_json(document).decode()
    for hidden in ("abusive message", "$one", "shape.png", "file-1", "case_1", "kim", made.MALLORY, "[a reply]"):
        assert hidden not in text


def test_ncmec_takes_no_package() -> None:
    with pytest.raises(RefusedError) as caught:
        package_document(made.package(AgencyKind.NCMEC))
    assert caught.value.code == "no_package"


def test_messages_stand_one_by_one_with_the_digest_of_each_stored_event() -> None:
    package = made.package()
    conversation = package_document(package)["conversation"]
    assert [one["event_id"] for one in conversation["messages"]] == ["$one", "$two", "$three"]
    assert conversation["messages"][0]["event_sha256"] == hashlib.sha256(b"$one").hexdigest()
    assert conversation["sha256"] == hashlib.sha256(package.prepared.files[0].text).hexdigest()
    assert conversation["text"] == package.prepared.transcript


def test_a_file_is_told_with_all_its_digests_and_whether_anybody_looked() -> None:
    (told,) = package_document(made.package(files=(made.file(original_name="../\u202eshape.png"),)))["files"]
    assert told["sha256"] == hashlib.sha256(made.SHAPE).hexdigest()
    assert (len(told["sha1"]), len(told["md5"]), told["size"]) == (40, 32, len(made.SHAPE))
    assert (told["original_name"], told["viewed"], told["relevance"]) == ("shape.png", False, "reported")


def test_what_is_missing_says_whether_it_is_known() -> None:
    found = package_document(made.package())["completeness"]
    states = {(one["field"], one["state"]) for one in found["missing"]}
    assert ("victim.email", "known and left out") in states
    assert ("suspect.email", "not known") in states
    assert 0 < found["score"] < 100
    assert all(one["why"] and one["title"] for one in found["missing"])


def test_what_is_not_proven_is_said_only_about_what_is_there() -> None:
    proof = package_document(made.package(facts=(), lines=(), files=()))["proof"]
    assert proof["proven"] == []
    assert len(proof["not_proven"]) == 1
    whole = package_document(made.package(bundle=b"bundle"))["proof"]
    assert any("nightlight verify" in sentence for sentence in whole["proven"])
    assert not any("no evidence bundle" in sentence for sentence in whole["not_proven"])


def test_values_are_exact_and_show_nothing_in_a_reader_of_text() -> None:
    hostile = "a\x00\x1b[31m\u202e\u200b\ud800<script>=1+1"
    package = made.package(facts=(fact("incident.summary", hostile),), case_id="case\ud800")
    written = document_json(package_document(package))
    assert written.isascii()
    assert b"\x1b" not in written
    (told,) = facts_of(json.loads(written))
    assert told["value"] == hostile.replace("\ud800", "⟦U+D800⟧")


def test_the_same_package_is_the_same_document() -> None:
    assert document_json(package_document(made.package())) == document_json(package_document(made.package()))
