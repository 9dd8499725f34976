"""A package as rows that a person can read before it goes: made from what its document is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nightlight.adapters.packages.content import completeness_of, conversation, files, sections
from nightlight.adapters.packages.document import operator_of
from nightlight.adapters.packages.package import PRIORITY_WORDS, require_package
from nightlight.flows.prepare_report import Prepared
from nightlight.flows.preview_referral import Form, PreviewRow
from nightlight.model.draft import AgencyKind
from nightlight.model.reporter import ReportingOperator
from nightlight.respond.visible import visible

OPERATOR_WORDS = {
    "service": "Service",
    "contact": "Person to ask",
    "email": "Mail address",
    "phone": "Telephone number",
    "about": "About the service",
    "terms_url": "Terms of service",
    "legal_url": "Where legal process is served",
}


def package_form(kind: AgencyKind, operator: ReportingOperator) -> Form:
    """``flows.preview_referral.Form`` for one kind of agency; ``RefusedError('no_package')`` where it takes none."""
    require_package(kind)

    def form(prepared: Prepared) -> Sequence[PreviewRow]:
        return list(_rows(prepared, kind, operator))

    return form


def _rows(prepared: Prepared, kind: AgencyKind, operator: ReportingOperator) -> Iterator[PreviewRow]:
    yield PreviewRow(0, "Reporting service")
    for name, value in operator_of(operator).items():
        yield PreviewRow(1, OPERATOR_WORDS[name], visible(value))
    for section in sections(prepared.draft, kind):
        place = section["place"]
        yield PreviewRow(0, section["title"] + (f" ({place})" if place != section["title"] else ""))
        for fact in section["facts"]:
            yield PreviewRow(1, fact["title"], _value(fact))
            yield PreviewRow(2, "Rests on", basis_words(fact))
    yield from _content(prepared, kind)
    found = completeness_of(prepared.draft, kind)
    yield PreviewRow(0, "What is told, of what could be", f"{found['score']} %")
    for missing in found["missing"]:
        yield PreviewRow(1, f"{missing['about']}: {missing['title']}", missing["state"])


def basis_words(fact: dict[str, Any]) -> str:
    """What a fact rests on, with how sure an age is."""
    return f"{fact['basis_words']} ({fact['assurance']})" if "assurance" in fact else str(fact["basis_words"])


def _value(fact: dict[str, Any]) -> str:
    words = PRIORITY_WORDS.get(fact["value"], "") if fact["field"] == "incident.priority" else ""
    return visible(fact["value"]) + (f": {words}" if words else "")


def _content(prepared: Prepared, kind: AgencyKind) -> Iterator[PreviewRow]:
    said = conversation(prepared, kind)
    if said is not None:
        yield PreviewRow(0, "Conversation", said["name"])
        yield PreviewRow(1, "Messages", str(len(said["messages"])))
        yield PreviewRow(1, "Somebody looked at all of it", _yes(said["viewed"]))
        yield PreviewRow(1, "Text", visible(said["text"]))
    for file in files(prepared, kind):
        yield PreviewRow(0, "File", visible(file["name"]))
        yield PreviewRow(1, "Original name", visible(file["original_name"]))
        yield PreviewRow(1, "Size in bytes", str(file["size"]))
        for name, title in (("sha256", "SHA-256"), ("sha1", "SHA-1"), ("md5", "MD5")):
            yield PreviewRow(1, title, file[name])
        yield PreviewRow(1, "Somebody looked at it", _yes(file["viewed"]))
        yield PreviewRow(1, "Relevance", file["relevance"])
        yield PreviewRow(1, "Classification", visible(file["classification"]) or "not classified")
        yield PreviewRow(1, "Check", file["check_words"])


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
