"""Who is reported, who is harmed, whom it was meant for, and who reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from nightlight.adapters.cybertipline.contact import (
    Address,
    ContactPerson,
    DeviceId,
    Email,
    EstimatedLocation,
    IpCaptureEvent,
    Person,
    Phone,
)
from nightlight.adapters.cybertipline.elements import attribute, element, text


class AssociatedAccountType(StrEnum):
    """Schema type ``associatedAccountType``."""

    BILLING = "Billing"
    LINKED = "Linked"
    BUSINESS = "Business"
    CREATOR = "Creator"
    PARENT_GUARDIAN = "Parent/Guardian"
    OTHER = "Other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTemporarilyDisabled:
    """Whether the account was suspended, when, and whether its user was told."""

    value: bool = text()
    disabled_date: datetime | None = attribute(default=None)
    user_notified: bool | None = attribute(default=None)
    user_notified_date: datetime | None = attribute(default=None)
    reenabled_date: datetime | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPermanentlyDisabled:
    """Whether the account was closed, when, and whether its user was told."""

    value: bool = text()
    disabled_date: datetime | None = attribute(default=None)
    user_notified: bool | None = attribute(default=None)
    user_notified_date: datetime | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociatedPlatform:
    """Where an associated account is."""

    value: str = text()
    third_party_user: bool | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociatedAccount:
    """Another account of the same person, or of one who belongs to it."""

    platform: AssociatedPlatform | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    approximate_age: int | None = None
    date_of_birth: date | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    all_emails_reported: bool | None = None
    address: tuple[Address, ...] = ()
    esp_service: str | None = None
    esp_identifier: str | None = None
    profile_url: tuple[str, ...] = ()
    screen_name: str | None = None
    display_name: tuple[str, ...] = ()
    profile_bio: str | None = None
    group_identifier: str | None = None
    compromised_account: bool | None = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    prior_ct_report: tuple[int, ...] = element("priorCTReport", default=())
    additional_info: str | None = None
    type: AssociatedAccountType = attribute()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonOrUserReported:
    """Who is reported. ``prior_ct_reports``: the agency's numbers of earlier reports about it."""

    person_or_user_reported_person: Person | None = None
    vehicle_description: str | None = None
    esp_identifier: str | None = None
    esp_service: str | None = None
    compromised_account: bool | None = None
    screen_name: str | None = None
    display_name: tuple[str, ...] = ()
    profile_url: tuple[str, ...] = ()
    profile_bio: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    third_party_user_reported: bool | None = None
    prior_ct_reports: tuple[int, ...] = element("priorCTReports", default=())
    group_identifier: str | None = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    estimated_location: EstimatedLocation | None = None
    all_emails_reported: bool | None = None
    associated_account: tuple[AssociatedAccount, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntendedRecipient:
    """Whom it was meant for."""

    intended_recipient_person: Person | None = None
    esp_identifier: str | None = None
    esp_service: str | None = None
    compromised_account: bool | None = None
    screen_name: str | None = None
    display_name: tuple[str, ...] = ()
    profile_url: tuple[str, ...] = ()
    profile_bio: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    prior_ct_reports: tuple[int, ...] = element("priorCTReports", default=())
    group_identifier: str | None = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    estimated_location: EstimatedLocation | None = None
    all_emails_reported: bool | None = None
    additional_info: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A child. ``victim_person`` has to be there, if only empty."""

    victim_person: Person
    esp_identifier: str | None = None
    esp_service: str | None = None
    compromised_account: bool | None = None
    screen_name: str | None = None
    display_name: tuple[str, ...] = ()
    profile_url: tuple[str, ...] = ()
    profile_bio: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    school_name: str | None = None
    prior_ct_reports: tuple[int, ...] = element("priorCTReports", default=())
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    estimated_location: EstimatedLocation | None = None
    all_emails_reported: bool | None = None
    associated_account: tuple[AssociatedAccount, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who reports: the operator, never a user."""

    reporting_person: Person
    contact_person: ContactPerson | None = None
    company_template: str | None = None
    terms_of_service: str | None = None
    legal_url: str | None = element("legalURL", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLegalProcessInternational:
    """Whether another country's authority served legal process."""

    value: bool = text()
    flea_country: str | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LawEnforcement:
    """What police have to do with it already."""

    agency_name: str
    case_number: str | None = None
    officer_contact: ContactPerson | None = None
    reported_to_le: bool | None = None
    served_legal_process_domestic: bool | None = None
    served_legal_process_international: ServedLegalProcessInternational | None = None
