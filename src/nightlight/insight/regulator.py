"""What a regulator asks for, clause by clause, and what a record has of it. What it has not is said, and never zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from nightlight.errors import RefusedError
from nightlight.insight.record import RecordShown
from nightlight.insight.record_values import NOT_HELD, Line, record_lines
from nightlight.insight.sections import Shown

#: Those that come along.
TEMPLATES = ("ofcom-c4", "dsa-15", "dsa-24")


@dataclass(frozen=True, slots=True)
class Field:
    """``shows``: parts of a record: ``section``, ``section.table`` or ``others.number``. ``says``: a fixed answer."""

    clause: str
    asks: str
    shows: tuple[str, ...]
    says: str
    note: str

    @property
    def held(self) -> bool:
        return bool(self.shows or self.says)


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    title: str
    about: str
    sources: tuple[str, ...]
    fields: tuple[Field, ...]


def read_template(name: str, data: bytes) -> Template:
    """One of those that come along; what a person wrote elsewhere is not read."""
    values = yaml.safe_load(data)
    fields = tuple(
        Field(
            one["clause"],
            one["asks"],
            tuple(one.get("shows", ())),
            " ".join(one.get("says", "").split()),
            " ".join(one.get("note", "").split()),
        )
        for one in values["fields"]
    )
    return Template(name, values["title"], " ".join(values["about"].split()), tuple(values["sources"]), fields)


def template_warnings(shown: RecordShown) -> list[str]:
    """Why this record is not what a regulator wants."""
    said = []
    period = shown.record.period
    if not period.whole_months:
        said.append("A template wants whole months, and this period is not made of them.")
    if not period.finished(shown.record.as_of):
        said.append("A template wants a period that is over, and this one is not.")
    return said


def field_lines(field: Field, shown: RecordShown) -> list[Line]:
    """The numbers of a field; empty where it has none."""
    return [line for part in field.shows for line in _lines(part, shown)]


def field_parts(field: Field, shown: RecordShown) -> list[tuple[Shown, str]]:
    """Section and table of what a field shows; the table's name is empty for the section's own rows."""
    parts = []
    for part in field.shows:
        section, _, table = part.partition(".")
        if section != "others":
            parts.append((shown.section(section), table))
    return parts


def _lines(part: str, shown: RecordShown) -> Sequence[Line]:
    section, _, table = part.partition(".")
    if section == "others":
        words = next((line for other, line in _others(shown) if other == table), None)
        found = [words] if words is not None else []
    else:
        found = [line for line in record_lines(shown) if (line.section, line.table) == (section, table)]
    if not found:
        raise RefusedError("template_part", f"A record has no part {part}.")
    return found


def _others(shown: RecordShown) -> list[tuple[str, Line]]:
    lines = [line for line in record_lines(shown) if line.section == "others"]
    return list(zip(map(str, shown.others), lines, strict=True))


def template_values(template: Template, shown: RecordShown) -> dict[str, Any]:
    """The template filled in, for JSON."""
    return {
        "name": template.name,
        "title": template.title,
        "about": template.about,
        "sources": list(template.sources),
        "warnings": template_warnings(shown),
        "fields": [
            {
                "clause": field.clause,
                "asks": field.asks,
                "held": field.held,
                "says": field.says if field.held else NOT_HELD,
                "note": field.note,
                "figures": [line._asdict() for line in field_lines(field, shown)],
            }
            for field in template.fields
        ],
    }
