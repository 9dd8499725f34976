"""Whether a draft can go out, how complete it is, and what is missing and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.model.draft import AgencyKind, Basis, Draft, FileRelevance
from nightlight.respond.instant import instant
from nightlight.respond.referral_fields import FIELDS, ROLES, ReferralField, fields_for
from nightlight.respond.referral_values import checked_value

#: The schema's industry classification of a file.
CLASSIFICATIONS = ("A1", "A2", "B1", "B2")
#: The schema's annotations of a file, in our words.
ANNOTATIONS = (
    "anime_drawing_virtual_hentai",
    "potential_meme",
    "viral",
    "possible_self_production",
    "physical_harm",
    "violence_gore",
    "bestiality",
    "live_streaming",
    "infant",
    "generative_ai",
)
#: A clock may be a little ahead of another one.
_AHEAD_MS = 300_000
_MINOR_BANDS = ("under 13", "13 to 15", "16 or 17")


class Weight(StrEnum):
    """``stops``: it cannot go out like this. ``warns``: somebody should look once more."""

    STOPS = "stops"
    WARNS = "warns"


@dataclass(frozen=True, slots=True)
class Finding:
    """``field``: the field it is about, empty where it is about the whole draft."""

    weight: Weight
    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A field that is not given. ``left_out``: it is known here, and a person took it out."""

    field: ReferralField
    person: int
    left_out: bool


@dataclass(frozen=True, slots=True)
class Completeness:
    """``score``: percent of the weight of what the agency can be told, where available."""

    score: int
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    findings: tuple[Finding, ...]
    completeness: Completeness

    @property
    def can_go(self) -> bool:
        return not any(finding.weight is Weight.STOPS for finding in self.findings)


def check_draft(draft: Draft, agency: AgencyKind, now: int) -> Checked:
    """What is wrong with the draft as it stands. ``now``: milliseconds since 1970, UTC."""
    found = [
        *_values(draft, agency, now),
        *_needed(draft, agency),
        *_content(draft, agency),
        *_files(draft),
        *_people(draft),
    ]
    return Checked(tuple(found), completeness(draft, agency))


def completeness(draft: Draft, agency: AgencyKind) -> Completeness:
    """Every field counts its weight once for the incident, and once for each person of its role."""
    known = {(fact.name, fact.person) for fact in draft.facts}
    total = reached = 0
    missing = []
    for field in fields_for(agency):
        for person in _persons(draft, field):
            total += field.weight
            if draft.of(field.name, person):
                reached += field.weight
            elif field.weight:
                missing.append(Missing(field, person, (field.name, person) in known))
    return Completeness(round(100 * reached / total) if total else 100, tuple(missing))


def _persons(draft: Draft, field: ReferralField) -> tuple[int, ...]:
    if field.role not in ROLES:
        return (1,)
    people = draft.people(field.role)
    # A referral without anybody reported, or without a child, lacks exactly that.
    return people or ((1,) if field.role in ("suspect", "victim") else ())


def _values(draft: Draft, agency: AgencyKind, now: int) -> Iterator[Finding]:
    once: set[tuple[str, int]] = set()
    for fact in draft.facts:
        field = FIELDS.get(fact.name)
        if field is None:
            yield Finding(Weight.STOPS, fact.name, f"There is no field {fact.name!r}.", "Take it out.")
            continue
        if not fact.included:
            continue
        if agency not in field.places:
            yield Finding(Weight.STOPS, fact.name, f"{field.title} is not for this agency.", "Take it out.")
        try:
            value = checked_value(field, fact.value)
        except RefusedError as e:
            yield Finding(Weight.STOPS, fact.name, e.message, e.hint)
            continue
        if field.name in ("incident.at", "suspect.disabled_at") and instant(value) > now + _AHEAD_MS:
            yield Finding(Weight.STOPS, fact.name, f"{field.title} is in the future.", "Check the time and its zone.")
        if not field.many and (fact.name, fact.person) in once:
            yield Finding(Weight.STOPS, fact.name, f"{field.title} can be given once.", "Keep one of them.")
        once.add((fact.name, fact.person))


def _needed(draft: Draft, agency: AgencyKind) -> Iterator[Finding]:
    for field in fields_for(agency):
        if agency in field.needed_by and not any(draft.of(field.name, n) for n in _persons(draft, field)):
            yield Finding(Weight.STOPS, field.name, f"{field.title} is needed.", "Fill it in.")


def _content(draft: Draft, agency: AgencyKind) -> Iterator[Finding]:
    sent = [file for file in draft.files if file.included]
    if not draft.messages and not sent and agency is not AgencyKind.IWF:
        yield Finding(Weight.STOPS, "", "Neither a message nor a file goes out.", "Choose what was reported.")
    if draft.urgent and not draft.value("incident.urgent_reason") and agency is not AgencyKind.IWF:
        yield Finding(
            Weight.STOPS, "incident.urgent_reason", "It is urgent, and nothing says why.", "Write it in a sentence."
        )
    if draft.value("incident.urgent_reason") and not draft.urgent:
        yield Finding(
            Weight.WARNS, "incident.urgent_reason", "A reason for urgency is given, and it is not marked urgent."
        )
    priority = draft.value("incident.priority")
    if agency is AgencyKind.NCA and priority and draft.urgent is not (priority == "P1"):
        yield Finding(
            Weight.WARNS,
            "incident.priority",
            "P1 stands for a child in immediate danger, and such a referral is urgent.",
            "Mark it urgent as well, or choose another priority.",
        )
    for fact in draft.facts:
        if fact.included and fact.basis is Basis.REPORTER and fact.name in ("suspect.age", "victim.age"):
            yield Finding(Weight.WARNS, fact.name, "An age is only what somebody said.", "Say so in the summary.")


def _files(draft: Draft) -> Iterator[Finding]:
    for file in draft.files:
        if not file.included:
            continue
        if file.classification and file.classification not in CLASSIFICATIONS:
            yield Finding(Weight.STOPS, "", f"There is no classification {file.classification!r}.")
        if file.classification and file.relevance is FileRelevance.SUPPLEMENTAL:
            yield Finding(Weight.STOPS, "", "A supplemental file carries no classification.", "Take it out.")
        for unknown in sorted(set(file.annotations) - set(ANNOTATIONS)):
            yield Finding(Weight.STOPS, "", f"There is no annotation {unknown!r} of files.")


def _people(draft: Draft) -> Iterator[Finding]:
    if not draft.people("suspect"):
        yield Finding(Weight.WARNS, "suspect.account_id", "Nobody is reported.", "An account, if one is known.")
    young = [role for role in ("suspect", "victim") if any(_is_minor(draft, role, n) for n in draft.people(role))]
    if len(young) == 2 and not draft.value("incident.minor_to_minor"):
        yield Finding(
            Weight.WARNS,
            "incident.minor_to_minor",
            "There are minors on both sides.",
            "Children among themselves are protected, not prosecuted: say that it is between children, or leave it be.",
        )
    elif "suspect" in young and len(young) == 1:
        yield Finding(
            Weight.WARNS, "suspect.age_band", "The reported account may be a minor's.", "Somebody else may use it."
        )


def _is_minor(draft: Draft, role: str, person: int) -> bool:
    age = draft.value(f"{role}.age", person)
    band = draft.value(f"{role}.age_band", person)
    return band in _MINOR_BANDS or (age.isdecimal() and int(age) < 18)
