"""Changing a draft: what a reviewer writes becomes the reviewer's fact; what was there before stays to be seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.model.draft import AgencyKind, Basis, Draft, DraftFile, Fact
from nightlight.respond.referral_fields import FIELDS, ROLES
from nightlight.respond.referral_values import checked_value

FACTS_MAX = 300
PERSONS_MAX = 20


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact that a reviewer adds."""

    name: str
    value: str
    person: int = 1


@dataclass(frozen=True, slots=True)
class Edit:
    """What a reviewer changed. Numbers are places in the draft's facts, from 0.

    ``included``: the facts that go out. ``values``: new values of facts, by place. ``messages``: event ids that go out.
    """

    included: Collection[int]
    values: Mapping[int, str]
    added: Sequence[NewFact]
    messages: Collection[str]
    files: Sequence[DraftFile]
    urgent: bool


def edited(draft: Draft, edit: Edit, agency: AgencyKind, reviewer: str, known: Collection[str]) -> Draft:
    """The draft after the edit. ``known``: event ids of the case's proven messages, of which some may be chosen.

    ``RefusedError``: ``field_unknown``, ``field_not_for_agency``, ``value_malformed`` …, ``message_not_found``,
    ``attachment_not_found``, ``draft_too_long``.
    """
    facts: list[Fact] = []
    for place, fact in enumerate(draft.facts):
        goes = place in edit.included
        value = edit.values.get(place, fact.value).strip()
        if value == fact.value or not value:
            facts.append(replace(fact, included=goes and bool(value)))
            continue
        if fact.basis is not Basis.REVIEWER:
            # What the records say is not overwritten: it stays, taken out, beside what the reviewer says instead.
            facts.append(replace(fact, included=False))
        facts.append(_written(fact.name, value, fact.person, agency, reviewer, included=goes))
    facts += [_written(new.name, new.value, new.person, agency, reviewer) for new in edit.added]
    if len(facts) > FACTS_MAX:
        raise RefusedError("draft_too_long", f"A draft has at most {FACTS_MAX} facts.", "Take some out.")
    strangers = set(edit.messages) - set(known)
    if strangers:
        raise RefusedError(
            "message_not_found", "A chosen message is not a proven one of this case.", "Reload the page."
        )
    ours = {file.attachment_id: file.event_id for file in draft.files}
    if any(ours.get(file.attachment_id) != file.event_id for file in edit.files):
        raise RefusedError("attachment_not_found", "A chosen file is not kept in this case.", "Reload the page.")
    chosen = tuple(event_id for event_id in known if event_id in edit.messages)
    return Draft(tuple(facts), chosen, tuple(edit.files), edit.urgent)


def _written(name: str, value: str, person: int, agency: AgencyKind, reviewer: str, *, included: bool = True) -> Fact:
    field = FIELDS.get(name)
    if field is None:
        raise RefusedError("field_unknown", f"There is no field {name!r}.", "Choose one of the list.")
    if agency not in field.places:
        raise RefusedError("field_not_for_agency", f"{field.title} is not for this agency.", "Leave it out.")
    if not 1 <= person <= (PERSONS_MAX if field.role in ROLES else 1):
        raise RefusedError("field_unknown", f"A referral names at most {PERSONS_MAX} people of a kind.")
    return Fact(name, checked_value(field, value), Basis.REVIEWER, reviewer, person, included)
