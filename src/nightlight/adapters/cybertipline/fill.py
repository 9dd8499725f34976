"""A draft as a report of the CyberTipline. Translates field by field; what to say was decided before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nightlight.adapters.cybertipline.account import (
    AccountPermanentlyDisabled,
    IntendedRecipient,
    PersonOrUserReported,
    Reporter,
    Victim,
)
from nightlight.adapters.cybertipline.contact import (
    CaptureType,
    DeviceId,
    Email,
    EstimatedLocation,
    IpCaptureEvent,
    Person,
    Phone,
)
from nightlight.adapters.cybertipline.file_details import (
    FileAnnotations,
    FileClassification,
    FileDetails,
    FileRelevance,
    Hash,
)
from nightlight.adapters.cybertipline.incident import (
    ChatImIncident,
    IncidentSummary,
    IncidentType,
    ReportAnnotations,
)
from nightlight.adapters.cybertipline.report import Report
from nightlight.errors import RefusedError
from nightlight.flows.prepare_report import Prepared, PreparedFile
from nightlight.model.draft import Draft
from nightlight.model.draft import FileRelevance as Relevance
from nightlight.model.reporter import ReportingOperator
from nightlight.respond.instant import instant
from nightlight.respond.referral_values import capture_of

#: The whole text goes along as a file, too: this is for whoever reads the report first.
CONTENT_CHARS_MAX = 50_000
_CUT = "\n(The rest is in the attached file.)"


def report_of(prepared: Prepared, operator: ReportingOperator) -> Report:
    """``RefusedError('draft_incomplete')`` where what the schema needs is missing."""
    draft = prepared.draft
    kind, at = draft.value("incident.type"), draft.value("incident.at")
    if not kind or not at:
        raise RefusedError("draft_incomplete", "The kind of incident and its time are needed.", "Fill them in.")
    annotations = ReportAnnotations(
        sextortion=bool(draft.value("incident.sextortion")),
        csam_solicitation=bool(draft.value("incident.solicitation")),
        minor_to_minor_interaction=bool(draft.value("incident.minor_to_minor")),
    )
    text = prepared.transcript
    shown = text if len(text) <= CONTENT_CHARS_MAX else text[: CONTENT_CHARS_MAX - len(_CUT)] + _CUT
    return Report(
        incident_summary=IncidentSummary(
            incident_type=IncidentType(kind),
            platform=draft.value("incident.platform") or operator.service or None,
            escalate_to_high_priority=draft.value("incident.urgent_reason") or None if draft.urgent else None,
            report_annotations=annotations if annotations != ReportAnnotations() else None,
            incident_date_time=_moment(at),
            incident_date_time_description=draft.value("incident.at_description") or None,
        ),
        internet_details=(
            ChatImIncident(
                chat_client=draft.value("chat.client") or None,
                chat_room_name=draft.value("chat.room") or None,
                content=shown or None,
            ),
        ),
        reporter=_reporter(operator),
        person_or_user_reported=tuple(_suspect(draft, n, operator) for n in draft.people("suspect")),
        intended_recipient=tuple(_recipient(draft, n, operator) for n in draft.people("recipient")),
        victim=tuple(_victim(draft, n, operator) for n in draft.people("victim")),
        additional_info=draft.value("incident.summary") or None,
    )


def details_of(file: PreparedFile, report_id: int, file_id: str) -> FileDetails:
    """What is said of an uploaded file. Digests are of the file as it was sent, before the agency had it."""
    sent, found = file.sent, file.attachment.digests if file.attachment else None
    supplemental = sent is None or sent.relevance is Relevance.SUPPLEMENTAL
    hashes = () if found is None else (("SHA256", found.sha256), ("SHA1", found.sha1), ("MD5", found.md5))
    annotations = FileAnnotations(**dict.fromkeys(sent.annotations, True)) if sent and sent.annotations else None
    return FileDetails(
        report_id=report_id,
        file_id=file_id,
        file_name=file.name,
        original_file_name=safe_file_name(file.original_name) or None,
        uploaded_to_esp_timestamp=None if file.uploaded_at is None else _at(file.uploaded_at),
        file_viewed_by_esp=file.viewed,
        # Nobody is shown EXIF data here.
        exif_viewed_by_esp=False,
        publicly_available=False,
        file_relevance=FileRelevance.SUPPLEMENTAL_REPORTED if supplemental else FileRelevance.REPORTED,
        industry_classification=(
            FileClassification(sent.classification) if sent and sent.classification and not supplemental else None
        ),
        file_annotations=annotations,
        original_file_hash=tuple(Hash(value=digest.hex(), hash_type=name) for name, digest in hashes),
        additional_info=(
            ("The reported messages as text, each with what proves it. Made by us, not sent by anybody.",)
            if sent is None
            else ()
        ),
    )


def safe_file_name(name: str) -> str:
    """A sender's name for a file, as far as a document can carry it: no path, no control, no trick of direction."""
    base = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(one for one in base if one.isprintable() and one not in '<>:"|?*')
    return kept.strip(" .")[:255]


