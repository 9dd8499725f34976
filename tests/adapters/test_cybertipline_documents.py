"""Documents for the CyberTipline: whatever the model can hold is what the schema asks for, in its order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from nightlight.adapters.cybertipline import samples
from nightlight.adapters.cybertipline.account import IntendedRecipient, PersonOrUserReported, Victim
from nightlight.adapters.cybertipline.contact import Address, EstimatedLocation, IpCaptureEvent, Person
from nightlight.adapters.cybertipline.elements import Place, layout
from nightlight.adapters.cybertipline.file_details import (
    FileAnnotations,
    FileClassification,
    FileDetails,
    FileRelevance,
)
from nightlight.adapters.cybertipline.incident import CellPhoneIncident, IncidentType
from nightlight.adapters.cybertipline.report import Report
from nightlight.adapters.cybertipline.schema import DocumentInvalidError, NoXmlError, Schema, own_xsd
from nightlight.adapters.cybertipline.shape import shape_of
from nightlight.adapters.cybertipline.writer import file_details_xml, report_xml
from nightlight.errors import RefusedError
from tests.adapters.tipline_strategies import documents

SCHEMA = Schema.own()

#: The order of the interface, as its outline of November 2025 gives it.
ORDER = {
    Report: "batchedReport incidentSummary internetDetails lawEnforcement reporter personOrUserReported "
    "intendedRecipient victim additionalInfo",
    PersonOrUserReported: "personOrUserReportedPerson vehicleDescription espIdentifier espService compromisedAccount "
    "screenName displayName profileUrl profileBio ipCaptureEvent deviceId thirdPartyUserReported priorCTReports "
    "groupIdentifier accountTemporarilyDisabled accountPermanentlyDisabled estimatedLocation allEmailsReported "
    "associatedAccount additionalInfo",
    IntendedRecipient: "intendedRecipientPerson espIdentifier espService compromisedAccount screenName displayName "
    "profileUrl profileBio ipCaptureEvent deviceId priorCTReports groupIdentifier accountTemporarilyDisabled "
    "accountPermanentlyDisabled estimatedLocation allEmailsReported additionalInfo",
    Victim: "victimPerson espIdentifier espService compromisedAccount screenName displayName profileUrl profileBio "
    "ipCaptureEvent deviceId schoolName priorCTReports accountTemporarilyDisabled accountPermanentlyDisabled "
    "estimatedLocation allEmailsReported associatedAccount additionalInfo",
    FileDetails: "reportId fileId fileName originalFileName uploadedToEspTimestamp locationOfFile fileViewedByEsp "
    "exifViewedByEsp publiclyAvailable fileRelevance potentialMeme fileAnnotations industryClassification "
    "originalFileHash ipCaptureEvent deviceId details additionalInfo",
    Person: "firstName lastName phone email address age dateOfBirth",
    Address: "address city zipCode state nonUsaState country",
}


@given(documents(Report))
@settings(max_examples=40)
def test_every_report_that_the_model_can_hold_validates(report: Report) -> None:
    SCHEMA.check(report_xml(report))


@given(documents(FileDetails))
def test_every_description_of_a_file_that_the_model_can_hold_validates(details: FileDetails) -> None:
    SCHEMA.check(file_details_xml(details))


@given(documents(Report))
@settings(max_examples=20)
def test_the_same_report_is_the_same_bytes(report: Report) -> None:
    assert report_xml(report) == report_xml(replace(report))


@pytest.mark.parametrize("kind", ORDER, ids=lambda kind: kind.__name__)
def test_elements_stand_in_the_order_of_the_interface(kind: type) -> None:
    elements = [tag for _, tag, place in layout(kind) if place in (Place.ELEMENT, Place.FIXED)]
    assert elements == ORDER[kind].split()


def test_the_model_is_the_whole_schema_and_nothing_else() -> None:
    """Each element and attribute of the schema is in the document with everything filled."""
    shape = shape_of(SCHEMA.tree)
    written = [SCHEMA.check(report_xml(samples.full_report())), SCHEMA.check(file_details_xml(full_with_meme()))]
    written.append(SCHEMA.check(file_details_xml(samples.full_file_details())))
    there: set[tuple[str, str]] = set()
    for root in written:
        for element in root.iter():
            names = [*(one.tag for one in reversed(list(element.iterancestors()))), element.tag]
            kind = shape.type_at(names)
            there |= {(kind, child.tag) for child in element} | {(kind, f"@{name}") for name in element.attrib}
    needed = {
        (kind, name)
        for kind, one in shape.types.items()
        if kind not in ("reportResponse", "reportDoneResponse", "reportDoneResponse/files")
        for name in [*(e.name for e in one.elements), *(f"@{a.name}" for a in one.attributes)]
    }
    assert needed - there == set()


def full_with_meme() -> FileDetails:
    return replace(samples.full_file_details(), potential_meme=True, file_annotations=None)


@pytest.mark.parametrize("kind", list(IncidentType))
def test_there_is_a_sample_of_every_kind_of_incident(kind: IncidentType) -> None:
    root = SCHEMA.check(report_xml(samples.report_for(kind)))
    assert root.findtext("incidentSummary/incidentType") == kind.value


def test_samples_name_nobody_and_no_place_that_is_there() -> None:
    written = b"".join(report_xml(samples.report_for(kind)) for kind in IncidentType) + report_xml(
        samples.full_report()
    )
    for mail in etree.fromstring(report_xml(samples.full_report())).iter("email"):
        assert (mail.text or "").endswith("example.org")
    for address in (b"192.0.2.7", b"example.org"):
        assert address in written


def test_an_empty_victim_still_has_its_person() -> None:
    report = replace(samples.report_for(IncidentType.CHILD_SEX_TOURISM), victim=(Victim(victim_person=Person()),))
    assert SCHEMA.check(report_xml(report)).find("victim/victimPerson") is not None


# What no document can carry


def report_with(**changes: Any) -> Report:
    return replace(samples.report_for(IncidentType.CHILD_SEX_TOURISM), **changes)


@pytest.mark.parametrize("text", ["a\x00b", "\x0b", "\ud800", "\ufffe", "\uffff", "\x1b[31m"])
def test_text_that_xml_cannot_carry_is_refused_by_the_name_of_its_place(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        report_xml(report_with(additional_info=text))
    assert caught.value.code == "text_not_xml"
    assert caught.value.message.startswith("report/additionalInfo")


def test_markup_in_a_text_stays_text() -> None:
    said = "]]></additionalInfo><victim/>&amp;<!-- -->"
    assert SCHEMA.check(report_xml(report_with(additional_info=said))).findtext("additionalInfo") == said


def test_a_time_without_a_zone_is_refused() -> None:
    summary = replace(report_with().incident_summary, incident_date_time=datetime(2026, 1, 2))
    with pytest.raises(RefusedError) as caught:
        report_xml(report_with(incident_summary=summary))
    assert caught.value.code == "time_without_zone"


REFUSED: list[tuple[Any, str, str]] = [
    (IpCaptureEvent(ip_address="999.1.1.1"), "value_malformed", "ipAddress"),
    (IpCaptureEvent(ip_address="192.0.2.7", port=65_536), "value_malformed", "port"),
    (IpCaptureEvent(ip_address="192.0.2.7", port=-1), "value_malformed", "port"),
]


@pytest.mark.parametrize(("capture", "code", "place"), REFUSED)
def test_addresses_and_ports_that_are_none_are_refused(capture: IpCaptureEvent, code: str, place: str) -> None:
    with pytest.raises(RefusedError) as caught:
        report_xml(report_with(person_or_user_reported=(PersonOrUserReported(ip_capture_event=(capture,)),)))
    assert caught.value.code == code
    assert place in caught.value.message
    assert capture.ip_address not in caught.value.message


@pytest.mark.parametrize("code", ["UK", "XX", "gb", "GBR", ""])
def test_unknown_countries_are_refused(code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        report_xml(
            report_with(
                person_or_user_reported=(PersonOrUserReported(estimated_location=EstimatedLocation(country_code=code)),)
            )
        )
    assert caught.value.code == "country_unknown"


@pytest.mark.parametrize(("latitude", "longitude"), [("91", "0"), ("0", "181"), ("north", "0"), ("1e1", "0")])
def test_places_that_are_not_on_earth_are_refused(latitude: str, longitude: str) -> None:
    with pytest.raises(RefusedError) as caught:
        report_xml(report_with(internet_details=(CellPhoneIncident(latitude=latitude, longitude=longitude),)))
    assert caught.value.code == "value_malformed"


@pytest.mark.parametrize("number", [-1, 2**63])
def test_numbers_that_no_report_has_are_refused(number: int) -> None:
    with pytest.raises(RefusedError):
        report_xml(report_with(person_or_user_reported=(PersonOrUserReported(prior_ct_reports=(number,)),)))


@pytest.mark.parametrize(
    "changes",
    [
        {"exif_viewed_by_esp": True},
        {"exif_viewed_by_esp": True, "file_viewed_by_esp": False},
        {
            "file_relevance": FileRelevance.SUPPLEMENTAL_REPORTED,
            "industry_classification": FileClassification.A1,
        },
        {"potential_meme": True, "file_annotations": FileAnnotations(viral=True)},
    ],
)
def test_statements_about_a_file_that_contradict_each_other_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        file_details_xml(FileDetails(report_id=1, file_id="a", **changes))
    assert caught.value.code == "file_untrue"


def test_a_file_name_without_end_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        file_details_xml(FileDetails(report_id=1, file_id="a", original_file_name="x" * 256))
    assert caught.value.code == "value_malformed"


# Reading what strangers wrote


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE report [<!ENTITY x SYSTEM "file:///etc/passwd">]><report>&x;</report>',
        b'<!DOCTYPE report SYSTEM "http://127.0.0.1:9/x.dtd"><report/>',
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><report>&b;</report>',
        b"<!DOCTYPE report><report/>",
        b"",
        b"\x00" * 100,
        "<report>\ufffe</report>".encode("utf-16-le"),
        b"<report>" + b"<a>" * 100_000,
    ],
)
def test_documents_that_could_fetch_or_explode_are_not_read(xml: bytes) -> None:
    with pytest.raises(NoXmlError):
        SCHEMA.check(xml)


def test_a_document_larger_than_any_is_not_parsed() -> None:
    with pytest.raises(NoXmlError):
        SCHEMA.check(b"<report>" + b" " * (20 * 2**20) + b"</report>")


@pytest.mark.parametrize(
    "xsd",
    [
        b"<a/>",
        b"no xml",
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="file:///x"/></xs:schema>',
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        b'<xs:import namespace="x" schemaLocation="http://127.0.0.1:9/x"/></xs:schema>',
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="b"/></xs:schema>',
    ],
)
def test_schemas_that_cannot_be_used_are_refused(xsd: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        Schema.read(xsd)
    assert caught.value.code == "schema_unusable"


def test_our_schema_can_be_read_as_anybody_elses() -> None:
    Schema.read(own_xsd()).check(report_xml(samples.full_report()))


def test_mistakes_are_all_named_with_their_lines() -> None:
    xml = report_xml(samples.report_for(IncidentType.CHILD_SEX_TOURISM)).replace(b"Child Sex Tourism", b"No")
    with pytest.raises(DocumentInvalidError) as caught:
        SCHEMA.check(xml)
    assert {mistake.line for mistake in caught.value.mistakes} == {2}


def test_moments_are_written_in_utc() -> None:
    summary = replace(
        report_with().incident_summary, incident_date_time=datetime.fromisoformat("2026-01-02T03:04:05.678901+02:00")
    )
    written = SCHEMA.check(report_xml(report_with(incident_summary=summary)))
    text = written.findtext("incidentSummary/incidentDateTime")
    assert text == "2026-01-02T01:04:05.678Z"
    assert datetime.fromisoformat(text) == datetime(2026, 1, 2, 1, 4, 5, 678_000, UTC)
