"""The values of a referral's fields: checked before they are stored, and brought into one form."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.respond.country import country
from nightlight.respond.instant import instant, rfc3339
from nightlight.respond.referral_fields import Form, ReferralField
from nightlight.respond.xml_text import xml_text

LINE_CHARS_MAX = 1_000
TEXT_CHARS_MAX = 20_000
#: What was done from an address or on a device (schema type ``ipCaptureType``).
CAPTURES = ("Login", "Registration", "Purchase", "Upload", "Other", "Unknown")
_EMAIL = re.compile(r"[^\s@<>\x00-\x1f\x7f]{1,64}@[^\s@<>\x00-\x1f\x7f]{1,255}\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{2,30}[0-9]\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_ADDRESS = re.compile(r"https?://[^\s<>\"\x00-\x1f\x7f]{1,2000}\Z", re.IGNORECASE)
_WHOLE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Capture:
    """An internet address or a device, and when and at what it was seen. ``at``: milliseconds since 1970, UTC."""

    value: str
    at: int | None = None
    what: str = ""
    kind: str = ""


def checked_value(field: ReferralField, value: str) -> str:
    """The value in its one form; ``RefusedError`` that names the field: ``value_malformed``, ``time_without_zone`` …"""
    try:
        return _checked(field, value.strip())
    except RefusedError as e:
        raise RefusedError(e.code, f"{field.title}: {e.message}", e.hint) from None


def capture_of(value: str) -> Capture:
    """An ``ip`` or ``device`` value that was checked before, taken apart."""
    parts = value.split(" ")
    what = parts.pop() if len(parts) > 1 and parts[-1] in CAPTURES else ""
    at = None
    if len(parts) > 1 and "T" in parts[-1] and parts[-1].endswith("Z"):
        try:
            at = instant(parts[-1])
            parts.pop()
        except RefusedError:
            at = None
    return Capture(parts[-1], at, what, " ".join(parts[:-1]))


def _checked(field: ReferralField, value: str) -> str:
    if not value:
        raise _malformed("nothing was written.", "Take the line out instead.")
    longest = TEXT_CHARS_MAX if field.form is Form.TEXT else LINE_CHARS_MAX
    if len(value) > longest:
        raise _malformed(f"it is longer than {longest:,} characters.", "Shorten it.")
    xml_text(value, field.title)
    if field.form is not Form.TEXT and ("\n" in value or "\r" in value):
        raise _malformed("it has more than one line.", "Write one line.")
    match field.form:
        case Form.TIME:
            return rfc3339(instant(value))
        case Form.DATE:
            return _date(value)
        case Form.YES:
            if value != "yes":
                raise _malformed("it is yes or not there at all.", "Take the line out if it is not so.")
        case Form.CHOICE:
            if value not in field.choices:
                raise _malformed("that cannot be chosen.", f"One of: {'; '.join(field.choices)}.")
        case Form.WHOLE:
            return _whole(field, value)
        case Form.EMAIL:
            if not _EMAIL.match(value):
                raise _malformed("that is not a mail address.", "As in name@example.org.")
        case Form.PHONE:
            if not _PHONE.match(value):
                raise _malformed("that is not a telephone number.", "As in +44 20 7946 0000.")
        case Form.ADDRESS:
            if not _ADDRESS.match(value):
                raise _malformed("that is not a web address.", "It begins with https:// or http://.")
        case Form.COUNTRY:
            return country(value.upper())
        case Form.IP:
            return _ip(value)
        case Form.DEVICE:
            if " " not in value:
                raise _malformed("it has no kind.", "Write the kind, a space and the value: Matrix device ABCDEF.")
    return value


def _ip(value: str) -> str:
    address, *rest = value.split(" ")
    try:
        parts = [str(ipaddress.ip_address(address))]
    except ValueError:
        raise _malformed("that is not an internet address.", "As in 192.0.2.7 or 2001:db8::7.") from None
    what = [rest.pop()] if rest and rest[-1] in CAPTURES else []
    if rest:
        parts.append(rfc3339(instant(rest.pop(0))))
    if rest:
        raise _malformed(
            "there is more than an address, a time and what was done.", f"What was done: {', '.join(CAPTURES)}."
        )
    return " ".join(parts + what)


def _whole(field: ReferralField, value: str) -> str:
    if not value.isascii() or not value.isdecimal() or len(value) > 19 or int(value) > _WHOLE_MAX:
        raise _malformed("that is not a whole number.", "Write digits only.")
    if field.name.endswith(".age") and int(value) > 130:
        raise _malformed("nobody is that old.", "Years, not months.")
    return str(int(value))


def _date(value: str) -> str:
    if not _DATE.match(value):
        raise _malformed("that is not a date.", "As in 2026-11-27.")
    instant(f"{value}T00:00:00Z")
    return value


def _malformed(message: str, advice: str) -> RefusedError:
    return RefusedError("value_malformed", message, advice)