def _reporter(operator: ReportingOperator) -> Reporter:
    return Reporter(
        reporting_person=Person(
            first_name=operator.first_name or None,
            last_name=operator.last_name or None,
            email=(Email(value=operator.email),) if operator.email else (),
            phone=(Phone(value=operator.phone),) if operator.phone else (),
        ),
        company_template=operator.about or None,
        terms_of_service=operator.terms_url or None,
        legal_url=operator.legal_url or None,
    )


def _person(draft: Draft, role: str, number: int) -> Person:
    age = draft.value(f"{role}.age", number)
    return Person(
        first_name=draft.value(f"{role}.first_name", number) or None,
        last_name=draft.value(f"{role}.last_name", number) or None,
        email=tuple(Email(value=value) for value in draft.values(f"{role}.email", number)),
        phone=tuple(Phone(value=value) for value in draft.values(f"{role}.phone", number)),
        age=int(age) if age else None,
    )


def _suspect(draft: Draft, number: int, operator: ReportingOperator) -> PersonOrUserReported:
    person = _person(draft, "suspect", number)
    closed = draft.value("suspect.disabled_at", number)
    return PersonOrUserReported(
        person_or_user_reported_person=person if person != Person() else None,
        esp_identifier=draft.value("suspect.account_id", number) or None,
        esp_service=operator.service or None,
        screen_name=draft.value("suspect.screen_name", number) or None,
        display_name=draft.values("suspect.display_name", number),
        profile_url=draft.values("suspect.profile_url", number),
        ip_capture_event=_captures(draft, "suspect", number),
        device_id=_devices(draft, "suspect", number),
        prior_ct_reports=tuple(int(value) for value in draft.values("suspect.prior_report", number)),
        account_permanently_disabled=(
            AccountPermanentlyDisabled(value=True, disabled_date=_moment(closed)) if closed else None
        ),
        estimated_location=_place(draft, "suspect", number),
        additional_info=_more(draft, "suspect", number) or None,
    )


def _victim(draft: Draft, number: int, operator: ReportingOperator) -> Victim:
    return Victim(
        victim_person=_person(draft, "victim", number),
        esp_identifier=draft.value("victim.account_id", number) or None,
        esp_service=operator.service or None,
        screen_name=draft.value("victim.screen_name", number) or None,
        display_name=draft.values("victim.display_name", number),
        profile_url=draft.values("victim.profile_url", number),
        ip_capture_event=_captures(draft, "victim", number),
        device_id=_devices(draft, "victim", number),
        estimated_location=_place(draft, "victim", number),
        additional_info=_more(draft, "victim", number) or None,
    )


def _recipient(draft: Draft, number: int, operator: ReportingOperator) -> IntendedRecipient:
    person = _person(draft, "recipient", number)
    more = _more(draft, "recipient", number)
    return IntendedRecipient(
        intended_recipient_person=person if person != Person() else None,
        esp_identifier=draft.value("recipient.account_id", number) or None,
        esp_service=operator.service or None,
        screen_name=draft.value("recipient.screen_name", number) or None,
        display_name=draft.values("recipient.display_name", number),
        profile_url=draft.values("recipient.profile_url", number),
        ip_capture_event=_captures(draft, "recipient", number),
        device_id=_devices(draft, "recipient", number),
        estimated_location=_place(draft, "recipient", number),
        additional_info=(more,) if more else (),
    )


def _more(draft: Draft, role: str, number: int) -> str:
    """The schema has no band of ages: it is said in words."""
    band = draft.value(f"{role}.age_band", number)
    origin = next((fact.origin for fact in draft.of(f"{role}.age_band", number)), "")
    known = [f"Age, as far as known: {band} ({origin})."] if band else []
    return "\n".join([*known, *draft.values(f"{role}.more", number)])


def _captures(draft: Draft, role: str, number: int) -> tuple[IpCaptureEvent, ...]:
    return tuple(
        IpCaptureEvent(
            ip_address=seen.value,
            event_name=CaptureType(seen.what) if seen.what else None,
            date_time=None if seen.at is None else _at(seen.at),
        )
        for seen in map(capture_of, draft.values(f"{role}.ip", number))
    )


def _devices(draft: Draft, role: str, number: int) -> tuple[DeviceId, ...]:
    return tuple(
        DeviceId(id_type=device.kind, id_value=device.value)
        for device in map(capture_of, draft.values(f"{role}.device", number))
    )


def _place(draft: Draft, role: str, number: int) -> EstimatedLocation | None:
    place = EstimatedLocation(
        city=draft.value(f"{role}.city", number) or None,
        region=draft.value(f"{role}.region", number) or None,
        country_code=draft.value(f"{role}.country", number) or None,
    )
    return place if place != EstimatedLocation() else None


def _moment(text: str) -> datetime:
    return _at(instant(text))


def _at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
