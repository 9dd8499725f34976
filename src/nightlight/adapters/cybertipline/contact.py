"""How people and devices are reached: addresses, mail, telephone, connections, places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from nightlight.adapters.cybertipline.elements import attribute, text


class AddressType(StrEnum):
    """Schema type ``addressType``."""

    HOME = "Home"
    BUSINESS = "Business"
    BILLING = "Billing"
    SHIPPING = "Shipping"
    TECHNICAL = "Technical"


class EmailType(StrEnum):
    """Schema type ``emailType``."""

    HOME = "Home"
    WORK = "Work"
    BUSINESS = "Business"
    RECOVERY = "Recovery"


class PhoneType(StrEnum):
    """Schema type ``phoneType``."""

    MOBILE = "Mobile"
    HOME = "Home"
    BUSINESS = "Business"
    WORK = "Work"
    FAX = "Fax"
    INTERNET = "Internet"
    RECOVERY = "Recovery"


class CaptureType(StrEnum):
    """Schema type ``ipCaptureType``."""

    LOGIN = "Login"
    REGISTRATION = "Registration"
    PURCHASE = "Purchase"
    UPLOAD = "Upload"
    OTHER = "Other"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address. ``state``: of the United States; ``non_usa_state``: of any other country."""

    address: str | None = None
    city: str | None = None
    zip_code: str | None = None
    state: str | None = None
    non_usa_state: str | None = None
    country: str | None = None
    type: AddressType | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """A mail address. ``verified``: whether somebody proved to receive mail there."""

    value: str = text()
    type: EmailType | None = attribute(default=None)
    verified: bool | None = attribute(default=None)
    verification_date: datetime | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A telephone number."""

    value: str = text()
    type: PhoneType | None = attribute(default=None)
    verified: bool | None = attribute(default=None)
    verification_date: datetime | None = attribute(default=None)
    country_calling_code: str | None = attribute(default=None)
    extension: str | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody by name."""

    first_name: str | None = None
    last_name: str | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    address: tuple[Address, ...] = ()
    age: int | None = None
    date_of_birth: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPerson:
    """Whom the agency may ask."""

    first_name: str | None = None
    last_name: str | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    address: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IpCaptureEvent:
    """An internet address, when it was seen and at what."""

    ip_address: str
    event_name: CaptureType | None = None
    date_time: datetime | None = None
    possible_proxy: bool | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceId:
    """An identifier of a device."""

    id_type: str
    id_value: str
    event_name: CaptureType | None = None
    date_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedLocation:
    """Where somebody seems to be. ``country_code``: ISO 3166-1 alpha-2."""

    city: str | None = None
    region: str | None = None
    country_code: str | None = None
    verified: bool | None = attribute(default=None)
    timestamp: datetime | None = attribute(default=None)
