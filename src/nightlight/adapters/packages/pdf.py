"""A referral's document as pages of A4 that a person reads: by WeasyPrint, from a template, and from nothing else.

PDF/A-2a (ISO 19005-2, level A): it can be read as it is in decades, it is tagged for screen readers, and it carries
nothing but pages. The same document is the same bytes on one machine: no time, no random number. Pages are bounded:
what is cut says so, and where the whole is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nightlight.adapters.packages.package import CONVERSATION, DOCUMENT
from nightlight.adapters.packages.preview import OPERATOR_WORDS, basis_words
from nightlight.adapters.packages.shown import Cut, cut
from nightlight.adapters.paper import pdf_of
from nightlight.model.draft import AgencyKind
from nightlight.respond.referral_fields import FIELDS, ROLES, Form
from nightlight.respond.visible import visible

#: Of one role, among what stands first.
_PEOPLE_MAX = 5
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)Z")


@dataclass(frozen=True, slots=True)
class PageLimits:
    """What is shown at most. ``rows``: of a table; ``text`` and ``lines``: of a long value; ``said``: of a message."""

    rows: int = 100
    sections: int = 70
    files: int = 30
    value: int = 500
    glance: int = 2_000
    text: int = 6_000
    lines: int = 150
    messages: int = 100
    said: int = 1_500
    said_lines: int = 40
    transcript: int = 40_000
    transcript_lines: int = 1_000


LIMITS = PageLimits()


def package_pdf(document: Mapping[str, Any], limits: PageLimits = LIMITS) -> bytes:
    """``document``: of ``package_document``. ``UnavailableError('pages_unavailable')`` without Pango on the system."""
    return pdf_of(package_html(document, limits))


def package_html(document: Mapping[str, Any], limits: PageLimits = LIMITS) -> str:
    """The pages before they are laid out. Everything in ``document`` is escaped."""
    referral, kind = document["referral"], AgencyKind(document["referral"]["agency"]["kind"])
    conversation = document.get("conversation")
    return _templates.get_template("referral.html").render(
        document=document,
        referral=referral,
        kind=kind,
        iwf=kind is AgencyKind.IWF,
        conversation=conversation,
        said=conversation is not None and any("said" in one for one in conversation["messages"]),
        files=document.get("files", []),
        key_facts=_key_facts(document),
        inside=_inside(document),
        asked=_asked(document["operator"]),
        limits=limits,
        operator_words=OPERATOR_WORDS,
        whole=DOCUMENT,
        transcript_name=CONVERSATION,
    )


def _key_facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an officer has to know in the first minute: what, when, and about whom."""
    told = [fact for section in document["sections"] for fact in section["facts"]]
    found = [
        (fact["title"], _clock(fact["value"])) for fact in told if fact["field"] in ("incident.type", "incident.at")
    ]
    for role, title in ROLES.items():
        of_role = [fact for fact in told if fact["field"].partition(".")[0] == role]
        for person in list(dict.fromkeys(fact["person"] for fact in of_role))[:_PEOPLE_MAX]:
            known = [
                fact["value"] + (f" ({fact['assurance']})" if "assurance" in fact else "")
                for fact in of_role
                if fact["person"] == person and fact["field"].partition(".")[2] in ("account_id", "age", "age_band")
            ]
            if known:
                found.append((title if person == 1 else f"{title} {person}", ", ".join(known)))
    return found


def _inside(document: Mapping[str, Any]) -> str:
    conversation, files = document.get("conversation"), document.get("files", [])
    parts = [
        _count(len(conversation["messages"]), "message") if conversation else "no message",
        _count(len(files), "file"),
        *(["an evidence bundle"] if document.get("bundle") else []),
    ]
    return ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _asked(operator: Mapping[str, str]) -> str:
    known = [operator[name] for name in ("contact", "email", "phone") if name in operator]
    return ", ".join(known) or "not said"


def _short(text: str, characters: int) -> str:
    """A line of a heading or of a table, with an ellipsis where it is cut."""
    found = cut(text, characters, 1)
    return found.text + ("…" if found.is_cut else "")


def _clock(text: str) -> str:
    """RFC 3339 as people read it."""
    return _MOMENT.sub(r"\1 \2 UTC", text)


def _timed(fact: Mapping[str, Any]) -> bool:
    return FIELDS[fact["field"]].form in (Form.TIME, Form.IP)


def _is_long(fact: Mapping[str, Any]) -> bool:
    return FIELDS[fact["field"]].form is Form.TEXT


def _right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(one) in ("R", "AL") for one in text)


def _cut_note(found: Cut, where: str) -> str:
    return f"Cut here: the first {found.shown:,} of {found.whole:,} characters. The whole is in {where}."


def _rows_note(shown: int, whole: Sequence[object], what: str, where: str) -> str:
    return f"Cut here: {shown:,} of {len(whole):,} {what}. All of them are in {where}."


def _gap(omitted: int | None) -> str:
    """What was left out before a message, in words."""
    if omitted is None:
        return "There may be messages in between."
    return f"{omitted:,} message{'' if omitted == 1 else 's'} in between, not in here." if omitted else ""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nightlight.adapters.packages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "visible": visible, "short": _short, "cut": cut, "clock": _clock, "basis": basis_words, "gap": _gap,
    }  # fmt: skip
    environment.filters.update(filters)
    environment.globals.update(cut_note=_cut_note, rows_note=_rows_note)
    environment.tests.update(timed=_timed, long=_is_long, right_to_left=_right_to_left)
    return environment


_templates = _environment()
