"""Safety notices: which there are, their words in every language, helplines, and how often somebody may get one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from nightlight.hazmat.strict_yaml import MalformedError, Reader, read_nodes
from nightlight.model.account import AgeBand


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """``id`` names it in policies and catalogues."""

    id: str
    when: str


#: The closed list. All of them are for the young person: an adult is told nothing that could tell an age.
NOTICES: dict[str, NoticeKind] = {
    kind.id: kind
    for kind in (
        NoticeKind("first_contact", "somebody from outside writes for the first time"),
        NoticeKind("request_waiting", "somebody unnamed asks for contact"),
        NoticeKind("request_refused_by_others", "the one who asks was refused by other people"),
        NoticeKind("before_accepting", "before a request is accepted"),
        NoticeKind("after_blocking", "after somebody was blocked"),
        NoticeKind("after_reporting", "after a report"),
        NoticeKind("loosening", "before a protection is taken off"),
    )
}
NOTICE_IDS = tuple(NOTICES)

_CODE = "catalogue_malformed"
_DATE = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_SPAN = re.compile(r"([0-9]{1,4})([mhd])\Z")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 24 * 3_600_000}
_PHONE = re.compile(r"[0-9+][0-9 -]{1,24}\Z")


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice in one language: for those under 13, and for those from 13 on."""

    title: str
    younger: str
    teen: str

    def text_for(self, band: AgeBand) -> str:
        return self.younger if band is AgeBand.UNDER_13 else self.teen


@dataclass(frozen=True, slots=True)
class Helpline:
    """``checked``: the day on which a person last compared it with the helpline's own page; empty if nobody did."""

    name: str
    phone: str
    url: str
    checked: str


@dataclass(frozen=True, slots=True)
class Country:
    emergency: str
    lines: tuple[Helpline, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """``texts``: language → notice → words. ``countries``: ISO 3166-1 code → whom to call; ``ZZ`` for all others.

    ``every``: notice → the same person gets it at most once in this time, milliseconds.
    """

    texts: Mapping[str, Mapping[str, Notice]]
    countries: Mapping[str, Country]
    every: Mapping[str, int]

    def notice(self, notice_id: str, language: str) -> Notice:
        """In the language, or in English where the language is not there."""
        return self.texts.get(language.partition("-")[0].lower(), self.texts["en"])[notice_id]

    def helplines(self, country: str) -> Country:
        return self.countries.get(country.upper(), self.countries["ZZ"])


def read_texts(data: bytes) -> tuple[str, dict[str, Notice]]:
    """One language's catalogue: its code, and every notice there is. ``MalformedError('catalogue_malformed')``."""
    reader = Reader()
    found = reader.mapping(read_nodes(data, _CODE), ("language", "notices"))
    texts: dict[str, Notice] = {}
    parts = ("title", "younger", "teen")
    if "notices" in found:
        for notice_id, node in reader.mapping(found["notices"], NOTICE_IDS).items():
            values = reader.mapping(node, parts)
            if len(values) == len(parts):
                texts[notice_id] = Notice(*(reader.text(values[part], part, 400) for part in parts))
    language = reader.text(found["language"], "language", 3) if "language" in found else ""
    if reader.problems:
        raise MalformedError(_CODE, reader.problems)
    return language, texts


def read_helplines(data: bytes) -> dict[str, Country]:
    """Helplines by country. ``MalformedError('catalogue_malformed')``."""
    reader = Reader()
    found = reader.mapping(read_nodes(data, _CODE), ("countries",))
    countries: dict[str, Country] = {}
    if "countries" in found:
        for key, node in reader.pairs(found["countries"]):
            if not _COUNTRY.match(key.value):
                reader.complain(key, "A country is two capital letters (ISO 3166-1 alpha-2).")
            values = reader.mapping(node, ("emergency", "lines"))
            if len(values) == 2:
                lines = tuple(_line(reader, item) for item in reader.items(values["lines"]))
                countries[key.value] = Country(_phone(reader, values["emergency"]), lines)
        if "ZZ" not in countries:
            reader.complain(found["countries"], "ZZ is missing: the helplines for all other countries.")
    if reader.problems:
        raise MalformedError(_CODE, reader.problems)
    return countries


def read_caps(data: bytes) -> dict[str, int]:
    """How often the same person may get each notice, milliseconds. ``MalformedError('catalogue_malformed')``."""
    reader = Reader()
    found = reader.mapping(read_nodes(data, _CODE), ("at_most_once_in",))
    caps: dict[str, int] = {}
    if "at_most_once_in" in found:
        for notice_id, node in reader.mapping(found["at_most_once_in"], NOTICE_IDS).items():
            match = _SPAN.match(reader.text(node, notice_id))
            if match is None:
                reader.complain(node, f"{notice_id}: a time belongs here, such as 30m, 6h or 1d; 0m for every time.")
            else:
                caps[notice_id] = int(match[1]) * _UNIT_MS[match[2]]
    if reader.problems:
        raise MalformedError(_CODE, reader.problems)
    return caps


def _line(reader: Reader, node: yaml.Node) -> Helpline:
    values = reader.mapping(node, ("name", "checked"), ("phone", "url"))
    checked = reader.text(values["checked"], "checked") if "checked" in values else "never"
    if checked != "never" and not _DATE.match(checked):
        reader.complain(values["checked"], 'checked: a day such as 2026-11-24, or "never".')
    url = reader.text(values["url"], "url", 200) if "url" in values else ""
    if url and not url.startswith("https://"):
        reader.complain(values["url"], "url: an address that begins with https:// belongs here.")
    return Helpline(
        reader.text(values["name"], "name", 80) if "name" in values else "",
        _phone(reader, values["phone"]) if "phone" in values else "",
        url,
        "" if checked == "never" else checked,
    )


def _phone(reader: Reader, node: yaml.Node) -> str:
    text = reader.text(node, "phone")
    if text and not _PHONE.match(text):
        reader.complain(node, "phone: digits and spaces belong here.")
    return text
