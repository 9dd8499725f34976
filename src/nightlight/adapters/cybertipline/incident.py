"""What happened, and in which part of the internet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nightlight.adapters.cybertipline.contact import Address, Email, IpCaptureEvent, Phone
from nightlight.adapters.cybertipline.elements import attribute, fixed


class IncidentType(StrEnum):
    """Schema type ``incidentType``."""

    CHILD_PORNOGRAPHY = "Child Pornography (possession, manufacture, and distribution)"
    CHILD_SEX_TRAFFICKING = "Child Sex Trafficking"
    CHILD_SEX_TOURISM = "Child Sex Tourism"
    CHILD_SEXUAL_MOLESTATION = "Child Sexual Molestation"
    MISLEADING_DOMAIN_NAME = "Misleading Domain Name"
    MISLEADING_WORDS_OR_DIGITAL_IMAGES_ON_THE_INTERNET = "Misleading Words or Digital Images on the Internet"
    ONLINE_ENTICEMENT_OF_CHILDREN_FOR_SEXUAL_ACTS = "Online Enticement of Children for Sexual Acts"
    UNSOLICITED_OBSCENE_MATERIAL_SENT_TO_A_CHILD = "Unsolicited Obscene Material Sent to a Child"


class BatchedReportReason(StrEnum):
    """Schema type ``batchedReportReason``."""

    VIRAL_POTENTIAL_MEME = "VIRAL_POTENTIAL_MEME"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedReport:
    """Why this is one report about many copies."""

    reason: BatchedReportReason = attribute()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAnnotations:
    """What else it is. Each is said or not there: the schema knows no false."""

    sextortion: bool = fixed()
    csam_solicitation: bool = fixed()
    minor_to_minor_interaction: bool = fixed()
    spam: bool = fixed()
    sadistic_online_exploitation: bool = fixed()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSummary:
    """``escalate_to_high_priority``: text for whoever decides what is looked at first, not a yes or no."""

    incident_type: IncidentType
    platform: str | None = None
    escalate_to_high_priority: str | None = None
    report_annotations: ReportAnnotations | None = None
    incident_date_time: datetime
    incident_date_time_description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPageIncident:
    """On web pages. ``third_party_hosted_content``: whether somebody else hosts them."""

    url: tuple[str, ...] = ()
    additional_info: str | None = None
    third_party_hosted_content: bool | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailIncident:
    """By mail."""

    email_address: tuple[Email, ...] = ()
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsgroupIncident:
    """In a newsgroup."""

    name: str | None = None
    email_address: tuple[Email, ...] = ()
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatImIncident:
    """In a chat or by instant message: where a messenger belongs."""

    chat_client: str | None = None
    chat_room_name: str | None = None
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineGamingIncident:
    """In a game."""

    game_name: str | None = None
    console: str | None = None
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPhoneIncident:
    """By telephone."""

    phone_number: Phone | None = None
    latitude: str | None = None
    longitude: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInternetIncident:
    """Away from the internet."""

    location_name: str | None = None
    incident_address: tuple[Address, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer2peerIncident:
    """Between peers."""

    client: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    file_names: str | None = None
    additional_info: str | None = None


#: One element ``internetDetails`` holds exactly one of these.
InternetDetails = (
    WebPageIncident
    | EmailIncident
    | NewsgroupIncident
    | ChatImIncident
    | OnlineGamingIncident
    | CellPhoneIncident
    | NonInternetIncident
    | Peer2peerIncident
)
