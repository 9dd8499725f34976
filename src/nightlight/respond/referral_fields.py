"""Every field that a referral can have, as data: its form, who it is for and where it goes, and what it weighs.

What an agency may be told is what stands in this table under its name and nothing else: data minimisation is a property
of the table, not of the code that fills it. Places: the element of the CyberTipline schema; the paragraph of Schedule 1
to the Online Safety (CSEA Content Reporting) Regulations for the NCA; a heading of our own for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from nightlight.model.draft import AgencyKind


class Form(StrEnum):
    """How a value is written. Times are RFC 3339 in UTC (``2026-11-27T10:00:00Z``), ``yes`` is the only truth.

    ``ip``: an address, then optionally a time and what was done (``192.0.2.7 2026-11-27T10:00:00Z Login``).
    ``device``: kind and value (``Matrix device ABCDEF``). ``country``: ISO 3166-1 alpha-2.
    """

    LINE = "line"
    TEXT = "text"
    TIME = "time"
    YES = "yes"
    CHOICE = "choice"
    WHOLE = "whole number"
    EMAIL = "email"
    PHONE = "phone"
    IP = "ip"
    DEVICE = "device"
    COUNTRY = "country"
    DATE = "date"
    ADDRESS = "web address"


@dataclass(frozen=True, slots=True)
class ReferralField:
    """``places``: for each agency that may be told, where it goes. ``weight``: what it counts for completeness.

    ``needed_by``: agencies that take no report without it. ``personal``: says something about a person, so it goes out
    only for a reason. ``many``: may be given several times.
    """

    name: str
    title: str
    form: Form
    places: Mapping[AgencyKind, str]
    why: str
    weight: int = 1
    needed_by: frozenset[AgencyKind] = frozenset()
    personal: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """``incident``, ``suspect``, ``victim`` or ``recipient``."""
        return self.name.partition(".")[0]


#: The schema's ``incidentType``, in its words.
INCIDENT_TYPES = (
    "Child Pornography (possession, manufacture, and distribution)",
    "Child Sex Trafficking",
    "Child Sex Tourism",
    "Child Sexual Molestation",
    "Misleading Domain Name",
    "Misleading Words or Digital Images on the Internet",
    "Online Enticement of Children for Sexual Acts",
    "Unsolicited Obscene Material Sent to a Child",
)
#: The age bands that agencies are told, where no year is known.
BAND_CHOICES = ("under 13", "13 to 15", "16 or 17", "adult", "not known")
#: Priorities of the NCA's regulations: child in immediate danger, high, all others.
PRIORITIES = ("P1", "P2", "P3")
#: Roles that stand for people; a referral can have several victims and suspects.
ROLES = {"suspect": "Reported account", "victim": "Child", "recipient": "Intended recipient"}

_C, _N, _I, _P = AgencyKind.NCMEC, AgencyKind.NCA, AgencyKind.IWF, AgencyKind.POLICE


def _places(ncmec: str = "", nca: str = "", iwf: str = "", police: str = "") -> dict[AgencyKind, str]:
    given = {_C: ncmec, _N: nca, _I: iwf, _P: police}
    return {agency: place for agency, place in given.items() if place}


def _incident() -> tuple[ReferralField, ...]:
    return (
        ReferralField(
            "incident.type", "Kind of incident", Form.CHOICE,
            _places("incidentSummary/incidentType", "Schedule 1, paragraph 2", "Category", "Incident"),
            "decides which desk looks at it", 5, frozenset({_C, _N, _P}), choices=INCIDENT_TYPES,
        ),
        ReferralField(
            "incident.at", "When it happened", Form.TIME,
            _places("incidentSummary/incidentDateTime", "Schedule 1, paragraph 2", "Date seen", "Incident"),
            "records of connections are kept for a short time only", 5, frozenset({_C, _N, _P}),
        ),
        ReferralField(
            "incident.at_description", "What that time is", Form.LINE,
            _places("incidentSummary/incidentDateTimeDescription", "Schedule 1, paragraph 2", "", "Incident"),
            "a time of sending is not a time of an offence", 1,
        ),
        ReferralField(
            "incident.platform", "Where it happened", Form.LINE,
            _places("incidentSummary/platform", "Schedule 1, paragraph 2", "Service", "Incident"),
            "tells which service to ask for records", 2,
        ),
        ReferralField(
            "incident.priority", "Priority", Form.CHOICE,
            _places("", "Regulation 14 (priority assessment)", "", ""),
            "the regulations ask for an assessment", 3, frozenset({_N}), choices=PRIORITIES,
        ),
        ReferralField(
            "incident.urgent_reason", "Why a child may be in danger now", Form.TEXT,
            _places("incidentSummary/escalateToHighPriority", "Regulation 14 (priority assessment)", "", "Urgency"),
            "text, for the person who decides what is looked at first", 0,
        ),
        ReferralField(
            "incident.sextortion", "Sextortion", Form.YES,
            _places("reportAnnotations/sextortion", "Schedule 1, paragraph 2", "", "Incident"),
            "others may be threatened by the same person", 0,
        ),
        ReferralField(
            "incident.solicitation", "A child is asked for imagery", Form.YES,
            _places("reportAnnotations/csamSolicitation", "Schedule 1, paragraph 2", "", "Incident"),
            "imagery may not exist yet", 0,
        ),
        ReferralField(
            "incident.minor_to_minor", "Between children", Form.YES,
            _places("reportAnnotations/minorToMinorInteraction", "Schedule 1, paragraph 2", "", "Incident"),
            "children among themselves are protected, not prosecuted", 0,
        ),
        ReferralField(
            "incident.summary", "What happened, in words", Form.TEXT,
            _places("additionalInfo", "Schedule 1, paragraph 2", "Description", "Incident"),
            "whoever reads it first has nothing else", 4, frozenset({_N, _P}),
        ),
        ReferralField(
            "incident.url", "Address of the content", Form.ADDRESS,
            _places("", "", "Address of the content", ""),
            "the IWF acts on what can be reached on the web", 4, frozenset({_I}), many=True,
        ),
        ReferralField(
            "chat.client", "App or service", Form.LINE,
            _places("internetDetails/chatImIncident/chatClient", "Schedule 1, paragraph 2", "", "Incident"),
            "tells what records can exist", 1,
        ),
        ReferralField(
            "chat.room", "Conversation", Form.LINE,
            _places("internetDetails/chatImIncident/chatRoomName", "Schedule 1, paragraph 2", "", "Incident"),
            "finds the conversation again", 1,
        ),
    )  # fmt: skip


#: For each thing that can be said about a person: title, form, many, weight, why, and the element of the schema.
_ABOUT = (
    ("account_id", "Account", Form.LINE, False, 4, "names the account beyond doubt", "espIdentifier"),
    ("screen_name", "User name", Form.LINE, False, 1, "names the account to its other users", "screenName"),
    ("display_name", "Shown name", Form.LINE, True, 1, "people search for shown names", "displayName"),
    ("profile_url", "Profile", Form.ADDRESS, True, 1, "leads to the profile", "profileUrl"),
    ("first_name", "First name", Form.LINE, False, 1, "identifies a person", "{person}/firstName"),
    ("last_name", "Last name", Form.LINE, False, 1, "identifies a person", "{person}/lastName"),
    ("email", "Mail address", Form.EMAIL, True, 3, "leads to a person through another provider", "{person}/email"),
    ("phone", "Telephone number", Form.PHONE, True, 3, "leads to a person through a network", "{person}/phone"),
    ("age", "Age in years", Form.WHOLE, False, 1, "decides what offence it is", "{person}/age"),
    ("age_band", "Age, as far as known", Form.CHOICE, False, 2, "decides what offence it is", "additionalInfo"),
    ("ip", "Internet address", Form.IP, True, 4, "leads to a connection while records of it last", "ipCaptureEvent"),
    ("device", "Device", Form.DEVICE, True, 2, "joins accounts of one person", "deviceId"),
    ("country", "Country", Form.COUNTRY, False, 2, "decides whose police it is", "estimatedLocation/countryCode"),
    ("region", "Region", Form.LINE, False, 1, "decides whose police it is", "estimatedLocation/region"),
    ("city", "Town", Form.LINE, False, 1, "decides whose police it is", "estimatedLocation/city"),
    ("prior_report", "Earlier report to NCMEC", Form.WHOLE, True, 1, "joins reports about one", "priorCTReports"),
    ("disabled_at", "Account closed", Form.TIME, False, 1, "tells that it cannot go on there", "{disabled}"),
    ("more", "More about it", Form.TEXT, False, 0, "what no other field holds", "additionalInfo"),
)
_ROLE = {
    "suspect": ("personOrUserReported", "personOrUserReportedPerson", "Schedule 1, paragraph 4", "Reported account"),
    "victim": ("victim", "victimPerson", "Schedule 1, paragraph 3", "Child"),
    "recipient": ("intendedRecipient", "intendedRecipientPerson", "Schedule 1, paragraph 6", "Intended recipient"),
}
#: Of a child, only what helps to find and protect it; whose it is not is nobody's business.
_NOT_OF = {
    "victim": {"disabled_at", "prior_report"},
    "recipient": {"disabled_at", "prior_report", "first_name", "last_name"},
}


def _about(role: str) -> tuple[ReferralField, ...]:
    element, person, schedule, heading = _ROLE[role]
    fields = []
    for name, title, form, many, weight, why, place in _ABOUT:
        if name in _NOT_OF.get(role, ()):
            continue
        at = place.format(person=person, disabled="accountPermanentlyDisabled")
        needed = frozenset({_N, _P}) if (role, name) == ("suspect", "account_id") else frozenset()
        in_nca = "" if name == "prior_report" else schedule
        fields.append(
            ReferralField(
                f"{role}.{name}", title, form, _places(f"{element}/{at}", in_nca, "", heading),
                why, weight if role != "recipient" else min(weight, 1), needed,
                personal=True, many=many, choices=BAND_CHOICES if form is Form.CHOICE else (),
            )
        )  # fmt: skip
    return tuple(fields)


FIELDS: Mapping[str, ReferralField] = {
    field.name: field for field in (*_incident(), *_about("suspect"), *_about("victim"), *_about("recipient"))
}


def fields_for(agency: AgencyKind) -> tuple[ReferralField, ...]:
    """What that kind of agency may be told, in the order in which it is shown."""
    return tuple(field for field in FIELDS.values() if agency in field.places)
