"""What a draft tells one kind of agency, grouped as that agency reads it: its facts, its messages, its files.

Only what is included and only fields that have a place at that agency. Where a fact comes from is told by its kind
alone: an origin can name an account or an event that was left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from nightlight.adapters.cybertipline.fill import safe_file_name
from nightlight.adapters.packages.package import CONVERSATION
from nightlight.adapters.packages.shown import carried
from nightlight.flows.prepare_report import Prepared, PreparedFile
from nightlight.model.account import Assurance
from nightlight.model.attachment import ATTACHMENT_EXPLANATIONS
from nightlight.model.draft import BASES, AgencyKind, Basis, Draft, Fact
from nightlight.respond.draft_check import Missing, completeness
from nightlight.respond.instant import rfc3339
from nightlight.respond.referral_fields import FIELDS, ROLES, ReferralField, fields_for
from nightlight.respond.transcript import TranscriptLine

_FIRST = ("incident.priority", "incident.urgent_reason")
_ASSURANCES = {one.value for one in Assurance}


def sections(draft: Draft, kind: AgencyKind) -> list[dict[str, Any]]:
    """The facts by their places, what decides how fast it is looked at first."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    people = {role: draft.people(role) for role in ROLES}
    urgent_places = {FIELDS[name].places.get(kind) for name in _FIRST}
    for field in fields_for(kind):
        for fact in _told(draft, field):
            role = field.role if field.role in ROLES else ""
            groups.setdefault((field.places[kind], role, fact.person), []).append(_fact(draft, field, kind, fact))
    order = {role: number for number, role in enumerate(("", *ROLES))}
    found = sorted(groups.items(), key=lambda one: (order[one[0][1]], one[0][0] not in urgent_places, one[0][2]))
    return [
        {"place": place, "title": _title(kind, place, role, person, people), "facts": facts}
        for (place, role, person), facts in found
    ]


def conversation(prepared: Prepared, kind: AgencyKind) -> dict[str, Any] | None:
    """The messages; None where none goes out, and for the IWF always."""
    if kind is AgencyKind.IWF or not prepared.transcript:
        return None
    text = carried(prepared.transcript)
    file = next((one for one in prepared.files if one.attachment is None), None)
    return {
        "name": CONVERSATION,
        "sha256": hashlib.sha256(file.text if file else text.encode()).hexdigest(),
        "viewed": file is not None and file.viewed,
        "messages": [_message(number, line) for number, line in enumerate(prepared.lines, 1)],
        "text": text,
    }


def files(prepared: Prepared, kind: AgencyKind) -> list[dict[str, Any]]:
    """The kept files, with digests of what was sent; for the IWF none."""
    if kind is AgencyKind.IWF:
        return []
    return [_file(prepared.draft, file) for file in prepared.files if file.attachment is not None]


def completeness_of(draft: Draft, kind: AgencyKind) -> dict[str, Any]:
    """How much of what this agency can be told is told, and what is not, the weightiest first."""
    found = completeness(draft, kind)
    missing = sorted(found.missing, key=lambda one: -one.field.weight)
    return {"score": found.score, "missing": [_missing(one, kind) for one in missing]}


def iwf_addresses(draft: Draft) -> list[str]:
    return [carried(value) for value in draft.values("incident.url")]


def _told(draft: Draft, field: ReferralField) -> Iterator[Fact]:
    return (fact for fact in draft.facts if fact.name == field.name and fact.included)


def _fact(draft: Draft, field: ReferralField, kind: AgencyKind, fact: Fact) -> dict[str, Any]:
    said: dict[str, Any] = {
        "field": field.name,
        "title": field.title,
        "value": carried(fact.value),
        "basis": fact.basis.value,
        "basis_words": BASES[fact.basis],
        "place": field.places[kind],
        "person": fact.person,
    }
    if fact.basis is Basis.PROVEN and fact.origin in draft.messages and kind is not AgencyKind.IWF:
        said["proven_by"] = carried(fact.origin)
    assurance = fact.origin.partition(" ")[0]
    if fact.basis is Basis.AGE and assurance in _ASSURANCES:
        said["assurance"] = assurance
    return said


def _title(kind: AgencyKind, place: str, role: str, person: int, people: dict[str, tuple[int, ...]]) -> str:
    if role:
        return ROLES[role] if len(people[role]) == 1 else f"{ROLES[role]} {person}"
    if kind is AgencyKind.NCA:
        return "Priority" if place.startswith("Regulation") else "Incident"
    return place


def _message(number: int, line: TranscriptLine) -> dict[str, Any]:
    return {
        "number": number,
        "event_id": carried(line.event_id),
        "sender": carried(line.sender),
        "sent_at": rfc3339(line.sent_at),
        "said": carried(line.said),
        "event_sha256": line.sha256.hex(),
        "reported": line.reported,
        "omitted_before": line.omitted,
        "files": line.files,
    }


def _file(draft: Draft, file: PreparedFile) -> dict[str, Any]:
    attachment, sent = file.attachment, file.sent
    digests = attachment.digests if attachment else None
    said: dict[str, Any] = {
        "name": f"files/{file.name}",
        "original_name": safe_file_name(file.original_name),
        "size": digests.size if digests else None,
        "sha256": digests.sha256.hex() if digests else "",
        "sha1": digests.sha1.hex() if digests else "",
        "md5": digests.md5.hex() if digests else "",
        "sent_at": None if file.uploaded_at is None else rfc3339(file.uploaded_at),
        "viewed": file.viewed,
        "relevance": sent.relevance.value if sent else "",
        "classification": carried(sent.classification) if sent else "",
        "annotations": [carried(one) for one in sent.annotations] if sent else [],
        "check": attachment.code.value if attachment else "",
        "check_words": ATTACHMENT_EXPLANATIONS[attachment.code] if attachment else "",
    }
    if sent and sent.event_id in draft.messages:
        said["event_id"] = carried(sent.event_id)
    return said


def _missing(one: Missing, kind: AgencyKind) -> dict[str, Any]:
    return {
        "field": one.field.name,
        "title": one.field.title,
        "about": ROLES.get(one.field.role, "Incident"),
        "person": one.person,
        "place": one.field.places[kind],
        "why": one.field.why,
        "state": "known and left out" if one.left_out else "not known",
    }
