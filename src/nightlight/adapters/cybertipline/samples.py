"""Documents to learn from and to try a service with: one for each kind of incident, and one with everything filled.

All of it is invented: names of nobody, addresses that are set aside for documentation (RFC 2606, 3849, 5737).
"""

from __future__ import annotations

import types
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from nightlight.adapters.cybertipline.account import PersonOrUserReported, Reporter, Victim
from nightlight.adapters.cybertipline.contact import (
    CaptureType,
    ContactPerson,
    Email,
    EmailType,
    IpCaptureEvent,
    Person,
)
from nightlight.adapters.cybertipline.elements import KEY, Place
from nightlight.adapters.cybertipline.file_details import FileAnnotations, FileDetails, FileRelevance
from nightlight.adapters.cybertipline.incident import (
    CellPhoneIncident,
    ChatImIncident,
    EmailIncident,
    IncidentSummary,
    IncidentType,
    InternetDetails,
    NewsgroupIncident,
    NonInternetIncident,
    OnlineGamingIncident,
    Peer2peerIncident,
    ReportAnnotations,
    WebPageIncident,
)
from nightlight.adapters.cybertipline.report import Report

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REPORT_ID = 1_000_001
FILE_ID = "b0754af766b426f2928a02c651ed4b99"
_ACCOUNT = "@example-account:chat.example.org"

_INTERNET: tuple[InternetDetails, ...] = (
    ChatImIncident(chat_client="Example Chat", chat_room_name="!example:chat.example.org"),
    WebPageIncident(url=("https://www.example.org/page",), third_party_hosted_content=False),
    EmailIncident(email_address=(Email(value="sender@example.org"),)),
    NewsgroupIncident(name="example.group"),
    OnlineGamingIncident(game_name="Example Game", console="Example Console"),
    CellPhoneIncident(latitude="51.5", longitude="-0.1"),
    NonInternetIncident(location_name="Example Place"),
    Peer2peerIncident(client="Example Client", file_names="example.bin"),
)


def reporter() -> Reporter:
    return Reporter(
        reporting_person=Person(
            first_name="Alex", last_name="Example", email=(Email(value="safety@example.org", type=EmailType.WORK),)
        ),
        contact_person=ContactPerson(first_name="Sam", last_name="Example"),
        company_template="A placeholder for what an operator says of itself.",
        terms_of_service="A placeholder for the terms of service.",
        legal_url="https://www.example.org/legal",
    )


def report_for(kind: IncidentType) -> Report:
    """A short, plausible document of that kind of incident."""
    internet = _INTERNET[list(IncidentType).index(kind) % len(_INTERNET)]
    return Report(
        incident_summary=IncidentSummary(
            incident_type=kind, platform="Example Chat", incident_date_time=MOMENT,
            incident_date_time_description="When the server stamped the first reported message",
        ),
        internet_details=(internet,),
        reporter=reporter(),
        person_or_user_reported=(
            PersonOrUserReported(
                esp_identifier=_ACCOUNT, esp_service="Example Chat", screen_name="example-account",
                ip_capture_event=(
                    IpCaptureEvent(ip_address="192.0.2.7", event_name=CaptureType.LOGIN, date_time=MOMENT),
                ),
            ),
        ),
        victim=(Victim(victim_person=Person(age=14), esp_identifier="@example-child:chat.example.org"),),
        additional_info="An example. Placeholder for what happened: [abusive message 1].",
    )  # fmt: skip


def full_report() -> Report:
    """Every element and attribute that the schema knows, once; of choices, every branch."""
    made: Report = _filled(Report)
    return replace(
        made,
        incident_summary=replace(
            made.incident_summary,
            escalate_to_high_priority="A placeholder for the reason: text, not a yes or no.",
            report_annotations=ReportAnnotations(
                sextortion=True, csam_solicitation=True, minor_to_minor_interaction=True, spam=True,
                sadistic_online_exploitation=True,
            ),
        ),
        internet_details=tuple(_filled(type(internet)) for internet in _INTERNET),
    )  # fmt: skip


def full_file_details() -> FileDetails:
    made: FileDetails = _filled(FileDetails)
    annotations = {one.name: True for one in fields(FileAnnotations)}
    return replace(
        made,
        report_id=REPORT_ID,
        file_id=FILE_ID,
        file_viewed_by_esp=True,
        exif_viewed_by_esp=True,
        file_relevance=FileRelevance.REPORTED,
        # The schema has one or the other.
        potential_meme=None,
        file_annotations=FileAnnotations(**annotations),
    )


def file_details(report_id: int, file_id: str) -> FileDetails:
    """A short one: of a file that nobody looked at."""
    return FileDetails(
        report_id=report_id,
        file_id=file_id,
        file_name="shape.png",
        file_viewed_by_esp=False,
        publicly_available=False,
        file_relevance=FileRelevance.REPORTED,
    )


# What fills a field that nobody thought of, so that a new element is never forgotten

_TEXTS = {
    "ip_address": "192.0.2.7", "email": "name@example.org", "phone": "+44 20 7946 0000", "country": "GB",
    "country_code": "GB", "flea_country": "GB", "state": "CA", "country_calling_code": "+44", "extension": "12",
    "latitude": "51.5", "longitude": "-0.1", "url": "https://www.example.org/", "profile_url": "https://www.example.org/",
    "legal_url": "https://www.example.org/legal", "hash_type": "SHA256",
}  # fmt: skip


def _filled(kind: Any, name: str = "") -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _filled(next(one for one in get_args(kind) if one is not type(None)), name)
    if origin is tuple:
        return (_filled(get_args(kind)[0], name),)
    if hasattr(kind, "__dataclass_fields__"):
        hints = get_type_hints(kind)
        values = {}
        for one in fields(kind):
            fixed = one.metadata.get(KEY, (Place.ELEMENT, ""))[0] is Place.FIXED
            text = name if one.name == "value" else one.name
            values[one.name] = True if fixed else _filled(hints[one.name], text)
        return kind(**values)
    if issubclass(kind, StrEnum):
        return next(iter(kind))
    plain: dict[Any, Any] = {bool: True, int: 14, datetime: MOMENT, date: date(2012, 1, 2)}
    return plain.get(kind) if kind in plain else _TEXTS.get(name, f"Example {name.replace('_', ' ')}")
