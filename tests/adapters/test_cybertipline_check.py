"""Mistakes in documents are explained in words, and what changed between schemas as well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from nightlight.adapters.cybertipline import samples
from nightlight.adapters.cybertipline.check import check_document
from nightlight.adapters.cybertipline.codes import CODES, response_code
from nightlight.adapters.cybertipline.drift import Effect, drift
from nightlight.adapters.cybertipline.schema import Schema, own_xsd
from nightlight.adapters.cybertipline.writer import file_details_xml, report_xml
from nightlight.model.agency_reply import Outcome

SCHEMA = Schema.own()
REPORT = etree.tostring(etree.fromstring(report_xml(samples.full_report())), pretty_print=True).decode()
FILE = etree.tostring(etree.fromstring(file_details_xml(samples.full_file_details())), pretty_print=True).decode()


def explained(old: str, new: str, document: str = REPORT) -> str:
    """What is said of the document with one change, all of it."""
    changed = document.replace(old, new, 1)
    assert changed != document
    return "\n".join(map(str, check_document(changed.encode(), SCHEMA)))


def test_documents_that_are_right_have_no_mistakes() -> None:
    assert check_document(REPORT.encode(), SCHEMA) == ()
    assert check_document(FILE.encode(), SCHEMA) == ()


def test_an_unknown_element_is_met_with_the_one_that_was_meant() -> None:
    said = explained("<platform>Example platform</platform>", "<plattform>x</plattform>")
    assert said.startswith("line 5: `incidentSummary` has no element `plattform`.")
    assert "“platform”" in said


def test_an_element_out_of_order_is_told_where_it_belongs() -> None:
    said = explained("    <espService>Example esp service</espService>\n", "")
    assert said == ""
    swapped = REPORT.replace("<caseNumber>Example case number</caseNumber>", "", 1).replace(
        "<reportedToLe>", "<caseNumber>1</caseNumber><reportedToLe>", 1
    )
    late = swapped.replace("</reportedToLe>", "</reportedToLe><caseNumber>2</caseNumber>", 1)
    assert "`caseNumber`" in "\n".join(map(str, check_document(late.encode(), SCHEMA)))
    out_of_order = REPORT.replace("</reporter>", "</reporter><lawEnforcement/>", 1)
    (first, *_) = check_document(out_of_order.encode(), SCHEMA)
    assert "once only" in first.message or "belongs before" in first.message


def test_an_element_that_stands_too_late_is_told_what_it_belongs_before() -> None:
    document = REPORT.replace("<vehicleDescription>Example vehicle description</vehicleDescription>", "", 1)
    late = document.replace("<espIdentifier>", "<espIdentifier>a</espIdentifier><vehicleDescription>", 1).replace(
        "</espIdentifier>\n", "</vehicleDescription>\n", 1
    )
    said = "\n".join(map(str, check_document(late.encode(), SCHEMA)))
    assert "it belongs before `espIdentifier`" in said


def test_what_is_missing_is_named() -> None:
    said = "\n".join(map(str, check_document(b"<report/>", SCHEMA)))
    assert "lacks `incidentSummary`, `reporter`" in said
    assert "lacks one of `webPageIncident`" in explained_first("<report><incidentSummary/></report>", REPORT)


def explained_first(_start: str, document: str) -> str:
    import re

    emptied = re.sub(r"<internetDetails>.*?</internetDetails>", "<internetDetails/>", document, count=1, flags=re.S)
    return "\n".join(map(str, check_document(emptied.encode(), SCHEMA)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Child Pornography (possession, manufacture, and distribution)", "Child Sex Turism", "“Child Sex Tourism”"),
        ("2026-01-02T03:04:05Z", "yesterday", "a time with its zone"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05", "has no zone"),
        ("<sextortion>true</sextortion>", "<sextortion>false</sextortion>", "can only be true"),
        ('type="Home"', 'type="Hom"', "“Home”"),
        ('type="Home"', 'typ="Home"', "“type”"),
        ("A placeholder for the reason: text, not a yes or no.", "true", "the reason why it is urgent"),
        ('hashType="SHA256"', "", ""),
    ],
)
def test_values_that_do_not_fit_are_explained(old: str, new: str, said: str) -> None:
    if old.startswith("hashType"):
        assert "needs the attribute `hashType`" in explained(f" {old}", new, FILE)
    else:
        assert said in explained(old, new)


def test_untruths_about_a_file_are_named() -> None:
    said = explained("<fileViewedByEsp>true</fileViewedByEsp>", "<fileViewedByEsp>false</fileViewedByEsp>", FILE)
    assert "exifViewedByEsp" in said
    said = explained("<fileRelevance>Reported<", "<fileRelevance>Supplemental Reported<", FILE)
    assert "no industryClassification" in said


@pytest.mark.parametrize("data", [b"", b" ", b"hello", b"<a", b"\xff\xfe", b"<a/>", b"\x89PNG\r\n"])
def test_what_is_no_document_at_all_is_said_to_be_none(data: bytes) -> None:
    assert len(check_document(data, SCHEMA)) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_explained_and_nothing_breaks(data: bytes) -> None:
    assert all(one.message for one in check_document(data, SCHEMA))


@given(st.integers(0, len(REPORT) - 1), st.text(max_size=5), st.integers(0, 30))
def test_any_damage_to_a_document_is_explained_or_harmless(place: int, put: str, gone: int) -> None:
    damaged = (REPORT[:place] + put + REPORT[place + gone :]).encode("utf-8", "surrogatepass")
    for one in check_document(damaged, SCHEMA):
        assert one.message


# Drift


def changed(*pairs: tuple[str, str]) -> Schema:
    xsd = own_xsd().decode()
    for old, new in pairs:
        assert old in xsd
        xsd = xsd.replace(old, new, 1)
    return Schema.read(xsd.encode())


PLATFORM = '<xs:element name="platform" type="xs:string" minOccurs="0"/>'
SCHOOL = '<xs:element name="schoolName" type="xs:string" minOccurs="0"/>'


def test_the_same_schema_has_not_drifted() -> None:
    assert drift(SCHEMA, Schema.read(own_xsd())) == ()


@pytest.mark.parametrize(
    ("old", "new", "effect", "said"),
    [
        (PLATFORM, "", Effect.BREAKS, "`incidentSummary` has no element `platform` any more."),
        (SCHOOL, SCHOOL.replace(' minOccurs="0"', ""), Effect.BREAKS, "`victim/schoolName` is needed now."),
        (
            PLATFORM,
            PLATFORM + '<xs:element name="newer" type="xs:string" minOccurs="0"/>',
            Effect.LOSES,
            "`incidentSummary` has a new optional element `newer` after `platform`.",
        ),
        (
            PLATFORM,
            PLATFORM + '<xs:element name="newer" type="xs:string"/>',
            Effect.BREAKS,
            "`incidentSummary` needs a new element `newer` after `platform`.",
        ),
        ('<xs:enumeration value="A1"/>', "", Effect.BREAKS, "`industryClassification` cannot be “A1” any more."),
        (
            '<xs:enumeration value="A1"/>',
            '<xs:enumeration value="A1"/><xs:enumeration value="C1"/>',
            Effect.LOSES,
            "`industryClassification` can be “C1” now.",
        ),
        (PLATFORM, PLATFORM.replace("xs:string", "xs:int"), Effect.BREAKS, "`platform` is of the type xs:int now"),
        (
            '<xs:element name="report" type="report"/>',
            '<xs:element name="report" type="report"/><xs:element name="other" type="xs:string"/>',
            Effect.LOSES,
            "There is a new document `other`.",
        ),
    ],
)
def test_what_changed_is_said_with_its_effect(old: str, new: str, effect: Effect, said: str) -> None:
    found = drift(SCHEMA, changed((old, new)))
    assert len(found) == 1
    assert found[0].effect is effect
    assert said in found[0].message


def test_another_order_breaks_our_documents() -> None:
    high = '<xs:element name="escalateToHighPriority" type="xs:string" minOccurs="0"/>'
    found = drift(SCHEMA, changed((PLATFORM, "<!-- -->"), (high, high + PLATFORM)))
    assert [one.effect for one in found] == [Effect.BREAKS]
    assert "another order" in found[0].message


# Codes


def test_every_documented_code_is_known_and_an_unknown_one_needs_a_person() -> None:
    assert set(CODES) == {
        *(0, 1000, 1100, 1110, 1111, 1210, 1300, 2000, 3000, 3100, 3300, 4000, 4100, 4110, 4200, 5001, 5002),
        *(5101, 5102),
    }
    assert response_code(0).outcome is Outcome.OK
    assert response_code(5102).outcome is Outcome.ALREADY_FINISHED
    assert response_code(9999).outcome is Outcome.REFUSED
    assert all(code.meaning and code.to_do for code in CODES.values())
